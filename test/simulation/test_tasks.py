"""Where episodes may start."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balanced_bc.simulation import panda, picking
from balanced_bc.simulation.errors import SimulationError
from balanced_bc.simulation.scene import Start
from balanced_bc.simulation.starts import JOINT_JITTER, SHELF, TABLE, draw_beside
from balanced_bc.simulation.tasks import TASKS, behavior_of, behaviors_of

EVERY = [(task, behavior) for task, behaviors in TASKS.items() for behavior in behaviors]
seeds = st.integers(0, 2**31)


def draw(task: str, behavior: str, seed: int) -> Start:
    return behavior_of(task, behavior).draw(np.random.default_rng(seed))


@pytest.mark.parametrize(("task", "behavior"), EVERY)
@given(seed=seeds)
def test_every_start_is_where_starts_may_be(task: str, behavior: str, seed: int) -> None:
    start = draw(task, behavior, seed)
    assert (np.abs(start.joints - panda.REST) <= JOINT_JITTER).all()
    assert 0 <= start.slider <= 0.28
    assert 0 <= start.drawer <= 0.22
    for block in (start.red_block, start.blue_block, start.pink_block):
        assert any(a <= block.x <= b and c <= block.y <= d for (a, b), (c, d) in (TABLE, SHELF))


@pytest.mark.parametrize("behavior", ["slider", "drawer"])
def test_the_bulb_tells_which_opening_is_wanted(behavior: str) -> None:
    bulbs = {draw("opening", behavior, seed).lightbulb for seed in range(20)}
    assert bulbs == {behavior == "drawer"}


@pytest.mark.parametrize("region", picking.REGIONS)
@given(seed=seeds)
def test_the_red_block_stands_in_its_region(region: str, seed: int) -> None:
    assert picking.region_of(draw("picking", region, seed).red_block.x) == region


def test_what_does_not_matter_is_random() -> None:
    starts = [draw("picking", "left", seed) for seed in range(20)]
    for name in ("slider", "drawer", "lightbulb", "led", "blue_block", "pink_block"):
        assert len({getattr(start, name) for start in starts}) > 1


@given(seeds)
def test_blocks_leave_room_for_the_fingers(seed: int) -> None:
    start = draw("picking", "middle", seed)
    for other in (start.blue_block, start.pink_block):
        distance = math.hypot(other.x - start.red_block.x, other.y - start.red_block.y)
        assert distance >= picking.FINGER_ROOM


def test_no_room_for_a_block_is_said() -> None:
    red = draw("picking", "middle", 0).red_block
    with pytest.raises(SimulationError, match="no place"):
        draw_beside(np.random.default_rng(0), (red,), distance=5.0)


def test_an_unknown_task_lists_those_that_exist() -> None:
    with pytest.raises(SimulationError, match="opening, picking"):
        behaviors_of("juggling")


def test_an_unknown_behavior_lists_those_that_exist() -> None:
    with pytest.raises(SimulationError, match="slider, drawer"):
        behavior_of("opening", "left")

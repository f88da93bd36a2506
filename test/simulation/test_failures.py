"""Real demonstrators fail in known ways, and what is said of them is what they did."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from balanced_bc.control.limiter import Limits
from balanced_bc.simulation.demonstrators import cast, make_demonstrator, percept_of
from balanced_bc.simulation.environment import TabletopEnv, make
from balanced_bc.simulation.errors import SimulationError
from balanced_bc.simulation.failed_picking import closed, holds
from balanced_bc.simulation.failures import JUDGES, failure_of
from balanced_bc.simulation.picking import REGIONS
from balanced_bc.simulation.tasks import TASKS
from balanced_bc.simulation.trace import FailureKind, Trace, ends_at_limits

HORIZON = 120

Change = Callable[[int, NDArray[np.float64]], NDArray[np.float64]]
"""What becomes of a demonstrator's action at a tick."""


@pytest.fixture(scope="module")
def picking() -> Iterator[TabletopEnv]:
    world = make("picking", render_images=False, horizon=HORIZON)
    yield world
    world.close()


@pytest.fixture(scope="module")
def opening() -> Iterator[TabletopEnv]:
    world = make("opening", render_images=False, horizon=HORIZON)
    yield world
    world.close()


def demonstrated(
    world: TabletopEnv,
    behavior: str,
    quality: str = "optimal",
    seed: int = 0,
    change: Change = lambda _tick, action: action,
    ticks: int = HORIZON,
) -> tuple[Trace, bool]:
    """What a demonstrator does, who stands still when it has finished; and whether it succeeded."""
    _, info = world.reset(seed=seed, options={"behavior": behavior})
    part = cast(world.task, behavior, quality, np.random.default_rng(seed))
    scenes, actions = [world.scene], list[NDArray[np.float64]]()
    while len(actions) < ticks and not info["success"]:
        action = change(len(actions), part.demonstrator.act(percept_of(world.scene)))
        actions.append(np.append(np.zeros(6), action[6]) if part.demonstrator.finished else action)
        *_, info = world.step(actions[-1])
        scenes.append(world.scene)
    return Trace(world.task, behavior, scenes, np.array(actions)), bool(info["success"])


def failure(world: TabletopEnv, behavior: str, **how: object) -> FailureKind:
    """How a demonstrator fails; it must."""
    trace, success = demonstrated(world, behavior, **how)  # type: ignore[arg-type]
    assert not success
    return failure_of(trace)


def failures(world: TabletopEnv, behavior: str, quality: str, seeds: int) -> list[FailureKind]:
    """How those that fail of some demonstrations fail."""
    all_of_them = [demonstrated(world, behavior, quality, seed) for seed in range(seeds)]
    return [failure_of(trace) for trace, success in all_of_them if not success]


def opened(_tick: int, action: NDArray[np.float64]) -> NDArray[np.float64]:
    """The gripper never closes."""
    return np.append(action[:6], 1.0)


def until(last: int, then: tuple[float, ...]) -> Change:
    """The demonstrator's action for some ticks, then this one."""
    return lambda tick, action: action if tick < last else np.array(then)


@pytest.mark.parametrize("behavior", REGIONS)
def test_grasping_in_another_region_is_the_wrong_behavior(picking: TabletopEnv, behavior: str) -> None:
    assert set(failures(picking, behavior, "misleading", 3)) == {"wrong behavior"}


@pytest.mark.parametrize("behavior", TASKS["opening"])
def test_moving_the_other_handle_is_the_wrong_behavior(opening: TabletopEnv, behavior: str) -> None:
    assert set(failures(opening, behavior, "misleading", 3)) == {"wrong behavior"}


def test_reaching_for_the_other_handle_is_the_wrong_behavior_even_if_it_does_not_move(opening: TabletopEnv) -> None:
    """The drawer is already open as far as it goes."""
    trace, _ = demonstrated(opening, "slider", "misleading")
    still = [scene._replace(drawer=trace.scenes[0].drawer) for scene in trace.scenes]
    assert failure_of(trace._replace(scenes=still)) == "wrong behavior"


def test_fingers_that_close_beside_the_block_have_missed_it(picking: TabletopEnv) -> None:
    """Sloppy demonstrators close beside it, or never if they believe that they are still on their way."""
    taken = [demonstrated(picking, "middle", "sloppy-grasp", seed) for seed in range(8)]
    failed = [trace for trace, success in taken if not success]
    have_closed = [bool(closed(trace.in_time)) for trace in failed]
    assert [failure_of(trace) == "missed grasp" for trace in failed] == have_closed
    assert any(have_closed)


def test_slipping_off_the_handle_is_a_missed_grasp(opening: TabletopEnv) -> None:
    """The hand goes up from the handle and waits there."""

    def slip(tick: int, action: NDArray[np.float64]) -> NDArray[np.float64]:
        return action if tick < 30 else np.array((0.0, 0.0, 0.3 if tick < 42 else 0.0, 0.0, 0.0, 0.0, -1.0))

    assert failure(opening, "drawer", change=slip) == "missed grasp"


@pytest.mark.parametrize("behavior", REGIONS)
def test_fingers_that_never_close_run_out_of_time(picking: TabletopEnv, behavior: str) -> None:
    assert failure(picking, behavior, change=opened) == "timeout"


def test_a_block_that_is_held_when_time_is_up_is_no_missed_grasp(picking: TabletopEnv) -> None:
    """The demonstrator stops lifting as soon as it holds the block."""
    _, ticks = demonstrated_until_held(picking)
    trace, success = demonstrated(picking, "middle", change=until(ticks, (0.0,) * 6 + (-1.0,)), ticks=ticks + 40)
    assert not success
    assert holds(trace.scenes[-1])
    assert failure_of(trace) == "timeout"


def test_a_block_that_is_dropped_is_a_missed_grasp(picking: TabletopEnv) -> None:
    _, ticks = demonstrated_until_held(picking)
    assert failure(picking, "middle", change=until(ticks, (0.0,) * 6 + (1.0,))) == "missed grasp"


def demonstrated_until_held(world: TabletopEnv) -> tuple[Trace, int]:
    """A demonstration, and the tick at which the block has just been held for a moment."""
    trace, success = demonstrated(world, "middle")
    assert success
    held = [tick for tick, scene in enumerate(trace.scenes) if holds(scene)]
    return trace, held[3]


def test_a_handle_that_still_moves_when_time_is_up_is_a_timeout(opening: TabletopEnv) -> None:
    for behavior in TASKS["opening"]:
        trace, success = demonstrated(opening, behavior)
        assert success
        cut = trace._replace(scenes=trace.scenes[:-2], actions=trace.actions[:-2])
        assert failure_of(cut) == "timeout"


def test_a_hand_that_never_arrives_runs_out_of_time(opening: TabletopEnv) -> None:
    for behavior in TASKS["opening"]:
        assert failure(opening, behavior, change=lambda _tick, action: 0.1 * action) == "timeout"


@pytest.mark.parametrize(
    "twist",
    [
        (0.0, 0.0, 0.5, 0.0, 0.0, 0.0),  # out of the workspace, upward
        (0.0, 0.0, 0.0, 0.0, 0.0, 1.2),  # the last joint turns to its end
        (0.7, 0.0, 0.0, 0.0, 0.0, 0.0),  # faster than the arm may go
    ],
)
def test_an_arm_that_ends_at_a_limit_is_told_from_one_that_ran_out_of_time(
    picking: TabletopEnv, opening: TabletopEnv, twist: tuple[float, ...]
) -> None:
    for world, behavior in ((picking, "left"), (opening, "slider")):
        assert failure(world, behavior, change=until(0, (*twist, 1.0))) == "limits"


def test_a_limit_that_was_left_in_time_does_not_count(picking: TabletopEnv) -> None:
    fast = (1.1 * Limits().max_linear, *(0.0,) * 5, 1.0)
    quick = demonstrated(picking, "left", change=lambda tick, action: np.array(fast) if tick < 10 else 0.0 * action)[0]
    assert ends_at_limits(quick._replace(scenes=quick.scenes[:11], actions=quick.actions[:10]))
    assert not ends_at_limits(quick)


def test_every_task_has_somebody_who_judges_it() -> None:
    assert set(JUDGES) == set(TASKS)


def test_a_trace_without_actions_or_of_another_task_is_refused(picking: TabletopEnv) -> None:
    picking.reset(seed=0)
    empty = Trace("picking", "left", [picking.scene], np.zeros((0, 7)))
    with pytest.raises(SimulationError, match="no episode"):
        failure_of(empty)
    with pytest.raises(SimulationError, match="'stacking'; judged are opening, picking"):
        failure_of(empty._replace(task="stacking"))


def test_a_demonstrator_is_judged_by_what_it_did_not_by_who_it_is(picking: TabletopEnv) -> None:
    """An expert of the slider would never close low over the table."""
    demonstrator = make_demonstrator("opening", "slider", "optimal", np.random.default_rng(0))
    picking.reset(seed=0, options={"behavior": "right"})
    scenes, actions = [picking.scene], []
    for _ in range(HORIZON):
        actions.append(demonstrator.act(percept_of(picking.scene)))
        picking.step(actions[-1])
        scenes.append(picking.scene)
    assert failure_of(Trace("picking", "right", scenes, np.array(actions))) in ("timeout", "limits")


def test_what_is_begun_in_the_last_second_is_a_timeout(picking: TabletopEnv, opening: TabletopEnv) -> None:
    for world, behavior in ((picking, "left"), (opening, "drawer"), (opening, "slider")):
        trace, success = demonstrated(world, behavior)
        assert success
        for left_out in range(3, 12):
            cut = trace._replace(scenes=trace.scenes[:-left_out], actions=trace.actions[:-left_out])
            assert failure_of(cut) == "timeout"

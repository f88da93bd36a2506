"""Gripper events: few, alternating, never from noise."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balanced_bc.control.errors import ControlError
from balanced_bc.control.gripper import NANOSECONDS, GripperConfig, GripperState, follow

CONFIG = GripperConfig()
TICK = NANOSECONDS // 30


def events(signals: list[float], config: GripperConfig = CONFIG) -> list[tuple[int, bool]]:
    state, found = GripperState(), []
    for index, signal in enumerate(signals):
        state, event = follow(state, signal, index * TICK, config)
        if event is not None:
            found.append((index * TICK, event))
    return found


def test_the_first_signal_is_an_event() -> None:
    assert events([1.0]) == [(0, True)]
    assert events([-1.0]) == [(0, False)]


def test_a_steady_signal_is_one_event_only() -> None:
    assert len(events([1.0] * 100)) == 1


def test_a_change_of_mind_is_an_event() -> None:
    assert [opens for _, opens in events([1.0] * 20 + [-1.0] * 20)] == [True, False]


def test_a_signal_that_wavers_about_zero_is_no_event() -> None:
    assert len(events([1.0] + [0.1, -0.1] * 50)) == 1


@given(st.lists(st.floats(-1, 1), max_size=100))
def test_events_alternate_and_keep_their_distance(signals: list[float]) -> None:
    found = events(signals)
    for (before, first), (after, second) in pairwise(found):
        assert first != second
        assert after - before >= CONFIG.min_interval * NANOSECONDS


def test_a_signal_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ControlError, match="finite"):
        follow(GripperState(), math.nan, 0, CONFIG)


def test_a_hysteresis_of_one_is_refused() -> None:
    with pytest.raises(ControlError, match="hysteresis"):
        GripperConfig(hysteresis=1.0)

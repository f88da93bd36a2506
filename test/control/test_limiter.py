"""Limits on speed, acceleration and workspace."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from balanced_bc.control.errors import ControlError
from balanced_bc.control.limiter import Limits, checked_twist, confine, limit, limit_speed

Floats = NDArray[np.float64]
LIMITS = Limits()
PERIOD = 1 / 30
SLACK = 1 + 1e-9

twists = arrays(np.float64, 6, elements=st.floats(-5, 5))
wild_twists = arrays(np.float64, 6, elements=st.floats(-1e6, 1e6))
inside = st.tuples(*(st.floats(a, b) for a, b in zip(LIMITS.workspace_low, LIMITS.workspace_high))).map(np.array)


def speeds(twist: Floats) -> tuple[float, float]:
    return float(np.linalg.norm(twist[:3])), float(np.linalg.norm(twist[3:]))


@given(wild_twists)
def test_no_speed_exceeds_the_limits(twist: Floats) -> None:
    linear, angular = speeds(limit_speed(twist, LIMITS))
    assert linear <= LIMITS.max_linear * SLACK
    assert angular <= LIMITS.max_angular * SLACK


@given(wild_twists)
def test_limiting_speed_keeps_directions(twist: Floats) -> None:
    limited = limit_speed(twist, LIMITS)
    for part in (slice(0, 3), slice(3, 6)):
        assert np.linalg.norm(np.cross(twist[part], limited[part])) <= 1e-9 * (1 + np.linalg.norm(twist[part]))
        assert twist[part] @ limited[part] >= 0


@given(twists)
def test_limiting_speed_twice_changes_nothing(twist: Floats) -> None:
    once = limit_speed(twist, LIMITS)
    np.testing.assert_allclose(limit_speed(once, LIMITS), once, rtol=1e-12)


def test_a_twist_within_the_limits_is_left_alone() -> None:
    twist = np.array((0.1, 0.0, -0.2, 0.3, 0.0, 0.0))
    np.testing.assert_array_equal(limit_speed(twist, LIMITS), twist)


@given(twists, twists)
def test_no_change_exceeds_the_accelerations(twist: Floats, before: Floats) -> None:
    previous = limit_speed(before, LIMITS)
    linear, angular = speeds(limit(twist, previous, PERIOD, LIMITS) - previous)
    assert linear <= LIMITS.max_linear_acceleration * PERIOD * SLACK
    assert angular <= LIMITS.max_angular_acceleration * PERIOD * SLACK


@given(twists, twists)
def test_a_limited_change_stays_within_the_speed_limits(twist: Floats, before: Floats) -> None:
    linear, angular = speeds(limit(twist, limit_speed(before, LIMITS), PERIOD, LIMITS))
    assert linear <= LIMITS.max_linear * SLACK
    assert angular <= LIMITS.max_angular * SLACK


@given(twists)
def test_zero_is_reached_in_the_time_that_the_accelerations_allow(before: Floats) -> None:
    twist = limit_speed(before, LIMITS)
    longest = max(
        LIMITS.max_linear / LIMITS.max_linear_acceleration, LIMITS.max_angular / LIMITS.max_angular_acceleration
    )
    for _ in range(math.ceil(longest / PERIOD) + 1):
        twist = limit(np.zeros(6), twist, PERIOD, LIMITS)
    assert not twist.any()


@given(wild_twists, inside)
def test_a_confined_tool_never_leaves_the_workspace(twist: Floats, position: Floats) -> None:
    after = position + confine(twist, position, PERIOD, LIMITS)[:3] * PERIOD
    assert (after >= np.array(LIMITS.workspace_low) - 1e-9).all()
    assert (after <= np.array(LIMITS.workspace_high) + 1e-9).all()


@given(twists, arrays(np.float64, 3, elements=st.floats(-3, 3)))
def test_outside_the_workspace_no_motion_leads_further_out(twist: Floats, position: Floats) -> None:
    velocity = confine(twist, position, PERIOD, LIMITS)[:3]
    assert (velocity[position > LIMITS.workspace_high] <= 0).all()
    assert (velocity[position < LIMITS.workspace_low] >= 0).all()


@given(twists, inside)
def test_confining_never_speeds_up_and_never_turns_around(twist: Floats, position: Floats) -> None:
    confined = confine(twist, position, PERIOD, LIMITS)
    assert (np.abs(confined) <= np.abs(twist)).all()
    assert (confined * twist >= 0).all()
    np.testing.assert_array_equal(confined[3:], twist[3:])


@pytest.mark.parametrize("twist", [np.zeros(7), np.zeros((6, 1)), [0, 0, 0, 0, 0, math.nan], [math.inf] + [0] * 5])
def test_a_malformed_twist_is_refused(twist: Floats) -> None:
    with pytest.raises(ControlError):
        checked_twist(twist)


def test_limits_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ControlError, match="max_linear"):
        Limits(max_linear=0.0)
    with pytest.raises(ControlError, match="in y"):
        Limits(workspace_low=(0.0, 1.0, 0.0), workspace_high=(1.0, 1.0, 1.0))

"""Our actions and CALVIN's, converted both ways."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from balanced_bc.simulation.calvin_twist import (
    angular_velocity,
    euler_of,
    euler_rates,
    matrix_of_euler,
    relative_action,
    twist_of,
)
from balanced_bc.simulation.rotations import rotation_between

Floats = NDArray[np.float64]
PERIOD = 1 / 30

angles = st.tuples(st.floats(-3.1, 3.1), st.floats(-1.2, 1.2), st.floats(-3.1, 3.1)).map(np.array)
vectors = arrays(np.float64, 3, elements=st.floats(-1.5, 1.5))
twists = arrays(np.float64, 6, elements=st.floats(-0.8, 0.8))


@given(angles)
def test_euler_angles_survive_the_way_through_a_matrix(euler: Floats) -> None:
    np.testing.assert_allclose(euler_of(matrix_of_euler(euler)), euler, atol=1e-9)


@given(vectors, angles)
def test_rates_and_angular_velocity_are_converted_both_ways(velocity: Floats, euler: Floats) -> None:
    np.testing.assert_allclose(angular_velocity(euler_rates(velocity, euler), euler), velocity, atol=1e-9)


@given(vectors, angles)
def test_angular_velocity_is_what_changing_angles_do(rates: Floats, euler: Floats) -> None:
    turned = rotation_between(matrix_of_euler(euler + 1e-6 * rates), matrix_of_euler(euler))
    np.testing.assert_allclose(turned / 1e-6, angular_velocity(rates, euler), atol=1e-4)


@given(twists, angles)
def test_a_twist_survives_the_way_through_a_relative_action(twist: Floats, euler: Floats) -> None:
    action = relative_action(twist, euler, PERIOD)
    np.testing.assert_allclose(twist_of(action, euler, PERIOD), twist, atol=1e-9)


def test_a_rate_is_not_an_angular_velocity_where_the_tool_points_down() -> None:
    down = np.array((np.pi, 0.0, np.pi / 2))
    np.testing.assert_allclose(euler_rates(np.array((1.0, 0.0, 0.0)), down), (0.0, -1.0, 0.0), atol=1e-9)


def test_the_units_are_those_of_calvin() -> None:
    action = relative_action(np.array((0.6, 0.0, 0.0, 0.0, 0.0, 1.5)), np.array((np.pi, 0.0, 0.0)), PERIOD)
    np.testing.assert_allclose(action, (1.0, 0.0, 0.0, 0.0, 0.0, 1.0), atol=1e-9)


def test_a_turn_past_half_a_turn_is_a_small_step() -> None:
    action = relative_action(np.array((0.0, 0.0, 0.0, 0.6, 0.0, 0.0)), np.array((3.14, 0.0, 0.0)), PERIOD)
    assert action[3:] == pytest.approx((0.4, 0.0, 0.0))

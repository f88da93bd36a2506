"""Weights stay on the simplex."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from balanced_bc.balancing import simplex
from balanced_bc.balancing.errors import BalancingError

numbers = st.lists(st.floats(-50, 50), min_size=2, max_size=9)


def point(values: list[float]) -> Tensor:
    return torch.softmax(torch.tensor(values, dtype=torch.float64) / 10, dim=0)


def on_simplex(weights: Tensor) -> bool:
    return bool((weights >= 0).all()) and abs(float(weights.sum()) - 1) < 1e-9


@given(numbers, st.floats(0.01, 5))
def test_ascent_stays_on_the_simplex(values: list[float], step_size: float) -> None:
    gradient = torch.tensor(values, dtype=torch.float64)
    for ascend in (simplex.ascend, simplex.ascend_projected):
        assert on_simplex(ascend(point(values[::-1]), gradient, step_size))


@given(numbers, st.floats(-20, 20))
def test_a_constant_added_to_the_gradient_changes_nothing(values: list[float], constant: float) -> None:
    gradient, weights = torch.tensor(values, dtype=torch.float64), point(values[::-1])
    for ascend in (simplex.ascend, simplex.ascend_projected):
        torch.testing.assert_close(
            ascend(weights, gradient, 0.2), ascend(weights, gradient + constant, 0.2), atol=1e-9, rtol=1e-7
        )


@given(numbers)
def test_equal_excess_leaves_weights_at_rest(values: list[float]) -> None:
    """Equation 14: the ascent rests where all excesses are equal."""
    weights = point(values)
    for ascend in (simplex.ascend, simplex.ascend_projected):
        torch.testing.assert_close(ascend(weights, torch.full_like(weights, 3.0), 0.2), weights)


@given(numbers, numbers)
def test_projection_is_the_nearest_point(values: list[float], others: list[float]) -> None:
    target = torch.tensor(values, dtype=torch.float64)
    nearest = simplex.project(target)
    assert on_simplex(nearest)
    other = point((others * 9)[: len(values)])
    assert float((target - nearest).norm()) <= float((target - other).norm()) + 1e-9


@given(numbers)
def test_projection_leaves_the_simplex_alone(values: list[float]) -> None:
    torch.testing.assert_close(simplex.project(point(values)), point(values))


@given(numbers, st.floats(1.0, 4.0), st.floats(0.0, 1.0))
def test_clipped_weights_stay_within_their_bounds_and_on_the_simplex(
    values: list[float], ratio: float, share: float
) -> None:
    low, high = share * point(values), ratio * point(values)
    clipped = simplex.clip(point(values[::-1]), low, high)
    assert on_simplex(clipped)
    assert bool(((clipped <= high + 1e-9) & (clipped >= low - 1e-9)).all())


@given(numbers)
def test_bounds_that_hold_already_change_nothing(values: list[float]) -> None:
    weights = point(values)
    torch.testing.assert_close(simplex.clip(weights, torch.zeros_like(weights), torch.ones_like(weights)), weights)


def test_what_is_cut_off_goes_to_the_others_in_proportion() -> None:
    weights = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)
    high = torch.tensor([0.2, 1.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(simplex.clip(weights, 0 * high, high).tolist(), [0.2, 0.6, 0.2])


def test_bounds_that_leave_no_point_are_refused() -> None:
    half, little = torch.tensor([0.5, 0.5]), torch.tensor([0.4, 0.4])
    with pytest.raises(BalancingError, match="cannot add up to 1"):
        simplex.clip(half, 0 * half, little)
    with pytest.raises(BalancingError, match="cannot add up to 1"):
        simplex.clip(half, torch.tensor([0.7, 0.4]), torch.ones(2))


def test_weight_moves_to_the_behavior_with_the_largest_excess() -> None:
    weights = torch.tensor([0.6, 0.3, 0.1])
    moved = simplex.ascend(weights, torch.tensor([0.0, 0.1, 0.5]), 0.2)
    assert moved[2] > weights[2]
    assert moved[0] < weights[0]

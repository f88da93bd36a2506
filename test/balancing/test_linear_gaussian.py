"""What the paper proves for linear-Gaussian policies (Prop. 1, Eq. 6, 7, 10, 11, 14)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.minmax import weigh
from balanced_bc.balancing.problem import Fold, Problem
from balanced_bc.balancing.proportions import equal, proportions, worst_loss
from balanced_bc.balancing.repetition import Repetition
from balanced_bc.balancing.training import train

THETA = torch.tensor([1.0, -0.5, 2.0], dtype=torch.float64)
"""Parameter of each behavior's policy."""


def loss(parameters: Mapping[str, Tensor], batch: Any) -> Tensor:
    r"""Divergence of linear-Gaussian policies with sigma 1: :math:`(\theta_i s - \theta s)^2 / 2`, [nat]."""
    state, action = batch
    error: Tensor = action - parameters["theta"] * state
    return 0.5 * error.square()


def draw(groups: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    """Noiseless pairs whose states have a mean square of exactly 1 in every group."""
    sign = 1.0 - 2.0 * torch.randint(2, (len(groups),), generator=generator, dtype=torch.float64)
    return sign, THETA[groups] * sign


@pytest.fixture
def problem() -> Problem:
    return Problem(
        groups=("left", "middle", "right"),
        pairs=(60, 10, 30),
        demonstrations=(6, 1, 3),
        negative_log_likelihood=loss,
        initialize=lambda _: {"theta": torch.zeros(1, dtype=torch.float64)},
        folds=(Fold(draw, draw),),
    )


@pytest.fixture
def repetition(problem: Problem) -> Repetition:
    config = BalancingConfig(
        method="ours",
        steps=800,
        batch=12,
        learning_rate=0.02,
        repeats=1,
        warmup=0,
        repeat_cap=100,
        evaluate_every=1,
        step_size=0.02,
    )
    return Repetition.of(problem, config, 0)


def trained(repetition: Repetition, weights: Tensor) -> tuple[float, Tensor]:
    """Policy trained on these weights, and its losses."""
    run = train(repetition, weights[None], "lanes")
    while True:
        try:
            next(run)
        except StopIteration as end:
            path, theta = end.value
            return float(theta), path[-1, 0]


def test_plain_cloning_averages_behaviors_by_their_share(repetition: Repetition) -> None:
    """Proposition 1 and Eq. 6."""
    rho = proportions((60, 10, 30))
    assert trained(repetition, rho)[0] == pytest.approx(float(rho @ THETA), abs=1e-3)


def test_equal_weights_average_behaviors_alike(repetition: Repetition) -> None:
    """Equation 10."""
    assert trained(repetition, equal(3))[0] == pytest.approx(float(THETA.mean()), abs=1e-3)


@pytest.mark.parametrize("weights", [proportions((60, 10, 30)), equal(3)])
def test_no_behavior_is_worse_than_the_weighted_loss_allows(repetition: Repetition, weights: Tensor) -> None:
    """Equation 7 with the shares of the dataset, Eq. 11 with equal weights."""
    _, losses = trained(repetition, weights)
    assert bool((losses <= worst_loss(float(weights @ losses), weights)).all())


def test_the_bound_is_reached_where_only_one_behavior_has_a_loss() -> None:
    weights = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    assert worst_loss(0.6, weights).tolist() == pytest.approx([1.2, 2.0, 3.0])
    for number, most in enumerate(worst_loss(0.6, weights).tolist()):
        alone = torch.zeros(3, dtype=torch.float64).index_fill(0, torch.tensor(number), most)
        assert float(weights @ alone) == pytest.approx(0.6)


def test_min_max_rests_where_the_worst_excesses_are_equal(repetition: Repetition) -> None:
    """Equation 14: the saddle point is theta = 0.75, between the two behaviors that lie farthest apart."""
    free = repetition._replace(config=replace(repetition.config, smoothing=0.0))
    run = weigh(free, torch.zeros(3, dtype=torch.float64), lowest=False)
    moments = list(run)
    late = torch.stack([now.losses for now in moments[-300:]]).mean(dim=0)
    assert late[1:].tolist() == pytest.approx([1.25**2 / 2] * 2, rel=0.01)
    assert moments[-1].weights.tolist() == pytest.approx([0, 0.5, 0.5], abs=0.02)

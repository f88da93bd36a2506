"""Re-Mix's update beside an independent implementation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Generator, Tensor

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.methods import balance
from balanced_bc.balancing.problem import Fold, Problem
from balanced_bc.balancing.remix import means_of_excess, mixed_batches, update
from balanced_bc.balancing.repetition import Repetition

Floats = NDArray[np.float64]
SLOPES = torch.tensor([1.0, -0.5, 2.0], dtype=torch.float64)


def draw(groups: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    """Noisy pairs of one linear behavior for each group."""
    state, noise = torch.randn(2, len(groups), generator=generator, dtype=torch.float64)
    return state, SLOPES[groups] * state + 0.3 * noise


LINEAR = Problem(
    groups=("left", "middle", "right"),
    pairs=(60, 10, 30),
    demonstrations=(6, 1, 3),
    negative_log_likelihood=lambda parameters, batch: 0.5 * (batch[1] - parameters["theta"] * batch[0]).square(),
    initialize=lambda _: {"theta": torch.zeros(1, dtype=torch.float64)},
    folds=(Fold(draw, draw),),
)
"""Linear policies without a scale."""


def by_hand(alpha: Floats, losses: Floats, reference: Floats, domain: NDArray[np.int64], initial: Floats) -> Floats:
    """Re-Mix's step over weights, domain by domain."""
    raised = np.empty_like(alpha)
    for number in range(len(alpha)):
        excess = [max(0.0, a - b) for a, b, d in zip(losses, reference, domain) if d == number]
        counted = max(1, sum(value != 0.0 for value in excess))
        raised[number] = alpha[number] * np.exp(0.2 * sum(excess) / counted)
    raised = raised / raised.sum()
    return np.asarray(0.95 * raised + 0.05 * initial)


@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(1, 40))
def test_update_equals_an_independent_implementation(seed: int, groups: int, batch: int) -> None:
    rng = np.random.default_rng(seed)
    alpha, initial = rng.dirichlet(np.ones(groups)), rng.dirichlet(np.ones(groups))
    losses, reference = rng.normal(size=batch), rng.normal(size=batch)
    domain = rng.integers(0, groups, batch)
    weights, excess, group, start = map(torch.from_numpy, (alpha, losses - reference, domain, initial))
    found = update(weights, means_of_excess(excess.clamp_min(0), group, groups), start, 0.2, 0.05)
    np.testing.assert_allclose(found.numpy(), by_hand(alpha, losses, reference, domain, initial), atol=1e-12)


def reference_run(problem: Problem, config: BalancingConfig) -> tuple[Floats, Floats]:
    """Re-Mix's whole loop for a linear policy in numpy: weights and network after the last step, from the same batches.

    A reference is trained on the dataset as it is, then a proxy on its weighted excess; both with Adam.
    """
    repetition = Repetition.of(problem, config, 0)
    share, start = repetition.share.numpy(), repetition.start.numpy()
    names, k = repetition.names.numpy(), len(problem.groups)

    def losses(theta: Floats, state: Floats, action: Floats) -> Floats:
        return np.asarray(0.5 * (action - theta * state) ** 2)

    def adam(theta: Floats, slopes: list[Floats]) -> Floats:
        first, second = np.zeros_like(theta), np.zeros_like(theta)
        for slope in slopes:
            first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        first, second = first / (1 - 0.9 ** len(slopes)), second / (1 - 0.999 ** len(slopes))
        return np.asarray(theta - config.learning_rate * first / (np.sqrt(second) + 1e-6))

    reference, slopes, draw = start, list[Floats](), repetition.batches()
    for _ in range(config.steps):
        state, action = (values.numpy() for values in draw())
        per_pair = -(action - reference * state) * state
        slopes.append(np.array([sum(share[d] * per_pair[names == d].mean() for d in range(k))]))
        reference = adam(reference, slopes)
    theta, alpha, slopes, mixed = start, share, list[Floats](), mixed_batches(repetition)
    path = []
    for _ in range(config.steps):
        batch, drawn = mixed()
        (state, action), domain = (values.numpy() for values in batch), drawn.numpy()
        now, floor = losses(theta, state, action), losses(reference, state, action)
        alpha = by_hand(alpha, now, floor, domain, share)
        path.append(alpha)
        excess, per_pair = now - floor, -(action - theta * state) * state
        slope = 0.0
        for d in range(k):
            counted = max(1, int(((excess != 0) & (domain == d)).sum()))
            slope += alpha[d] * per_pair[domain == d].sum() / counted
        slopes.append(np.array([slope]))
        theta = adam(theta, slopes)
    return np.mean(path, axis=0), theta


def test_a_faithful_run_equals_an_independent_implementation() -> None:
    """Batches are the same, everything else is numpy: reference, excess, weights, proxy, average."""
    config = BalancingConfig(
        method="remix", remix="faithful", steps=60, batch=12, repeats=1, repeat_cap=100.0, learning_rate=0.02
    )
    wanted, _ = reference_run(LINEAR, config)
    *_, last = balance(LINEAR, config)
    assert last.result is not None
    np.testing.assert_allclose(last.result.weights.numpy(), wanted, atol=1e-8)


def test_pairs_without_excess_are_left_out_of_the_mean() -> None:
    means = means_of_excess(torch.tensor([0.0, 2.0, 4.0, 0.0]), torch.tensor([0, 0, 1, 1]), 3)
    assert means.tolist() == [2.0, 4.0, 0.0]


def test_faithful_remix_draws_from_the_dataset_as_it_is(problem_of: Callable[..., Problem]) -> None:
    problem = problem_of((0.1, 0.1), (300, 100))
    sample = mixed_batches(Repetition.of(problem, BalancingConfig(method="remix", batch=200), 0))
    drawn = [sample()[1].float().mean() for _ in range(40)]
    assert float(torch.stack(drawn).mean()) == pytest.approx(0.25, abs=0.03)
    assert len({float(share) for share in drawn}) > 1

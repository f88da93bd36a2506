"""Re-Mix's update beside an independent implementation."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from balanced_bc.balancing.remix import group_means, update

Floats = NDArray[np.float64]


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
    found = update(weights, group_means(excess.clamp_min(0), group, groups), start, 0.2, 0.05)
    np.testing.assert_allclose(found.numpy(), by_hand(alpha, losses, reference, domain, initial), atol=1e-12)


def test_pairs_without_excess_are_left_out_of_the_mean() -> None:
    means = group_means(torch.tensor([0.0, 2.0, 4.0, 0.0]), torch.tensor([0, 0, 1, 1]), 3)
    assert means.tolist() == [2.0, 4.0, 0.0]

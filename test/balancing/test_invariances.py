"""What must not change the weights, and what may."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from balanced_bc.balancing.config import METHODS, BalancingConfig, Method
from balanced_bc.balancing.methods import balance
from balanced_bc.balancing.problem import Fold, Problem

QUICK = BalancingConfig(method="ours", steps=40, batch=16, repeats=1, evaluate_every=4, evaluation=64)
MetaGradient = Literal["one-step", "unrolled", "trace"]


def weights_of(problem: Problem, config: BalancingConfig) -> Tensor:
    *_, last = balance(problem, config)
    assert last.result is not None
    return last.result.weights


class Linear:
    """Linear policies of one parameter whose loss is in units of the actions' own variance."""

    def __init__(self, scale: float, place: tuple[int, ...]) -> None:
        self.scale, self.place = scale, torch.tensor(place)

    def draw(self, groups: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """Pairs of the behavior that each group is part of; noise depends on the behavior."""
        state, noise = torch.randn(2, len(groups), generator=generator, dtype=torch.float64)
        behavior = self.place[groups]
        action = torch.tensor([1.0, -0.6], dtype=torch.float64)[behavior] * state
        return state, self.scale * (action + torch.tensor([0.1, 0.4], dtype=torch.float64)[behavior] * noise)

    def loss(self, parameters: Any, batch: Any) -> Tensor:
        """Half the squared error of normalized actions, as the policies of this package normalize them, (B,)."""
        state, action = batch
        error: Tensor = action / self.scale - parameters["theta"] * state
        return 0.5 * error.square()

    def problem(self, pairs: tuple[int, ...]) -> Problem:
        """State the problem."""
        return Problem(
            groups=tuple(f"group {number}" for number in range(len(pairs))),
            pairs=pairs,
            demonstrations=tuple(number // 5 for number in pairs),
            negative_log_likelihood=self.loss,
            initialize=lambda _: {"theta": torch.zeros(1, dtype=torch.float64)},
            folds=(Fold(self.draw, self.draw),),
        )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_the_scale_of_actions_changes_no_weight(method: Method, factor: float) -> None:
    """Policies learn normalized actions: the same demonstrations in other units are the same problem."""
    config = replace(QUICK, method=method)
    found, wanted = (weights_of(Linear(scale, (0, 1)).problem((60, 40)), config) for scale in (factor, 1.0))
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("method", ["imbalanced", "zero", "remix", "ours", "minimax"])
def test_a_behavior_split_in_two_gets_in_sum_what_the_merged_one_gets(method: Method) -> None:
    """For methods that train, up to the noise of their batches (largest difference seen on two seeds: .033)."""
    config = replace(QUICK, method=method, steps=120, batch=96, evaluation=600, repeat_cap=100.0)
    merged = weights_of(Linear(1.0, (0, 1)).problem((40, 60)), config)
    split = weights_of(Linear(1.0, (0, 1, 1)).problem((40, 30, 30)), config)
    assert float(split[1:].sum()) == pytest.approx(float(merged[1]), abs=0.08)
    assert float(split[1]) == pytest.approx(float(split[2]), abs=0.12)


def test_equal_weights_count_groups_so_splitting_one_adds_to_it() -> None:
    """Eq. 8 does not have the property (nor has temperature): a behavior that is called two groups weighs twice."""
    split = weights_of(Linear(1.0, (0, 1, 1)).problem((40, 30, 30)), replace(QUICK, method="equal"))
    assert float(split[1:].sum()) == pytest.approx(2 / 3)


Trained = Literal["zero", "remix", "ours", "minimax"]


@settings(max_examples=10, deadline=None)
@given(
    st.sampled_from(["zero", "remix", "ours", "minimax"]),
    st.integers(0, 1000),
    st.lists(st.integers(1, 500), min_size=2, max_size=5),
    st.sampled_from(["one-step", "unrolled", "trace"]),
)
def test_weights_are_on_the_simplex_whatever_the_shares(
    method: Trained, seed: int, pairs: list[int], meta: MetaGradient
) -> None:
    config = replace(QUICK, method=method, seed=seed, meta_gradient=meta, steps=12, meta_horizon=3)
    found = weights_of(Linear(1.0, tuple(number % 2 for number in range(len(pairs)))).problem(tuple(pairs)), config)
    assert float(found.sum()) == pytest.approx(1, abs=1e-9)
    assert bool(((found >= 0) & found.isfinite()).all())


@pytest.mark.parametrize("meta", ["one-step", "unrolled", "trace"])
def test_every_meta_gradient_finds_that_a_behavior_is_taught_best_by_itself(
    meta: MetaGradient,
) -> None:
    """Behaviors of one parameter that want opposite actions: each lane's weight goes to its own group."""
    config = replace(QUICK, meta_gradient=meta, steps=200, batch=32, prior="equal")
    *_, last = balance(Linear(1.0, (0, 1)).problem((50, 50)), config)
    assert last.result is not None
    own = last.result.diagnostics["meta_weights"].diagonal()
    assert bool((own > 0.7).all())


@pytest.mark.parametrize("meta", ["one-step", "unrolled", "trace"])
def test_every_meta_gradient_gives_the_same_bits_for_the_same_seed(
    meta: MetaGradient,
) -> None:
    config = replace(QUICK, meta_gradient=meta, meta_optimizer="adam")
    first, second = (weights_of(Linear(1.0, (0, 1)).problem((50, 50)), config) for _ in range(2))
    assert torch.equal(first, second)

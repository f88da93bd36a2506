"""How sure an answer is that is found from all folds at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import sqrt

import pytest
import torch
from torch import Generator, Tensor

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.evidence import Evidence
from balanced_bc.balancing.jackknife import folds_of, jackknife
from balanced_bc.balancing.measured import Measured
from balanced_bc.balancing.methods import balance
from balanced_bc.balancing.minimax import choose, design
from balanced_bc.balancing.problem import Problem
from balanced_bc.balancing.result import LIKELIHOOD, SKILL

ProblemOf = Callable[..., Problem]
QUICK = BalancingConfig(method="minimax", steps=6, batch=8, repeats=2, evaluation=32, conflicts=False)


def _part(value: float, fold: int) -> Measured:
    return Measured(torch.full((1, 2), value), torch.tensor([0, 1]), torch.tensor([0, 1]) + 2 * fold)


def _mean(parts: list[Measured]) -> Tensor:
    return torch.cat([part.losses for part in parts]).mean(dim=0)


def test_of_a_mean_over_folds_it_is_the_standard_error_of_the_mean() -> None:
    values = (1.0, 2.0, 6.0)
    found = jackknife(_mean, [_part(value, fold) for fold, value in enumerate(values)])
    assert found is not None
    assert found.tolist() == pytest.approx([float(torch.tensor(values).std()) / sqrt(3)] * 2)


def test_repetitions_with_the_same_demonstrations_are_left_out_together() -> None:
    twice = [_part(value, fold % 2) for fold, value in enumerate((1.0, 4.0, 1.0, 4.0))]
    assert folds_of(twice) == [0, 1, 0, 1]
    once = jackknife(_mean, twice[:2])
    again = jackknife(_mean, twice)
    assert once is not None
    assert again is not None
    torch.testing.assert_close(again, once)


def test_where_all_measure_the_same_demonstrations_each_repetition_is_left_out() -> None:
    assert folds_of([_part(1.0, 0), _part(2.0, 0)]) == [0, 1]
    assert jackknife(_mean, [_part(1.0, 0)]) is None


def test_weights_of_groups_that_are_alike_are_uncertain_and_stay_at_the_prior_within_that() -> None:
    prior = torch.tensor([0.67, 0.33], dtype=torch.float64)
    lanes, generator = design(prior), Generator().manual_seed(0)
    group = torch.arange(2).repeat_interleave(6)
    parts = [
        Measured(
            0.05 * torch.randn(len(lanes), 12, generator=generator, dtype=torch.float64),
            group,
            torch.arange(12) + first,
        )
        for first in (0, 12, 24)
    ]

    def answer(some: list[Measured]) -> Tensor:
        return choose(Evidence.of(lanes, some), QUICK.stiffness)

    error = jackknife(answer, parts)
    assert error is not None
    assert bool((error > 0).all())
    assert bool(((answer(parts) - prior).abs() < 2 * error).all())


def test_minimax_says_how_sure_its_weights_are_and_what_its_losses_are(problem_of: ProblemOf) -> None:
    problem = problem_of((0.1, 0.5), (200, 200))
    *_, last = balance(problem, QUICK)
    assert last.result is not None
    assert last.result.standard_error is not None
    assert bool((last.result.standard_error > 0).all())
    assert {one.quantity for one in last.result.references if one} == {LIKELIHOOD}
    judged = replace(problem, skill=problem.negative_log_likelihood)
    *_, last = balance(judged, replace(QUICK, repeats=1))
    assert last.result is not None
    assert last.result.standard_error is None
    assert {one.quantity for one in last.result.references if one} == {SKILL}

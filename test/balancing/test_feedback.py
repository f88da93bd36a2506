"""References relaxed to losses at which groups succeed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from balanced_bc.balancing.config import BalancingConfig, Method
from balanced_bc.balancing.errors import BalancingError
from balanced_bc.balancing.feedback import STATED, Judged, Relaxed, Wanted, contrary, success_losses
from balanced_bc.balancing.methods import balance
from balanced_bc.balancing.problem import Fold, Problem, Sampler
from balanced_bc.balancing.result import Balance

ProblemOf = Callable[..., Problem]
QUICK = BalancingConfig(method="ours", steps=40, batch=16, repeats=2, evaluate_every=4, evaluation=64)
SLOWER = replace(QUICK, steps=100, repeats=1, learning_rate=1e-2, warmup=10)
METHODS: tuple[Method, ...] = ("ours", "minimax")
NOTHING = float("nan")
losses = st.lists(st.floats(-5, 5), min_size=3, max_size=3)


@pytest.fixture
def opposed(problem_of: ProblemOf) -> Problem:
    """Two groups that do opposite things in the same situations: what one learns the other unlearns."""
    problem = problem_of((0.1, 0.1), (200, 200), names=("easy", "hard"))

    def opposite(sampler: Sampler) -> Sampler:
        def draw(groups: Tensor, generator: Generator) -> Any:
            state, action = sampler(groups, generator)
            return state, torch.where((groups == 1)[:, None], -action, action)

        return draw

    fold = problem.folds[0]
    return replace(problem, folds=(Fold(opposite(fold.training), opposite(fold.measuring)),))


def answer(problem: Problem, config: BalancingConfig) -> Balance:
    last = list(balance(problem, config))[-1].result
    assert last is not None
    return last


def judged(weights: list[float], good: list[bool], name: str = "policy") -> Judged:
    succeeded = torch.tensor(good)
    return Judged(name, torch.tensor(weights, dtype=torch.float64), succeeded, ~succeeded)


def references(found: Balance) -> list[float]:
    return [reference.loss for reference in found.references if reference]


def _stated(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@given(losses, losses, st.lists(st.booleans(), min_size=3, max_size=3))
def test_a_reference_is_never_below_the_lowest_loss(low: list[float], success: list[float], known: list[bool]) -> None:
    wanted = Wanted(_stated(*(value if told else NOTHING for value, told in zip(success, known))))
    lowest = _stated(*low)
    found = Relaxed(lowest, wanted.success(lowest.new_zeros(0, 3)), torch.zeros(3, dtype=torch.bool))
    assert bool((found.references >= lowest).all())
    expected = [max(a, b) if told else a for a, b, told in zip(low, success, known)]
    assert found.references.tolist() == pytest.approx(expected)


def test_of_several_policies_the_loosest_loss_that_still_succeeded_counts() -> None:
    policies = (judged([0.5, 0.5], [True, False]), judged([0.8, 0.2], [True, False]), judged([0.1, 0.9], [False, True]))
    wanted = Wanted(_stated(NOTHING, NOTHING), policies)
    in_lanes = torch.tensor([[1.0, 2.0], [1.5, 3.0], [9.0, 1.0]], dtype=torch.float64)
    assert wanted.success(in_lanes).tolist() == [1.5, 1.0]


def test_what_is_stated_comes_before_what_was_measured() -> None:
    wanted = Wanted(_stated(0.7, NOTHING), (judged([0.5, 0.5], [True, True], "first"),))
    in_lanes = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
    assert wanted.success(in_lanes).tolist() == [0.7, 2.0]
    assert wanted.sources(in_lanes) == (STATED, "success of first")


def test_where_no_policy_succeeded_the_lowest_loss_stays_the_reference() -> None:
    wanted = Wanted(_stated(NOTHING), (judged([1.0], [False]),))
    assert wanted.success(torch.tensor([[1.0]])).tolist() == [-torch.inf]


def test_a_failure_with_a_lower_loss_than_a_success_is_told() -> None:
    policies = (judged([0.5, 0.5], [True, True]), judged([0.8, 0.2], [False, True]))
    assert contrary(policies, torch.tensor([[2.0, 1.0], [1.0, 1.0]])).tolist() == [True, False]
    assert contrary(policies, torch.tensor([[1.0, 1.0], [2.0, 1.0]])).tolist() == [False, False]


def test_a_success_loss_of_a_tag_holds_for_all_its_groups() -> None:
    stated = success_losses(("left+clean", "left+noisy", "right+clean"), ("left=1.5",))
    assert stated[:2].tolist() == [1.5, 1.5]
    assert stated[2].isnan()


@pytest.mark.parametrize(
    ("text", "message"),
    [("a", "written NAME=NUMBER"), ("a=inf", "finite"), ("c=1", "no group is called")],
)
def test_a_success_loss_that_makes_no_sense_is_refused(text: str, message: str) -> None:
    with pytest.raises(BalancingError, match=message):
        success_losses(("a", "b"), (text,))


@pytest.mark.parametrize("method", METHODS)
def test_a_group_that_succeeds_already_gets_less_weight(method: Method, opposed: Problem) -> None:
    """Its reference is far above what it reaches, so that the other group may have the weight."""
    config = replace(SLOWER, method=method, steps=60, stiffness=0.5)
    strict, relaxed = (answer(opposed, replace(config, success_loss=stated)) for stated in ((), ("easy=6",)))
    assert float(relaxed.weights[0]) < float(strict.weights[0]) - 0.05
    reference = relaxed.references[0]
    assert reference is not None
    assert reference.loss == 6
    assert reference.lane == STATED
    assert reference.reduction == "raised to the loss that success needs"
    assert references(relaxed)[1] == pytest.approx(references(strict)[1], abs=0.3)


@pytest.mark.parametrize("method", METHODS)
def test_a_success_loss_below_the_lowest_is_raised_with_a_warning(method: Method, problem_of: ProblemOf) -> None:
    problem = problem_of((0.1, 0.3), (200, 100), names=("a", "b"))
    strict = answer(problem, replace(QUICK, method=method))
    told = answer(problem, replace(QUICK, method=method, success_loss=("b=-50",)))
    assert torch.equal(strict.weights, told.weights)
    assert references(told) == references(strict)
    assert [warning for warning in told.warnings if "success loss of b is stated as -50.000" in warning]


@pytest.mark.parametrize("method", METHODS)
def test_a_policy_that_succeeded_relaxes_the_reference_to_the_loss_of_its_own_lane(
    method: Method, opposed: Problem
) -> None:
    """Little weight on a group teaches it badly; where that was enough, its reference is that loss."""
    policy = judged([0.2, 0.8], [True, False], "old policy")
    config = replace(SLOWER, method=method)
    strict, relaxed = answer(opposed, config), answer(replace(opposed, judged=(policy,)), config)
    assert references(relaxed)[0] > references(strict)[0] + 0.3
    assert relaxed.references[0] is not None
    assert relaxed.references[0].lane == "success of old policy"
    assert references(relaxed)[0] == pytest.approx(float(relaxed.diagnostics["success_losses"][0]))
    assert bool(relaxed.diagnostics["success_losses"][1].isnan())
    assert [warning for warning in relaxed.warnings if "no judged policy succeeded often enough in hard" in warning]


def test_feedback_is_kept_for_the_groups_that_stay(problem_of: ProblemOf) -> None:
    problem = problem_of((0.1, 0.2, 0.1), (200, 100, 100), names=("a", "bad", "b"))
    problem = replace(problem, judged=(judged([0.25, 0.5, 0.25], [True, True, True]),))
    left = problem.only([0, 2])
    assert left.judged[0].weights.tolist() == [0.5, 0.5]
    config = replace(QUICK, method="minimax", trust=("bad=0",), success_loss=("bad=1", "b=9"))
    found = answer(problem, config).references
    assert found[1] is None
    assert found[2] is not None
    assert found[2].loss == 9


def test_methods_without_learned_references_refuse_feedback(problem_of: ProblemOf) -> None:
    with pytest.raises(BalancingError, match="method remix has none that could be relaxed"):
        replace(QUICK, method="remix", success_loss=("a=1",))
    problem = replace(problem_of((0.1, 0.1), (50, 50)), judged=(judged([0.5, 0.5], [True, True]),))
    with pytest.raises(BalancingError, match="method equal has none"):
        answer(problem, replace(QUICK, method="equal"))
    with pytest.raises(BalancingError, match="lanes trained afresh"):
        answer(problem, replace(QUICK, reference="converged"))


def test_references_of_the_paper_can_be_relaxed_by_a_stated_loss(problem_of: ProblemOf) -> None:
    config = replace(QUICK, reference="converged", split="training", success_loss=("a=4",))
    assert references(answer(problem_of((0.1, 0.1), (100, 50), names=("a", "b")), config))[0] == 4

"""Weights judged by what is learned with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from balanced_bc.balancing.comparison import LOST, PLAIN, compare, compared, judge, said, trusted, verdict
from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.measured import Measured
from balanced_bc.balancing.methods import balance
from balanced_bc.balancing.problem import Held, Parameters, Problem
from balanced_bc.balancing.result import Balance, Compared, Progress

ProblemOf = Callable[..., Problem]
QUICK = BalancingConfig(method="equal", steps=30, batch=16, repeats=2, evaluate_every=4, evaluation=64)
ROWS = {PLAIN: torch.tensor([0.8, 0.2]), "ours": torch.tensor([0.4, 0.6])}


def row(difference: list[float], error: float = 0.1) -> Compared:
    none = torch.zeros(len(difference))
    return Compared("ours", none, none, torch.tensor(difference), torch.full((len(difference),), error))


def ran(problem: Problem, config: BalancingConfig) -> list[Progress]:
    return list(compared(problem, config, problem))


def result(moments: list[Progress]) -> Balance:
    assert moments[-1].result is not None
    return moments[-1].result


def measured(better: float, own: float = 0.0, folds: int = 3, demonstrations: int = 8, seed: int = 0) -> list[Measured]:
    """Folds in which the second lane is better by so much, and demonstrations differ a lot from each other."""
    generator, group = Generator().manual_seed(seed), torch.arange(2).repeat_interleave(demonstrations)
    parts = []
    for fold in range(folds):
        hard = 5 * torch.randn(len(group), generator=generator, dtype=torch.float64)
        taste = own * torch.randn(len(group), generator=generator, dtype=torch.float64)
        losses = torch.stack((hard, hard - better + taste))
        parts.append(Measured(losses, group, torch.arange(len(group)) + fold * len(group)))
    return parts


def test_a_difference_is_paired_over_demonstrations() -> None:
    plain, ours = compare(ROWS, measured(0.3, own=0.05))
    assert ours.difference.tolist() == pytest.approx([-0.3, -0.3], abs=0.05)
    assert float(ours.standard_error.max()) < 0.05
    assert plain.difference.tolist() == [0.0, 0.0]
    assert plain.standard_error.tolist() == [0.0, 0.0]


def test_the_standard_error_is_how_much_a_difference_varies_between_draws_of_demonstrations() -> None:
    drawn = [compare(ROWS, measured(0.0, own=1.0, seed=seed))[1] for seed in range(200)]
    varies = float(torch.stack([one.difference for one in drawn]).std())
    said = float(torch.stack([one.standard_error for one in drawn]).square().mean().sqrt())
    assert 1.0 < said / varies < 1.35, "the larger of two estimates errs on the side of caution"


def test_how_sure_a_single_demonstration_is_nobody_knows() -> None:
    _, ours = compare(ROWS, measured(0.3, demonstrations=1, folds=1))
    assert bool(ours.standard_error.isnan().all())
    assert not verdict(ours, ("a", "b"), torch.tensor([True, True])).worse


def test_folds_that_disagree_make_a_difference_unsure() -> None:
    parts = [
        Measured(part.losses + torch.tensor([[0.0], [shift]]), *part[1:])
        for part, shift in zip(measured(0), (-1, 0, 1))
    ]
    assert float(compare(ROWS, parts)[1].standard_error.min()) > 0.5


def test_weights_lose_where_a_group_is_surely_worse_and_the_mean_is_no_better() -> None:
    everybody = torch.tensor([True, True])
    assert verdict(row([0.3, -0.1]), ("a", "b"), everybody).lost
    assert not verdict(row([0.3, -0.4]), ("a", "b"), everybody).lost, "the mean is better"
    assert not verdict(row([0.15, 0.1]), ("a", "b"), everybody).lost, "within two standard errors"


def test_only_trusted_groups_count() -> None:
    groups = ("clean", "odd")
    config = replace(QUICK, trust=("odd=0.5",))
    assert trusted(groups, config).tolist() == [True, False]
    assert trusted(groups, QUICK).tolist() == [True, True]
    plain = row([0.0, 0.0])
    assert not said((plain, row([-0.1, 9.0])), groups, config)
    (warning,) = said((plain, row([0.5, -9.0])), groups, config)
    assert "clean by 0.500 +- 0.100" in warning


def test_weights_that_lose_are_answered_all_the_same_with_the_warning_on_top(problem_of: ProblemOf) -> None:
    """Nearly all weight on the noise, and the clean group is the trusted one."""
    problem = problem_of((0.05, 1.0), (400, 200), names=("clean", "noise"))
    config = replace(QUICK, steps=150, learning_rate=3e-3, trust=("noise=0.5",))
    weights = torch.tensor([0.03, 0.97], dtype=torch.float64)
    answer = result(list(balance(problem, config)))._replace(weights=weights, warnings=("another",))
    found = _returned(judge(problem, config, answer, ()))
    assert found.weights.tolist() == weights.tolist()
    assert [warning.startswith(LOST) for warning in found.warnings] == [True, False]


def test_learned_weights_stand_beside_plain_cloning_equal_and_temperature(problem_of: ProblemOf) -> None:
    problem = problem_of((0.1, 0.5), (200, 60))
    found = result(ran(problem, replace(QUICK, method="zero", compare="auto")))
    assert [one.method for one in found.comparison] == [PLAIN, "zero", "equal", "temperature", "remix"]
    assert found.comparison[0].weights.tolist() == pytest.approx([200 / 260, 60 / 260])
    assert torch.equal(found.comparison[1].weights, found.weights)


def test_remix_is_run_for_a_full_comparison(problem_of: ProblemOf) -> None:
    problem = problem_of((0.1, 0.5), (200, 60))
    found = result(ran(problem, replace(QUICK, compare="full")))
    assert [one.method for one in found.comparison] == [PLAIN, "equal", "temperature", "remix"]
    alone = result(list(balance(problem, replace(QUICK, method="remix"))))
    assert torch.equal(found.comparison[-1].weights, alone.weights)


def test_rivals_are_run_without_a_word_of_a_person(problem_of: ProblemOf) -> None:
    problem = problem_of((0.1, 0.5), (200, 60), names=("good", "bad"))
    plain = replace(QUICK, method="zero", compare="full")
    config = replace(plain, trust=("bad=0.2",), caps=("bad=0.1",), prior="equal", proportions="demonstrations")
    config = replace(config, smoothing=0.0, excess_memory=0.1, ascent="projected")
    said, unsaid = (
        {one.method: one.weights.tolist() for one in result(ran(problem, one)).comparison} for one in (config, plain)
    )
    assert said.pop("zero")[1] <= 0.1 < unsaid.pop("zero")[1]
    assert said == unsaid


def test_methods_that_only_count_are_compared_only_when_asked_for(problem_of: ProblemOf) -> None:
    problem = problem_of((0.1, 0.5), (200, 60))
    assert not result(ran(problem, QUICK)).comparison
    assert result(ran(problem, replace(QUICK, compare="quick"))).comparison
    assert not result(ran(problem, replace(QUICK, method="zero", compare="none"))).comparison


def test_progress_never_goes_back_and_has_the_answer_while_it_is_compared(problem_of: ProblemOf) -> None:
    moments = ran(problem_of((0.1, 0.5), (200, 60)), replace(QUICK, method="zero", compare="full"))
    done = [now.done for now in moments]
    assert done == sorted(done)
    assert done[-1] == 1
    late = [now for now in moments[:-1] if now.phase == "comparison"]
    assert late
    assert all(now.result is not None and not now.result.comparison for now in late)


def test_the_comparison_does_not_change_the_weights(problem_of: ProblemOf) -> None:
    problem, config = problem_of((0.1, 0.5), (200, 60)), replace(QUICK, method="zero")
    without, with_it = (result(ran(problem, replace(config, compare=how))) for how in ("none", "full"))
    assert torch.equal(without.weights, with_it.weights)


def test_a_group_that_is_left_out_is_still_measured(problem_of: ProblemOf) -> None:
    problem = problem_of((0.1, 0.5, 0.3), (200, 60, 80), names=("a", "out", "b"))
    found = result(ran(problem, replace(QUICK, method="zero", trust=("out=0",))))
    plain, zero = found.comparison[:2]
    assert float(zero.weights[1]) == 0
    assert float(plain.weights[1]) == pytest.approx(60 / 340)
    assert bool(zero.losses.isfinite().all())


def test_a_group_that_is_left_out_and_cannot_be_judged_is_left_out_of_the_comparison_too(problem_of: ProblemOf) -> None:
    problem = problem_of((0.1, 0.5, 0.3), (200, 60, 80), names=("a", "out", "b"))
    config = replace(QUICK, method="zero", trust=("out=0",), caps=("out=0.5", "a=0.9"))
    moments = list(compared(problem, config, problem.only([0, 2])))
    found = result(moments)
    assert [row.method for row in found.comparison[:3]] == [PLAIN, "zero", "equal"]
    assert found.comparison[0].weights.tolist() == pytest.approx([200 / 280, 0, 80 / 280])
    assert all(row.losses.isfinite().tolist() == [True, False, True] for row in found.comparison)
    assert {now.losses.shape[-1] for now in moments if now.losses.numel()} == {3}


def test_a_group_that_was_not_judged_does_not_hide_that_weights_lose() -> None:
    groups, config = ("a", "out", "b"), replace(QUICK, trust=("a=0.5", "b=0.5", "out=0"))
    worse = row([0.5, float("nan"), 0.3])
    assert len(said((row([0.0, 0.0, 0.0]), worse), groups, config)) == 1


def test_an_answer_survives_a_comparison_that_cannot_be_made(problem_of: ProblemOf) -> None:
    """Plain cloning trains on the group that is left out, and its actions are no numbers."""
    problem = problem_of((0.1, float("nan"), 0.3), (200, 60, 80), names=("a", "out", "b"))
    found = result(ran(problem, replace(QUICK, method="zero", trust=("out=0",))))
    assert found.warnings[0].startswith("not compared with plain cloning: the loss of")
    assert not found.comparison


def test_what_is_compared_is_the_skill_of_the_problem(problem_of: ProblemOf) -> None:
    """A skill of 7 for everything makes all weights alike."""

    def seven(_: Parameters, batch: Any) -> Tensor:
        return torch.full((len(batch[0]),), 7.0)

    problem = replace(problem_of((0.1, 0.5), (200, 60)), skill=seven)
    found = result(ran(problem, replace(QUICK, method="zero")))
    assert [one.losses.tolist() for one in found.comparison] == [[7.0, 7.0]] * 5
    assert found.comparison[1].difference.tolist() == [0.0, 0.0]


def test_every_demonstration_that_is_held_out_is_measured_once(problem_of: ProblemOf) -> None:
    problem = problem_of((0.1, 0.1), (80, 40))
    fold = problem.folds[0]
    group, pairs = torch.tensor([0] * 8 + [1] * 4), torch.arange(12)

    def at(number: Tensor) -> Any:
        return fold.measuring(group[number], Generator().manual_seed(0))

    held = [Held(at, group, 3 * fold_of + group, pairs) for fold_of in range(2)]
    folds = tuple(fold._replace(held=one) for one in held)
    config = replace(QUICK, compare="quick", repeats=2)
    found = result(ran(replace(problem, folds=folds), config)).comparison[1]
    assert bool(found.standard_error.isfinite().all())


def _returned(run: Any) -> Balance:
    while True:
        try:
            next(run)
        except StopIteration as end:
            found: Balance = end.value
            return found

"""Meta-gradient runs, and what all runs of a repetition share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from balanced_bc.balancing import remix, search
from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.descent import AdamState, Step, observe
from balanced_bc.balancing.minimax import choose
from balanced_bc.balancing.minmax import normalize
from balanced_bc.balancing.prior import prior_of
from balanced_bc.balancing.problem import Fold, Problem
from balanced_bc.balancing.proportions import effective_sample_size
from balanced_bc.balancing.references import candidates
from balanced_bc.balancing.repetition import Repetition

ProblemOf = Callable[..., Problem]
QUICK = BalancingConfig(method="ours", steps=12, batch=8, repeats=2, evaluate_every=1, evaluation=32, warmup=4)


def first_states(batch: Any) -> set[float]:
    return set(batch[0][:, 0].tolist())


def ran(run: Any) -> list[Any]:
    return list(run)


@pytest.fixture
def problem(problem_of: ProblemOf) -> Problem:
    return problem_of((0.1, 0.5), (200, 60))


@pytest.fixture
def held(problem: Problem) -> set[float]:
    """First numbers of the states that are held out."""
    return first_states(problem.folds[0].measuring(torch.arange(2).repeat_interleave(10**4), Generator()))


def test_meta_gradients_are_measured_on_held_out_pairs_drawn_apart(
    problem: Problem, held: set[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """U must be independent of g_j, on the training split too."""
    seen: list[tuple[Any, Any]] = []

    def take(repetition: Repetition, state: Any, weights: Tensor, draws: Any, steps: int) -> Any:
        batches = draws[0](), draws[1]()
        seen.append(batches)
        return search.take_one(repetition, state, weights, (lambda: batches[0], lambda: batches[1]), steps)

    monkeypatch.setitem(search.TAKE, "one-step", take)
    ran(search.search_block(Repetition.of(problem, QUICK, 0)))
    assert all(first_states(measured) <= held and not first_states(trained) & held for trained, measured in seen)
    (fold,) = problem.folds
    same = replace(problem, folds=(Fold(fold.training, fold.training),))
    seen.clear()
    ran(search.search_block(Repetition.of(same, QUICK, 0)))
    assert not any(torch.equal(trained[0], measured[0]) for trained, measured in seen)


def test_weights_wait_for_the_warm_up_and_then_move_across_themselves(problem: Problem) -> None:
    repetition = Repetition.of(problem, QUICK, 0)
    assert QUICK.still == 3
    weights = [now.weights for now in ran(search.search_block(repetition))]
    still = [torch.allclose(now, repetition.prior.expand_as(now)) for now in weights]
    assert still == [True] * QUICK.still + [False] * (QUICK.steps - QUICK.still)
    state = search.SearchState.at(repetition)
    _, slope = search.advance(repetition, state, repetition.batches(), repetition.measuring_batches(), range(1))
    assert float((state.weights * slope).sum(dim=1).abs().max()) < 1e-9 * float(slope.abs().max())


def test_adam_preconditions_an_inner_step_by_the_steps_before_it(problem: Problem) -> None:
    """With moments that have seen the gradient itself the derivative of the step is another, and may have no sign."""
    state = search.SearchState.at(Repetition.of(problem, QUICK, 0))
    first, second = (torch.randn(state.theta.shape, generator=Generator().manual_seed(seed)) for seed in (0, 1))
    before = observe(AdamState.at(state.theta), first)
    step = search.inner(state._replace(moments=before), replace(QUICK, meta_optimizer="adam"))(second)
    torch.testing.assert_close(step.scale, Step.adapted(second, QUICK.learning_rate, before).scale)
    assert not torch.allclose(step.scale, Step.adapted(second, QUICK.learning_rate, observe(before, second)).scale)


def test_the_excess_of_corrected_remix_is_that_of_held_out_pairs(
    problem: Problem, held: set[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[float]] = []

    def weigh(_: Repetition, state: remix.Proxy, drawn: remix.Drawn, _step: int) -> Tensor:
        seen.append(first_states(drawn.batch))
        return state.weights

    monkeypatch.setattr(remix, "weigh", weigh)
    for form in ("corrected", "faithful"):
        seen.clear()
        ran(remix.remix(Repetition.of(problem, replace(QUICK, method="remix", remix=form), 0)))
        assert len(seen) == QUICK.steps
        assert all(states <= held for states in seen) is (form == "corrected")


def test_an_excess_that_stands_out_is_bounded() -> None:
    excess = torch.tensor([10.0, *[0.0] * 9], dtype=torch.float64)
    assert normalize(excess, 0.0, 3.0).tolist() == [3.0, *[0.0] * 9]
    assert normalize(excess, 0.0, 100.0).tolist() == pytest.approx([10.0, *[0.0] * 9])
    assert normalize(excess, 100.0, 3.0).tolist() == pytest.approx([0.1, *[0.0] * 9])


def test_specialists_shares_and_equal_weights_are_among_the_candidates(problem: Problem) -> None:
    found = torch.tensor([[0.9, 0.1], [0.3, 0.7]], dtype=torch.float64)
    names, weights = candidates(Repetition.of(problem, QUICK, 0), found)
    assert dict(zip(names, weights.tolist())) == {
        "meta noise 0.1": [0.9, 0.1],
        "meta noise 0.5": [0.3, 0.7],
        "specialist noise 0.1": [1.0, 0.0],
        "specialist noise 0.5": [0.0, 1.0],
        "proportions": pytest.approx([200 / 260, 60 / 260]),
        "equal": [0.5, 0.5],
    }


def test_shares_count_pairs_or_demonstrations(problem: Problem) -> None:
    counted = replace(problem, demonstrations=(1, 3))
    assert prior_of(counted, QUICK).tolist() == pytest.approx([200 / 260, 60 / 260])
    assert prior_of(counted, replace(QUICK, proportions="demonstrations")).tolist() == pytest.approx([0.25, 0.75])


def test_the_effective_sample_size_is_that_of_the_pairs_weights() -> None:
    alpha, pairs = torch.tensor([0.5, 0.5], dtype=torch.float64), torch.tensor([300, 100])
    weights = (alpha / pairs).repeat_interleave(pairs)
    assert effective_sample_size(alpha, pairs) == pytest.approx(float(weights.sum() ** 2 / weights.square().sum()))
    assert effective_sample_size(torch.tensor([0.75, 0.25]), pairs) == pytest.approx(400)


def test_repetitions_have_networks_and_batches_of_their_own(problem: Problem) -> None:
    first, second = (Repetition.of(problem, QUICK, number) for number in range(2))
    assert not torch.equal(first.start, second.start)
    assert not torch.equal(first.batches()()[0], second.batches()()[0])


def test_the_choice_of_minimax_has_the_least_cost() -> None:
    r"""On a grid: :math:`\kappa \sum_i p_i \log (p_i / \alpha_i) + \max_i z_i^2 / 8`, with excesses linear in alpha."""
    prior = torch.tensor([0.2, 0.8], dtype=torch.float64)

    def excess(weights: Tensor, _: Tensor) -> Tensor:
        return torch.stack((8 * (1 - weights[..., 0]), weights[..., 0]), dim=-1)

    stub: Any = SimpleNamespace(
        surrogate=SimpleNamespace(prior=prior), at_reference=lambda: torch.zeros(2), excess=excess
    )
    grid = torch.linspace(0.001, 0.999, 9981, dtype=torch.float64)
    both = torch.stack((grid, 1 - grid))
    divergence = (prior[:, None] * (prior[:, None] / both).log()).sum(dim=0)
    worst = torch.stack((8 * (1 - grid), grid)).max(dim=0).values
    wanted = grid[(4.0 * divergence + worst.square() / 8).argmin()]
    assert float(choose(stub, 4.0)[0]) == pytest.approx(float(wanted), abs=2e-3)
    assert 0.5 < float(wanted) < 0.8


def test_steps_at_which_a_run_has_lost_its_group_say_nothing_of_who_helps_whom() -> None:
    """Run 0 loses its group at the second measurement and finds it again, run 1 never does."""
    own = [torch.tensor(losses) for losses in ([2.0, 2.0], [3.5, 1.9], [2.9, 1.8])]
    known = [search.knows(own[:measured]) for measured in (1, 1, 2, 3)]
    assert [one.tolist() for one in known] == [[True, True], [True, True], [False, True], [True, True]]
    slopes = [torch.tensor([[sign, 0.0], [0.0, 1.0]]) for sign in (1.0, 1.0, -1000.0, 1.0)]
    found = search.directions(slopes, known)
    assert found[:, 0, 0].isfinite().tolist() == [True, True, False, True]
    assert found.nanmean(dim=0).tolist() == [[1.0, 0.0], [0.0, 1.0]]

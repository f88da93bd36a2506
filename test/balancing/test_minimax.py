"""Data weights that are good for every target group."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from balanced_bc.balancing.evidence import Evidence
from balanced_bc.balancing.measured import Best, Measured
from balanced_bc.balancing.minimax import choose, design, thin
from balanced_bc.balancing.problem import Problem
from balanced_bc.balancing.simplex import shifted
from balanced_bc.balancing.surrogate import Surrogate

STIFFNESS = 4.0
NOISE = 0.05
"""Standard deviation of a demonstration's own taste for lanes, [nat]."""


def _prior(groups: int) -> Tensor:
    raw = torch.arange(1.0, groups + 1, dtype=torch.float64)
    return raw / raw.sum()


def _measured(
    prior: Tensor, loss: Callable[[Tensor], Tensor], demonstrations: int = 12, folds: int = 3
) -> list[Measured]:
    """What lanes would measure if the loss of each group were this function of the weights, (m, k) to (m, k)."""
    lanes, generator = design(prior), Generator().manual_seed(0)
    group = torch.arange(len(prior)).repeat_interleave(demonstrations)
    parts = []
    for fold in range(folds):
        own = NOISE * torch.randn(len(lanes), len(group), generator=generator, dtype=torch.float64)
        parts.append(Measured(loss(lanes)[:, group] + own, group, torch.arange(len(group)) + fold * len(group)))
    return parts


def _chosen(prior: Tensor, loss: Callable[[Tensor], Tensor]) -> Tensor:
    return choose(Evidence.of(design(prior), _measured(prior, loss)), STIFFNESS)


@given(st.integers(2, 40))
def test_the_number_of_lanes_is_linear_in_the_number_of_groups(groups: int) -> None:
    lanes = design(_prior(groups))
    assert len(lanes) == (5 if groups == 2 else 1 + 4 * groups)
    torch.testing.assert_close(lanes.sum(dim=1), torch.ones(len(lanes), dtype=torch.float64))


def test_a_lane_changes_the_odds_of_one_group_and_keeps_the_others_in_proportion() -> None:
    weights = shifted(torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64), 0, 4.0)
    assert weights.tolist() == pytest.approx([0.5, 0.1875, 0.3125])


@pytest.mark.parametrize("groups", [2, 3, 7])
def test_the_surrogate_changes_nothing_at_the_prior_and_comes_close_to_each_lane(groups: int) -> None:
    prior = _prior(groups)
    lanes = design(prior)
    surrogate = Surrogate.through(prior, lanes[1:])
    torch.testing.assert_close(surrogate.mixture(prior), torch.zeros(len(lanes) - 1, dtype=torch.float64))
    wanted = (lanes[1:] / prior).log()[:, 0]
    assert float((surrogate.mixture(lanes[1:]) @ wanted - wanted).abs().max()) < 0.15 * float(wanted.abs().max())


def test_without_evidence_the_answer_is_the_prior() -> None:
    for groups in (2, 4):
        prior = _prior(groups)
        found = _chosen(prior, torch.zeros_like)
        assert float((found - prior).abs().max()) < 0.05


def test_a_group_measured_on_one_demonstration_has_no_say() -> None:
    prior = _prior(2)
    parts = _measured(prior, lambda a: -3.0 * a[:, :1].log().expand_as(a), demonstrations=1, folds=1)
    evidence = Evidence.of(design(prior), parts)
    torch.testing.assert_close(choose(evidence, STIFFNESS), prior)
    assert evidence.transfer(3.0)[1].isnan().all()


def test_data_that_helps_every_group_gains_weight() -> None:
    prior = torch.tensor([0.6, 0.4], dtype=torch.float64)
    found = _chosen(prior, lambda a: -0.3 * a[:, :1].log().expand_as(a))
    assert float(found[0]) > 0.75


def test_it_gains_weight_also_where_the_way_there_is_uphill() -> None:
    """Demonstrations disagree most where losses are highest, so that less of what helps looks less surely worse."""
    prior = torch.tensor([1 / 3, 2 / 3], dtype=torch.float64)
    lanes, group = design(prior), torch.arange(2).repeat_interleave(12)
    worse, spread = torch.tensor([[0.09, 0.19, 0.15, 0.03, 0.0], [0.09, 0.23, 0.18, 0.05, 0.0]], dtype=torch.float64)
    disagree = torch.linspace(-1.7, 1.7, 12, dtype=torch.float64).repeat(2)
    losses = worse[:, None] + spread[:, None] * disagree
    evidence = Evidence.of(lanes, [Measured(losses, group, torch.arange(24) + 24 * fold) for fold in range(3)])
    nearby = torch.tensor([0.3, 0.7], dtype=torch.float64)
    assert bool((evidence.excess(nearby) < evidence.excess(prior)).all())
    assert float(choose(evidence, STIFFNESS)[0]) > 0.5


def test_what_the_demonstrations_of_a_fold_share_is_taken_for_an_accident_of_its_training() -> None:
    prior = torch.tensor([0.6, 0.4], dtype=torch.float64)
    lanes, group = design(prior), torch.arange(2).repeat_interleave(12)

    def moved(seed: int) -> float:
        generator, parts = Generator().manual_seed(seed), []
        for fold in range(3):
            shared = 0.2 * torch.randn(len(lanes), 2, generator=generator, dtype=torch.float64)
            parts.append(Measured(shared[:, group], group, torch.arange(24) + 24 * fold))
        return abs(float(choose(Evidence.of(lanes, parts), STIFFNESS)[0] - prior[0]))

    assert sum(map(moved, range(6))) / 6 < 0.08


def test_a_group_that_needs_its_own_data_is_not_given_up() -> None:
    """Each group is learned from its own data only: what one gains the other loses."""
    prior = torch.full((3,), 1 / 3, dtype=torch.float64)
    found = _chosen(prior, lambda a: -0.3 * a.log())
    assert float(found.min()) > 1 / 6


def test_reordering_the_groups_reorders_the_weights() -> None:
    prior, useful = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64), torch.tensor([0.0, 0.4, 0.1])
    order = torch.tensor([2, 0, 1])
    group = torch.arange(3).repeat_interleave(6)

    def answer(prior: Tensor, useful: Tensor) -> Tensor:
        lanes = design(prior)
        losses = -(lanes.log() @ useful.double())[:, None].expand(-1, 18)
        part = Measured(losses + 0.01 * torch.arange(18) * losses.square(), group, torch.arange(18))
        return choose(Evidence.of(lanes, [part]), STIFFNESS)

    losses_differ_only_by_order = answer(prior, useful)[order], answer(prior[order], useful[order])
    torch.testing.assert_close(*losses_differ_only_by_order, atol=0.02, rtol=0.1)


@pytest.mark.parametrize("groups", [2, 3])
def test_a_reference_is_no_higher_than_the_interpolated_loss_in_any_lane(groups: int) -> None:
    prior = _prior(groups)
    evidence = Evidence.of(design(prior), _measured(prior, lambda a: (a - 0.4).square() - 0.2 * a.log()))
    least, _ = evidence.difference_of(evidence.reference)
    for coefficients in evidence.surrogate.mixture(design(prior)):
        there, _ = evidence.difference_of(coefficients.expand_as(evidence.reference))
        assert bool((least <= there + 1e-12).all())
    assert bool((least < 0).any())


def test_transfer_says_who_is_helped_and_who_is_harmed() -> None:
    prior = torch.full((3,), 1 / 3, dtype=torch.float64)
    helps = torch.tensor([[0.3, 0.0, -0.2], [0.0, 0.3, 0.0], [0.0, 0.0, 0.3]], dtype=torch.float64)
    evidence = Evidence.of(design(prior), _measured(prior, lambda a: -(a.log() @ helps.T)))
    change, error = evidence.transfer(3.0)
    assert float(change[0, 0]) < -3 * float(error[0, 0])
    assert float(change[0, 2]) > 3 * float(error[0, 2])


def test_few_demonstrations_are_counted_over_all_folds(problem_of: Callable[..., Problem]) -> None:
    prior = torch.full((2,), 0.5, dtype=torch.float64)
    evidence = Evidence.of(design(prior), _measured(prior, torch.zeros_like, demonstrations=1))
    (said,) = thin(problem_of((0.1, 0.5), (40, 40), names=("slider", "drawer")), evidence)
    assert said == "measured on few demonstrations, so what is said of it is uncertain: slider (3) and drawer (3)"


def test_a_demonstration_measured_twice_counts_with_its_mean() -> None:
    group, names = torch.tensor([0, 1]), torch.tensor([7, 9])
    first, second = (Measured(torch.tensor([[x, 4.0]]), group, names) for x in (1.0, 3.0))
    joined = Measured.pooled([first, second])
    assert joined.losses.tolist() == [[2.0, 4.0]]
    assert joined.group.tolist() == [0, 1]


def test_the_best_moment_is_chosen_for_each_lane_and_group() -> None:
    group = torch.tensor([0, 0, 1])
    best = Best.after(None, torch.tensor([[2.0, 4.0, 1.0]]), group, 2)
    best = Best.after(best, torch.tensor([[0.0, 0.0, 9.0]]), group, 2)
    assert best.losses.tolist() == [[1.0, 2.0, 1.0]]
    assert best.means.tolist() == [[1.5, 1.0]]

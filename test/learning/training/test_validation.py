"""Held-out losses and the early stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.learning.config import TrainingConfig
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.gathering import Grouped, gather
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.training.fit import fit
from balanced_bc.learning.training.validation import Patience, Validation, deciding, parts_of, regret
from balanced_bc.policies.config import PolicyConfig

OVERFITTING = TrainingConfig(
    steps=400,
    batch_size=32,
    report_every=10,
    learning_rate=0.02,
    held_out=0.5,
    early_stop=4,
    averaging=0.5,
    device="cpu",
)


def test_the_regret_is_that_of_the_group_furthest_above_its_own_best() -> None:
    best = {"noisy": 5.0, "clean": -3.0}
    assert regret({"noisy": 5.5, "clean": -2.0}, best) == 1.0
    assert regret(best, best) == 0.0


def test_a_policy_is_kept_while_all_groups_get_better() -> None:
    patience = Patience(2, ("a", "b"))
    assert all(patience.keeps(step, {"a": -step, "b": -2.0 * step}) for step in range(1, 9))
    assert patience.step == 8


def test_waiting_is_over_when_the_worst_group_got_worse_for_so_many_reports() -> None:
    patience = Patience(2, ("a", "b"))
    assert patience.keeps(1, {"a": 0.0, "b": 0.0})
    assert not patience.keeps(2, {"a": 0.5, "b": -0.2})
    assert not patience.is_over
    assert not patience.keeps(3, {"a": 0.9, "b": -0.3})
    assert patience.is_over
    assert patience.step == 1


def test_a_group_that_overfits_gives_way_to_one_that_has_more_to_gain() -> None:
    patience = Patience(2, ("a", "b"))
    assert patience.keeps(1, {"a": 0.0, "b": 0.0})
    assert patience.keeps(2, {"a": 0.1, "b": -1.0})
    assert patience.step == 2


def test_a_noisier_group_does_not_decide_by_its_higher_loss() -> None:
    """The loss of `noisy` is highest throughout, but it has converged; `clean` gets worse."""
    patience = Patience(1, ("noisy", "clean"))
    assert patience.keeps(1, {"noisy": 9.0, "clean": 0.0})
    assert not patience.keeps(2, {"noisy": 8.95, "clean": 1.0})


def test_groups_that_are_hardly_trained_on_do_not_decide() -> None:
    assert deciding({"a": 0.6, "b": 0.37, "c": 0.03, "d": 0.0}) == ["a", "b", "c"]
    patience = Patience(1, ("clean",))
    assert patience.keeps(1, {"misleading": 5.0, "clean": 0.0})
    assert patience.keeps(2, {"misleading": 9.0, "clean": -1.0})
    assert patience.losses == {"misleading": 9.0, "clean": -1.0}


def test_a_group_of_weight_0_does_not_choose_the_policy(state_pairs: Pairs, state_policy: PolicyConfig) -> None:
    """It does the opposite, so that the policy is the worse in it the better it learns the other one."""
    one, other = state_pairs.groups
    action = state_pairs.action.clone()
    action[..., :6] = torch.where(state_pairs.group == 0, 1.0, -1.0)[:, None, None] * state_pairs.state[:, None, :6]
    *_, last = reports = list(
        fit(replace(state_pairs, action=action), state_policy, OVERFITTING, {one: 1.0, other: 0.0})
    )
    assert last.held_out[one] == min(report.held_out[one] for report in reports)
    assert last.held_out[one] < reports[0].held_out[one]
    assert last.held_out[other] > min(report.held_out[other] for report in reports)


def test_patience_survives_plain_types() -> None:
    patience, other = Patience(3, ("a",)), Patience(3, ("a",))
    for step, loss in enumerate((1.0, 0.5, 0.7)):
        patience.keeps(step, {"a": loss})
    other.restore(patience.to_dict())
    assert other.to_dict() == patience.to_dict()
    assert (other.step, other.waited) == (1, 1)


def test_training_stops_early_and_its_result_is_the_best_policy(state_pairs: Pairs, state_policy: PolicyConfig) -> None:
    reports = list(fit(state_pairs, state_policy, OVERFITTING))
    last = reports[-1]
    assert last.step < OVERFITTING.steps
    assert last.kept < last.step
    (kept,) = (report for report in reports[:-1] if report.step == last.kept)
    assert last.held_out == kept.held_out
    assert last.losses == reports[-2].losses
    until_then = fit(state_pairs, state_policy, OVERFITTING, stop=_after(last.kept))
    *_, straight = until_then
    wanted = straight.policy.state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in last.policy.state_dict().items())


def test_without_patience_the_last_policy_is_the_result(state_pairs: Pairs, state_policy: PolicyConfig) -> None:
    *_, last = fit(state_pairs, state_policy, replace(OVERFITTING, early_stop=0, steps=100))
    assert last.step == last.kept == 100


def test_an_early_stop_without_held_out_demonstrations_is_refused(
    grouped: list[Grouped], contract: RobotContract, state_policy: PolicyConfig
) -> None:
    with pytest.raises(LearningError, match="held_out is 0"):
        TrainingConfig(early_stop=3)
    single = gather(grouped[:1], state_policy, contract)
    with pytest.raises(LearningError, match="have none to spare"):
        next(fit(single, state_policy, OVERFITTING))


def test_held_out_pairs_are_measured_in_parts_of_a_size(pairs: Pairs) -> None:
    assert parts_of(1100) == [512, 512, 76]
    validation = Validation(pairs, (pairs.demonstration % 4 == 0).nonzero().flatten(), each=6)
    assert {name: len(index) for name, index in validation.index.items()} == {"drawer": 6, "slider": 6}


def _after(steps: int) -> Callable[[], bool]:
    asked = iter([False] * steps + [True])
    return lambda: next(asked)

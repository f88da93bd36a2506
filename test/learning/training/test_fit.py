"""Training."""

from __future__ import annotations

import pytest
import torch

from balanced_bc.learning.config import TrainingConfig
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.training.descent import learning_rate
from balanced_bc.learning.training.fit import fit
from balanced_bc.learning.training.progress import Progress
from balanced_bc.policies.config import PolicyConfig

QUICK = TrainingConfig(steps=6, batch_size=8, report_every=2, device="cpu")


def _last(
    pairs: Pairs, policy: PolicyConfig, config: TrainingConfig, alpha: dict[str, float] | None = None
) -> Progress:
    *_, last = fit(pairs, policy, config, alpha)
    return last


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_same_seed_gives_the_same_bits(pairs: Pairs, image_policy: PolicyConfig, precision: str) -> None:
    config = TrainingConfig(steps=4, batch_size=8, device="cpu", precision=precision, seed=5)  # type: ignore[arg-type]
    first, second = (_last(pairs, image_policy, config).policy.state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_training_leaves_the_global_random_state_alone(pairs: Pairs, image_policy: PolicyConfig) -> None:
    before = torch.get_rng_state()
    _last(pairs, image_policy, QUICK)
    assert torch.equal(before, torch.get_rng_state())


def test_reports_come_regularly_and_the_last_is_the_end(pairs: Pairs, image_policy: PolicyConfig) -> None:
    assert [report.step for report in fit(pairs, image_policy, QUICK)] == [2, 4, 6]


def test_one_thread_trains_a_small_state_policy(state_pairs: Pairs, state_policy: PolicyConfig) -> None:
    before = torch.get_num_threads()
    assert "CPU, 1 threads" in _last(state_pairs, state_policy, QUICK).device
    assert torch.get_num_threads() == before


def test_a_policy_learns_what_was_demonstrated(state_pairs: Pairs, state_policy: PolicyConfig) -> None:
    config = TrainingConfig(steps=300, batch_size=32, report_every=100, device="cpu", averaging=0.9)
    reports = list(fit(state_pairs, state_policy, config))
    assert reports[-1].losses["drawer"] < reports[0].losses["drawer"] - 0.5


def test_weight_lowers_the_loss_of_the_group_that_gets_it(state_pairs: Pairs, state_policy: PolicyConfig) -> None:
    config = TrainingConfig(steps=200, batch_size=32, report_every=100, device="cpu")
    most, least = (
        _last(state_pairs, state_policy, config, {"drawer": 1 - weight, "slider": weight}).losses["slider"]
        for weight in (0.8, 0.1)
    )
    assert most < least


def test_a_group_without_weight_is_never_drawn(state_pairs: Pairs, state_policy: PolicyConfig) -> None:
    assert set(_last(state_pairs, state_policy, QUICK, {"drawer": 1.0, "slider": 0.0}).losses) == {"drawer"}


def test_held_out_losses_are_reported_for_every_group(pairs: Pairs, image_policy: PolicyConfig) -> None:
    config = TrainingConfig(steps=2, batch_size=8, held_out=0.2, device="cpu")
    assert set(_last(pairs, image_policy, config).held_out) == {"drawer", "slider"}
    assert _last(pairs, image_policy, QUICK).held_out == {}


def test_stop_ends_training_with_a_report(pairs: Pairs, image_policy: PolicyConfig) -> None:
    asked = iter((False, False, False, True))
    reports = list(fit(pairs, image_policy, QUICK, stop=lambda: next(asked)))
    assert [report.step for report in reports] == [2, 3]


def test_the_policy_carries_the_units_of_the_pairs(pairs: Pairs, image_policy: PolicyConfig) -> None:
    policy = _last(pairs, image_policy, QUICK).policy
    torch.testing.assert_close(policy.twist_mean, pairs.action[pairs.mask > 0][:, :6].mean(0))


def test_the_step_size_rises_and_falls() -> None:
    config = TrainingConfig(steps=100, warmup=10, learning_rate=1.0)
    rates = [learning_rate(step, config) for step in range(100)]
    assert rates[0] < 0.1
    assert max(rates) > 0.9
    assert rates[-1] < 1e-3


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_missing_cuda_is_an_error_when_asked_for_and_a_message_when_not(
    pairs: Pairs, image_policy: PolicyConfig
) -> None:
    with pytest.raises(LearningError, match="finds no CUDA"):
        next(fit(pairs, image_policy, TrainingConfig(device="cuda")))
    assert "no CUDA" in _last(pairs, image_policy, TrainingConfig(steps=1, batch_size=4)).device


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"device": "tpu"}, {"held_out": 0.9}, {"averaging": 1.0}])
def test_an_impossible_training_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(LearningError):
        TrainingConfig(**wrong)  # type: ignore[arg-type]


def test_between_two_reports_the_caller_has_its_threads(state_pairs: Pairs, state_policy: PolicyConfig) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        run = fit(state_pairs, state_policy, QUICK)
        next(run)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)

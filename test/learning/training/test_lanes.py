"""Many policies at once."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from balanced_bc.learning.config import TrainingConfig
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.training.fit import fit
from balanced_bc.learning.training.lanes import Lane, Weights, fit_lanes
from balanced_bc.learning.training.progress import Progress
from balanced_bc.policies.config import PolicyConfig

QUICK = TrainingConfig(steps=8, batch_size=8, report_every=3, held_out=0.2, device="cpu", precision="float32")


def in_lanes(
    pairs: Pairs, policy: PolicyConfig, config: TrainingConfig, seeds: tuple[int, ...], alphas: tuple[Weights, ...] = ()
) -> tuple[Lane, ...]:
    *_, last = fit_lanes(pairs, policy, config, seeds, alphas)
    return last.lanes


def alone(pairs: Pairs, policy: PolicyConfig, config: TrainingConfig, seed: int, alpha: Weights = None) -> Progress:
    *_, last = fit(pairs, policy, replace(config, seed=seed), alpha)
    return last


def assert_same(lane: Lane, single: Progress) -> None:
    wanted = single.policy.state_dict()
    for name, value in lane.policy.state_dict().items():
        torch.testing.assert_close(value, wanted[name], rtol=0, atol=1e-5)
    assert lane.last.held_out == pytest.approx(single.held_out, abs=1e-4)
    torch.testing.assert_close(lane.policy.twist_mean, single.policy.twist_mean)
    assert lane.last.losses == pytest.approx(single.losses, abs=1e-4)
    alike = ("step", "steps", "learning_rate", "kept", "shares", "warnings")
    assert [getattr(lane.last, name) for name in alike] == [getattr(single, name) for name in alike]


def test_each_lane_is_a_training_alone_with_its_seed(state_pairs: Pairs, state_policy: PolicyConfig) -> None:
    for seed, lane in zip((3, 1, 4), in_lanes(state_pairs, state_policy, QUICK, (3, 1, 4))):
        assert lane.config.seed == seed
        assert_same(lane, alone(state_pairs, state_policy, QUICK, seed))


def test_lanes_see_images_shifted_as_alone(pairs: Pairs, image_policy: PolicyConfig) -> None:
    for seed, lane in enumerate(in_lanes(pairs, image_policy, QUICK, (0, 1))):
        assert_same(lane, alone(pairs, image_policy, QUICK, seed))


@pytest.mark.parametrize("apply", ["sampling", "loss"])
def test_lanes_may_have_weights_of_their_own(state_pairs: Pairs, state_policy: PolicyConfig, apply: str) -> None:
    config = replace(QUICK, apply=apply)  # type: ignore[arg-type]
    alphas: tuple[Weights, ...] = ({"drawer": 0.3, "slider": 0.7}, None)
    lanes = in_lanes(state_pairs, state_policy, config, (5,), alphas)
    assert [lane.weights for lane in lanes] == list(alphas)
    for lane, alpha in zip(lanes, alphas):
        assert_same(lane, alone(state_pairs, state_policy, config, 5, alpha))


def test_reports_have_losses_of_every_lane(state_pairs: Pairs, state_policy: PolicyConfig) -> None:
    reports = list(fit_lanes(state_pairs, state_policy, QUICK, (0, 1)))
    assert [(report.step, len(report.lanes)) for report in reports] == [(3, 0), (6, 0), (8, 2)]
    single = [report.losses for report in fit(state_pairs, state_policy, replace(QUICK, seed=1))]
    for report, losses in zip(reports, single):
        assert report.losses[1] == pytest.approx(losses, abs=1e-4)


def test_seeds_and_weights_that_do_not_match_are_refused(state_pairs: Pairs, state_policy: PolicyConfig) -> None:
    with pytest.raises(LearningError, match="2 seeds and 3 weightings"):
        in_lanes(state_pairs, state_policy, QUICK, (0, 1), (None, None, None))
    with pytest.raises(LearningError, match="none stops early"):
        in_lanes(state_pairs, state_policy, replace(QUICK, early_stop=3), (0, 1))

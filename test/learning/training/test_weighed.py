"""Weights of groups that do not tell behaviors apart: training tells them apart all the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.observation import Demonstration
from balanced_bc.learning.config import TrainingConfig
from balanced_bc.learning.evaluation.suitability import doubts
from balanced_bc.learning.rebalancing import balance_file
from balanced_bc.learning.rebalancing.rebalance_dataset import rebalance_dataset
from balanced_bc.learning.training import summary
from balanced_bc.learning.training.train import load_weighed, train_dataset
from balanced_bc.policies.checkpoint import load
from balanced_bc.policies.config import PolicyConfig

QUICK = TrainingConfig(steps=4, batch_size=16, report_every=2, held_out=0.3, early_stop=9, device="cpu")
EPISODES = (("left", "optimal"), ("left", "noisy"), ("right", "optimal"), ("right", "noisy"), ("right", "noisy"))
Record = Callable[[Dataset, Demonstration, dict[str, str]], None]


@pytest.fixture
def dataset(
    tmp_path: Path, contract: RobotContract, demonstrate: Callable[..., Demonstration], record: Record
) -> Dataset:
    """Twice each of `EPISODES`, of 5 ticks."""
    found = Dataset.create(tmp_path / "dataset", contract)
    for seed, (behavior, quality) in enumerate(EPISODES * 2):
        record(found, demonstrate(ticks=5, seed=seed), {"behavior": behavior, "quality": quality})
    return found


@pytest.fixture
def weights(dataset: Dataset, image_policy: PolicyConfig, tmp_path: Path) -> Path:
    """Equal weights of optimal and noisy."""
    list(rebalance_dataset(dataset, ("quality",), tmp_path / "weights", BalancingConfig(method="equal"), image_policy))
    return tmp_path / "weights"


def test_behaviors_are_held_out_and_measured_on_their_own(
    dataset: Dataset, weights: Path, image_policy: PolicyConfig, tmp_path: Path
) -> None:
    *_, last = train_dataset(dataset, tmp_path / "policy", weights, image_policy, QUICK)
    assert sorted(last.held_out) == ["left+noisy", "left+optimal", "right+noisy", "right+optimal"]
    assert {name: one.weight for name, one in last.shares.items()} == pytest.approx(
        {"left+noisy": 1 / 6, "left+optimal": 1 / 4, "right+noisy": 1 / 3, "right+optimal": 1 / 4}
    )
    assert "left+noisy" in summary.text(last)


def test_a_policy_says_the_weights_that_were_given_and_the_behaviors_that_it_knows(
    dataset: Dataset, weights: Path, image_policy: PolicyConfig, tmp_path: Path
) -> None:
    list(train_dataset(dataset, tmp_path / "policy", weights, image_policy, QUICK))
    provenance = load(tmp_path / "policy").provenance
    assert provenance["weights"] == {"noisy": 0.5, "optimal": 0.5}
    assert provenance["fingerprint"] == dataset.fingerprint(("quality",))
    assert doubts(provenance, ("left", "right")) == ()
    assert (
        "trained on the groups left, right; none of them is named middle" in doubts(provenance, ("left", "middle"))[0]
    )


def test_each_pair_weighs_what_the_weights_say(dataset: Dataset, weights: Path, image_policy: PolicyConfig) -> None:
    pairs, alpha = load_weighed(dataset, image_policy, balance_file.read(weights))
    assert alpha is not None
    weight = torch.tensor([alpha[name] for name in pairs.groups], dtype=torch.float64)
    noisy = torch.tensor([quality == "noisy" for _, quality in EPISODES * 2]).repeat_interleave(5)
    torch.testing.assert_close((weight / pairs.proportions())[pairs.group], torch.where(noisy, 5 / 6, 5 / 4).double())


def test_where_an_episode_has_no_behavior_the_groups_of_the_weights_are_told_apart(
    dataset: Dataset,
    image_policy: PolicyConfig,
    record: Record,
    demonstrate: Callable[..., Demonstration],
    tmp_path: Path,
) -> None:
    record(dataset, demonstrate(ticks=5, seed=77), {"quality": "noisy"})
    config = BalancingConfig(method="equal")
    list(rebalance_dataset(dataset, ("quality",), tmp_path / "anew", config, image_policy))
    pairs, alpha = load_weighed(dataset, image_policy, balance_file.read(tmp_path / "anew"))
    assert alpha == {"noisy": 0.5, "optimal": 0.5}
    assert pairs.behaviors == ()

"""Weights of groups that do not tell behaviors apart: training tells them apart all the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
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
from balanced_bc.learning.training.draws import Drawing
from balanced_bc.learning.training.judged import Judged
from balanced_bc.learning.training.train import load_for, train_dataset
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
    assert last.judged == ("left", "right")
    assert {name: (last.shares[name].demonstrations, last.shares[name].held_out) for name in last.judged} == {
        "left": (4, 1),
        "right": (6, 2),
    }
    rows = [row[0] for row in summary.table(last)[1:]]
    assert rows == ["left", "right", "left+noisy", "left+optimal", "right+noisy", "right+optimal"]
    assert set(last.held_out) >= {"left", "right"}
    assert sum(last.shares[name].weight for name in last.judged) == pytest.approx(1)
    assert sum(last.shares[f"{name}+noisy"].weight for name in last.judged) == pytest.approx(0.5)
    assert summary.reading(last)[1].count(",") == 1


def test_groups_of_single_demonstrations_take_nothing_from_what_is_held_out_of_behaviors(
    dataset: Dataset, image_policy: PolicyConfig, tmp_path: Path
) -> None:
    """Each operator showed each behavior at most once."""
    for episode in range(10):
        dataset.tag([episode], {"operator": f"op{episode % 5}"})
    list(rebalance_dataset(dataset, ("operator",), tmp_path / "by", BalancingConfig(method="equal"), image_policy))
    *_, last = train_dataset(dataset, tmp_path / "policy", tmp_path / "by", image_policy, QUICK)
    assert {name: last.shares[name].held_out for name in last.judged} == {"left": 1, "right": 2}
    assert not [warning for warning in last.warnings if "held out" in warning]
    by_operator = {name[-3:]: 0.0 for name in last.shares if "+" in name}
    for name in last.shares:
        if "+" in name:
            by_operator[name[-3:]] += last.shares[name].weight
    assert by_operator == pytest.approx(dict.fromkeys(by_operator, 0.2))


def test_what_has_no_weight_is_not_held_out_in_place_of_what_has(
    dataset: Dataset, weights: Path, image_policy: PolicyConfig
) -> None:
    pairs = load_for(balance_file.read(weights), dataset, image_policy)
    for seed in range(10):
        drawing = Drawing(pairs, replace(QUICK, seed=seed), {"noisy": 0.0, "optimal": 1.0})
        held_out = torch.bincount(pairs.group[drawing.held_out], minlength=4)
        assert dict(zip(pairs.groups, (held_out / 5).tolist())) == {
            "left+noisy": 1,
            "left+optimal": 1,
            "right+noisy": 1,
            "right+optimal": 1,
        }
        judged = Judged(pairs, drawing.of_groups)
        assert set(judged.losses(dict.fromkeys(pairs.groups, 0.0))) == {"left", "right", *pairs.groups}


def test_the_loss_of_a_behavior_is_that_of_its_parts_by_their_weights(
    dataset: Dataset, weights: Path, image_policy: PolicyConfig
) -> None:
    pairs = load_for(balance_file.read(weights), dataset, image_policy)
    judged = Judged(pairs, torch.tensor([0.1, 0.3, 0.0, 0.6]))
    assert judged.weights == pytest.approx({"left": 0.4, "right": 0.6})
    known = {"left+noisy": 8.0, "left+optimal": 4.0, "right+noisy": 9.0}
    assert judged.losses(known) == {"left": pytest.approx(5.0), **known}
    assert judged.losses({"right+optimal": 2.0}) == {"right": 2.0, "right+optimal": 2.0}


def test_pairs_are_drawn_as_the_weights_say(dataset: Dataset, weights: Path, image_policy: PolicyConfig) -> None:
    pairs = load_for(balance_file.read(weights), dataset, image_policy)
    drawing = Drawing(pairs, replace(QUICK, batch_size=1000), {"noisy": 0.9, "optimal": 0.1})
    drawn = drawing.draw(0)
    noisy = torch.tensor([name.endswith("noisy") for name in pairs.groups])
    assert noisy[drawn.groups].double().mean() == pytest.approx(0.9, abs=0.001)
    assert torch.equal(drawn.groups, pairs.group[drawn.pairs])
    assert drawing.of_groups.sum() == pytest.approx(1)
    torch.testing.assert_close(drawing.of_groups[noisy].sum(), torch.tensor(0.9, dtype=torch.float64))


def test_a_policy_says_the_weights_that_were_given_and_the_behaviors_that_it_knows(
    dataset: Dataset, weights: Path, image_policy: PolicyConfig, tmp_path: Path
) -> None:
    *_, last = train_dataset(dataset, tmp_path / "policy", weights, image_policy, QUICK)
    provenance = load(tmp_path / "policy").provenance
    assert provenance["weights"] == {"noisy": 0.5, "optimal": 0.5}
    assert provenance["fingerprint"] == dataset.fingerprint(("quality",))
    assert provenance["warnings"] == list(last.warnings)
    assert doubts(provenance, ("left", "right")) == ()
    assert (
        "trained on the groups left, right; none of them is named middle" in doubts(provenance, ("left", "middle"))[0]
    )


def test_where_an_episode_has_no_behavior_the_groups_of_the_weights_are_judged(
    dataset: Dataset,
    image_policy: PolicyConfig,
    record: Record,
    demonstrate: Callable[..., Demonstration],
    tmp_path: Path,
) -> None:
    record(dataset, demonstrate(ticks=5, seed=77), {"quality": "noisy"})
    config = BalancingConfig(method="equal")
    list(rebalance_dataset(dataset, ("quality",), tmp_path / "anew", config, image_policy))
    *_, last = train_dataset(dataset, tmp_path / "policy", tmp_path / "anew", image_policy, QUICK)
    assert list(last.shares) == ["noisy", "optimal"]
    assert load(tmp_path / "policy").provenance["behaviors"] == []

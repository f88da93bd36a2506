"""Lanes from a dataset to checkpoints."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.learning.config import TrainingConfig
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.gathering import load_pairs
from balanced_bc.learning.rebalancing import balance_file
from balanced_bc.learning.rebalancing.rebalance_dataset import rebalance_dataset
from balanced_bc.learning.training.lanes import fit_lanes
from balanced_bc.learning.training.train import save_lane, train_dataset
from balanced_bc.policies.checkpoint import Checkpoint, load
from balanced_bc.policies.config import PolicyConfig

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
QUICK = TrainingConfig(steps=6, batch_size=4, report_every=3, held_out=0.3, device="cpu", precision="float32")
BY_LANES = ("losses", "held_out", "device")
"""Of a checkpoint's provenance: what lanes compute up to rounding, and what computed."""


@pytest.fixture
def weights(dataset: Dataset, image_policy: PolicyConfig, tmp_path: Path) -> Path:
    """Equal weights of drawer and slider, which have 18 and 12 pairs."""
    list(rebalance_dataset(dataset, ("behavior",), tmp_path / "weights", BalancingConfig(method="equal"), image_policy))
    return tmp_path / "weights"


def _provenance(found: Checkpoint) -> dict[str, Any]:
    return {name: value for name, value in found.provenance.items() if name not in BY_LANES}


@pytest.mark.parametrize("weighted", [False, True])
def test_the_example_writes_the_checkpoints_that_training_each_seed_alone_writes(
    dataset: Dataset,
    image_policy: PolicyConfig,
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    weighted: bool,
) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    example, given = importlib.import_module("train_lanes"), weights if weighted else None
    example.main(dataset.path, tmp_path / "policies", given, (0, 3), image_policy, QUICK)
    for seed in (0, 3):
        alone = tmp_path / f"alone{seed}"
        list(train_dataset(dataset, alone, given, image_policy, replace(QUICK, seed=seed)))
        lane, single = load(tmp_path / "policies" / f"seed{seed}"), load(alone)
        assert _provenance(lane) == _provenance(single)
        assert lane.contract == single.contract
        for name in ("losses", "held_out"):
            assert lane.provenance[name] == pytest.approx(single.provenance[name], abs=1e-4)
        for name, value in single.policy.state_dict().items():
            torch.testing.assert_close(lane.policy.state_dict()[name], value, rtol=0, atol=1e-5)
    assert "seed3\ngroup" in capsys.readouterr().out


def test_a_lane_whose_weights_were_given_by_hand_says_so_in_its_checkpoint(
    dataset: Dataset, image_policy: PolicyConfig, weights: Path, tmp_path: Path
) -> None:
    pairs, balance = load_pairs(dataset, ("behavior",), image_policy), balance_file.read(weights)
    *_, last = fit_lanes(pairs, image_policy, QUICK, alphas=({"drawer": 3.0, "slider": 1.0}, None, balance.alpha))
    by_hand, plain, balanced = last.lanes
    save_lane(tmp_path / "by hand", by_hand, dataset, pairs)
    save_lane(tmp_path / "plain", plain, dataset, pairs)
    save_lane(tmp_path / "balanced", balanced, dataset, pairs, balance)
    found = [load(tmp_path / name).provenance for name in ("by hand", "plain", "balanced")]
    assert [one["method"] for one in found] == ["given", "imbalanced", "equal"]
    assert [one["weights"]["drawer"] for one in found] == pytest.approx([0.75, 0.6, 0.5])
    with pytest.raises(LearningError, match=r"was trained with None; balance.yaml has .*0.5"):
        save_lane(tmp_path / "other", plain, dataset, pairs, balance)
    assert not (tmp_path / "other").exists()

"""Weights from Python in one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.learning.config import EncodingConfig
from balanced_bc.learning.rebalancing.fit import fit
from balanced_bc.policies.config import PolicyConfig

QUICK = BalancingConfig(method="ours", steps=8, batch=8, repeats=2, evaluate_every=4, evaluation=64)
SMALL = EncodingConfig(steps=3, batch=4, channels=(4,), keypoints=2, hidden=16)


def test_a_dataset_and_a_grouping_give_weights_references_and_their_history(
    dataset_of: Callable[..., Dataset], image_policy: PolicyConfig
) -> None:
    dataset = dataset_of(*["drawer"] * 5, *["slider"] * 4)
    found = fit(dataset, ("behavior",), QUICK, image_policy, SMALL)
    assert set(found.weights) == {"drawer", "slider"}
    assert sum(found.weights.values()) == pytest.approx(1)
    assert all(one is not None and one.split == "held-out" for one in found.balance.references)
    assert {"references", "lanes", "weights"} <= {now.phase for now in found.history}
    assert all(now.weights.shape == (2,) for now in found.history)


def test_methods_that_only_count_need_no_network(dataset_of: Callable[..., Dataset]) -> None:
    dataset = dataset_of("drawer", "drawer", "drawer", "slider")
    config = replace(QUICK, method="imbalanced")
    assert fit(dataset, ("behavior",), config).weights == {"drawer": 0.75, "slider": 0.25}

"""Weights from Python in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.result import Progress
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.learning.config import EncodingConfig
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.rebalancing.fit import fit
from balanced_bc.learning.rebalancing.rebalance import rebalance
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


def test_pairs_from_the_disk_give_the_same_weights(
    dataset_of: Callable[..., Dataset], image_policy: PolicyConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their features lie in a folder that is gone afterwards."""
    dataset, folders = dataset_of(*["drawer"] * 5, *["slider"] * 4), list[Path | None]()

    def told(pairs: Pairs, *rest: Any, place: Path | None, **more: Any) -> Iterator[Progress]:
        assert pairs.mapped == (len(folders) == 0)
        folders.append(place)
        yield from rebalance(pairs, *rest, place=place, **more)
        features.append(sorted(place.glob("features-*")) if place else [])

    features = list[list[Path]]()
    monkeypatch.setattr("balanced_bc.learning.rebalancing.fit.rebalance", told)
    sizes = (replace(SMALL, memory="disk"), replace(SMALL, memory="host"))
    found = [fit(dataset, ("behavior",), QUICK, image_policy, size) for size in sizes]
    assert found[0].weights == found[1].weights
    assert [len(one) > 0 for one in features] == [True, False]
    assert folders[0] is not None
    assert not folders[0].exists()


def test_methods_that_only_count_need_no_network(dataset_of: Callable[..., Dataset]) -> None:
    dataset = dataset_of("drawer", "drawer", "drawer", "slider")
    config = replace(QUICK, method="imbalanced")
    assert fit(dataset, ("behavior",), config).weights == {"drawer": 0.75, "slider": 0.25}

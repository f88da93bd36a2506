"""A dataset on disk with enough demonstrations to hold some out, and a quick way to balance it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.result import Balance
from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.observation import Demonstration
from balanced_bc.learning.config import EncodingConfig
from balanced_bc.learning.rebalancing.rebalance import rebalance_dataset
from balanced_bc.policies.config import PolicyConfig

QUICK = BalancingConfig(steps=8, batch=8, repeats=2, evaluate_every=4, evaluation=64, lanes_at_once=4)
SMALL = EncodingConfig(steps=3, batch=4, channels=(4,), keypoints=2, hidden=16)
DatasetOf = Callable[..., Dataset]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks of this size are slower on several threads, and sums have other last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def dataset_of(
    tmp_path: Path,
    contract: RobotContract,
    demonstrate: Callable[..., Demonstration],
    record: Callable[[Dataset, Demonstration, dict[str, str]], None],
) -> DatasetOf:
    """Write a dataset: one demonstration of 5 ticks for each behavior named, made from its place or from `changed`."""

    def make(*behaviors: str, changed: dict[int, Demonstration] | None = None, name: str = "dataset") -> Dataset:
        dataset = Dataset.create(tmp_path / name, contract)
        for number, behavior in enumerate(behaviors):
            given = (changed or {}).get(number) or demonstrate(ticks=5, seed=number)
            record(dataset, given, {"behavior": behavior} if behavior else {"operator": "ann"})
        return dataset

    return make


@pytest.fixture
def balanced(tmp_path: Path, image_policy: PolicyConfig) -> Callable[..., Balance]:
    """Balance a dataset; the answer."""

    def balance(dataset: Dataset, config: BalancingConfig = QUICK, name: str = "weights") -> Balance:
        *_, last = rebalance_dataset(dataset, ("behavior",), tmp_path / name, config, image_policy, SMALL)
        assert last.result is not None
        return last.result

    return balance

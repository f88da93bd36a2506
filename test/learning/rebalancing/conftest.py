"""Weights as balance.yaml has them without a run, and a dataset on disk with a quick way to balance it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.result import LIKELIHOOD, SKILL, Balance, Reference
from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.observation import Demonstration
from balanced_bc.learning.config import EncodingConfig
from balanced_bc.learning.gathering import Grouped, gather
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.rebalancing.balance_file import BalanceFile, Run
from balanced_bc.learning.rebalancing.rebalance_dataset import rebalance_dataset
from balanced_bc.learning.rebalancing.row import Row
from balanced_bc.policies.config import PolicyConfig

ContentOf = Callable[..., BalanceFile]
DatasetOf = Callable[..., Dataset]
QUICK = BalancingConfig(method="ours", steps=8, batch=8, repeats=2, evaluate_every=4, evaluation=64, lanes_at_once=4)
SMALL = EncodingConfig(steps=3, batch=4, channels=(4,), keypoints=2, hidden=16)


def numbered(groups: int, value: Callable[[int, int], float]) -> list[list[float]]:
    return [[value(i, j) for j in range(groups)] for i in range(groups)]


def row_of(pairs: int, alpha: float, total: int, quantity: str = SKILL) -> Row:
    """A group with a reference of 1 and a loss of 1.5; demonstrations of 50 pairs."""
    return Row(
        demonstrations=pairs // 50,
        pairs=pairs,
        rho=pairs / total,
        rho_demonstrations=pairs / total,
        alpha=alpha,
        alpha_standard_error=0.01,
        alpha_over_rho=alpha / (pairs / total),
        reference=Reference(1.0, 0.1, "held-out", 600, "last", "lanes", quantity),
        final_loss=1.5,
        warnings=(),
        idle=0.25,
        length=50.0,
        seconds=5 / 3,
    )


@pytest.fixture
def content_of() -> ContentOf:
    """Make the content of balance.yaml for k groups; groups 0 and 1 oppose each other."""

    def make(groups: int, method: str = "minimax", **changes: Any) -> BalanceFile:
        total, quantity = 100 * groups, SKILL if method == "minimax" else LIKELIHOOD
        strong = {(0, 1): -0.8, (1, 0): -0.8}
        diagnostics = {
            "transfer": numbered(groups, lambda i, j: 0.3 if i != j else -0.2),
            "transfer_standard_error": numbered(groups, lambda i, j: 0.1 + (i > 1) + (j > 1)),
            "conflict": numbered(groups, lambda i, j: strong.get((i, j), 0.05)),
            "conflict_standard_error": numbered(groups, lambda *_: 0.1),
            "shared_states": numbered(groups, lambda *_: 0.6),
        }
        given: dict[str, Any] = {
            "method": method,
            "group_by": ("behavior",),
            "groups": {f"group {i}": row_of(100, 1 / groups, total, quantity) for i in range(groups)},
            "effective_sample_size": float(total),
            "warnings": ("<a warning>",),
            "dataset": {"fingerprint": "sha256:1", "pairs": total, "demonstrations": 2 * groups},
            "run": Run(0, 3, 600, "held-out", "behaviors"),
            "configuration": {"balancing": {"seed": 0}},
            "diagnostics": diagnostics,
            "comparison": (),
        }
        return BalanceFile(**{**given, **changes})

    return make


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
def enough(
    demonstrate: Callable[..., Demonstration], contract: RobotContract, image_policy: PolicyConfig
) -> Callable[[PolicyConfig | None], Pairs]:
    """Make pairs of 8 demonstrations of drawer and 6 of slider."""

    def make(policy: PolicyConfig | None = None) -> Pairs:
        sizes = (("drawer", 8, 1.0), ("slider", 6, -1.0))
        named = ((name, sign, i) for name, number, sign in sizes for i in range(number))
        items = [Grouped(f"{name} {i}", name, demonstrate(seed=i, sign=sign)) for name, sign, i in named]
        return gather(items, policy or image_policy, contract)

    return make


@pytest.fixture
def balanced(tmp_path: Path, image_policy: PolicyConfig) -> Callable[..., Balance]:
    """Balance a dataset; the answer."""

    def balance(dataset: Dataset, config: BalancingConfig = QUICK, name: str = "weights") -> Balance:
        *_, last = rebalance_dataset(dataset, ("behavior",), tmp_path / name, config, image_policy, SMALL)
        assert last.result is not None
        return last.result

    return balance

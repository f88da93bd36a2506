"""From a dataset and weights to a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balanced_bc.demonstrations.tags import BEHAVIOR
from balanced_bc.learning import balance_file
from balanced_bc.learning.balance_file import BalanceFile
from balanced_bc.learning.batches import Pairs, load_pairs
from balanced_bc.learning.config import TrainingConfig
from balanced_bc.learning.fit import Progress, fit
from balanced_bc.policies import checkpoint
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.errors import PolicyError

if TYPE_CHECKING:
    from balanced_bc.demonstrations.dataset import Dataset


def train_dataset(
    dataset: Dataset,
    output: Path,
    weights: Path | None = None,
    policy: PolicyConfig | None = None,
    config: TrainingConfig | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Progress]:
    """Train a policy on a dataset; at the end write its checkpoint.

    Args:
        dataset: Where the demonstrations are.
        output: Folder of the checkpoint; refused if it exists.
        weights: balance.yaml or its folder; None for plain cloning.
        policy: Architecture.
        config: Training.
        stop: Asked before each step; when true, the policy so far is kept.

    Raises:
        LearningError: The weights are of another dataset, or the dataset is empty or damaged.
        PolicyError: The folder exists.
    """
    policy, config = policy or PolicyConfig(), config or TrainingConfig()
    if output.exists():
        raise PolicyError(f"{output} exists; a checkpoint is never overwritten: remove it or choose another folder")
    balance = None if weights is None else balance_file.read(weights)
    pairs = load_pairs(dataset, balance.group_by if balance else (BEHAVIOR,), policy)
    fingerprint = dataset.fingerprint()
    if balance:
        balance.check(fingerprint, pairs.groups)
    last = None
    for last in fit(pairs, policy, config, balance.alpha if balance else None, stop):
        yield last
    assert last is not None, "fit always ends with a report"
    provenance = provenance_of(last, pairs, fingerprint, balance, config)
    checkpoint.save(output, last.policy, dataset.contract, {"dataset": str(dataset.path), **provenance})


def provenance_of(
    last: Progress, pairs: Pairs, fingerprint: str, balance: BalanceFile | None, config: TrainingConfig
) -> dict[str, Any]:
    """What policy.yaml says of where a policy comes from."""
    rho = dict(zip(pairs.groups, pairs.proportions().tolist()))
    return {
        "fingerprint": fingerprint,
        "pairs": len(pairs),
        "method": balance.method if balance else "imbalanced",
        "weights": balance.alpha if balance else rho,
        "training": asdict(config),
        "steps": last.step,
        "losses": dict(last.losses),
        "held_out": dict(last.held_out),
        "device": last.device,
    }

"""From a dataset and weights to a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balanced_bc.demonstrations.tags import BEHAVIOR, regrouped
from balanced_bc.learning.config import TrainingConfig
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.gathering import load_pairs, size_of_images
from balanced_bc.learning.keeping import differences
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.rebalancing import balance_file
from balanced_bc.learning.rebalancing.balance_file import BalanceFile
from balanced_bc.learning.training import memory, parallel
from balanced_bc.learning.training.fit import fit
from balanced_bc.learning.training.lanes import Lane
from balanced_bc.learning.training.progress import Progress
from balanced_bc.learning.training.requests import Requests
from balanced_bc.learning.training.scalars import scalars
from balanced_bc.learning.training.training_state import Store
from balanced_bc.learning.training.warming import require_weights
from balanced_bc.policies import checkpoint
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.errors import PolicyError
from balanced_bc.policies.policy import Policy

if TYPE_CHECKING:
    from balanced_bc.demonstrations.dataset import Dataset

FIELDS_OF_PLACE = ("memory", "checkpoint_every", "tensorboard")
"""Of a training's configuration: those that may change when it goes on, because the policy does not depend on them."""


def train_dataset(
    dataset: Dataset,
    output: Path,
    weights: Path | None = None,
    policy: PolicyConfig | None = None,
    config: TrainingConfig | None = None,
    stop: Callable[[], bool] = lambda: False,
    *,
    init: Path | None = None,
    requests: Requests | None = None,
) -> Iterator[Progress]:
    """Train a policy on a dataset; at the end write its checkpoint.

    While it runs the training is kept in the folder OUTPUT.training, and the same call goes on from there.
    Under torchrun only the first process reports and writes.

    Args:
        dataset: Where the demonstrations are.
        output: Folder of the checkpoint; refused if it exists.
        weights: balance.yaml or its folder; None for plain cloning.
        policy: Architecture.
        config: Training.
        stop: Asked before each step; when true, the policy so far is the result. When it raises, the training is kept.
        init: Checkpoint to start from; None for a fresh policy.
        requests: Where checkpoints of the policy so far are asked for; each is a folder OUTPUT-stepNUMBER.

    Raises:
        LearningError: The weights are of another dataset, or missing where they are to be warmed, the dataset is empty
            or damaged, a loss is not finite, or the training that was interrupted is another one.
        PolicyError: The folder exists, or `init` does not fit.
    """
    policy, config, requests = policy or PolicyConfig(), config or TrainingConfig(), requests or Requests()
    with parallel.joined() as team, scalars(config.tensorboard if team.leads else "") as write:
        task = _Task.of(dataset, output, weights, policy, config, init)
        team.require_same(task.split, "dataset")
        store = task.store() if team.leads else None
        last = None
        try:
            pace = {"report_now": requests.pending, "start": task.start, "store": store, "team": team}
            with requests.answered():
                for last in fit(task.pairs, policy, config, task.alpha, stop, **pace):  # type: ignore[arg-type]
                    if last.asked:
                        requests.answer(partial(task.save_beside, last))
                    elif store is not None:
                        write(last)
                        yield last
            assert last is not None, "fit always ends with a report"
            if store is not None:
                with store.writing(output):
                    task.save(last, output)
                store.remove()
        finally:
            if store is not None:
                store.close()


@dataclass(frozen=True)
class _Task:
    """What is trained on what."""

    dataset: Dataset
    output: Path
    policy: PolicyConfig
    config: TrainingConfig
    pairs: Pairs
    fingerprint: str
    """Of the dataset with the tags that weights are about."""
    split: str
    """The same with the tags that part it into the groups of its pairs."""
    balance: BalanceFile | None
    start: Policy | None
    init: str
    """Fingerprint of the checkpoint that training starts from; empty for a fresh policy."""

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        output: Path,
        weights: Path | None,
        policy: PolicyConfig,
        config: TrainingConfig,
        init: Path | None,
    ) -> _Task:
        """Load and check everything."""
        if output.exists():
            raise PolicyError(f"{output} exists; a checkpoint is never overwritten: remove it or choose another folder")
        require_weights(config, weights is not None)
        balance = None if weights is None else balance_file.read(weights)
        start = None if init is None else starting_policy(init, dataset, policy)
        mapped = memory.of_host(config.memory, size_of_images(dataset, policy)) == "disk"
        pairs = load_for(balance, dataset, policy, mapped)
        if start is not None:
            require_told(start, pairs, str(init))
        begun = "" if init is None else checkpoint.fingerprint(init)
        split = dataset.fingerprint(pairs.axes)
        fingerprint = dataset.fingerprint(balance.group_by) if balance else split
        return cls(dataset, output, policy, config, pairs, fingerprint, split, balance, start, begun)

    @property
    def alpha(self) -> dict[str, float] | None:
        """Weight of each group."""
        return dict(self.balance.alpha) if self.balance else None

    def store(self) -> Store:
        """Where the training is kept while it runs."""
        training = {name: value for name, value in self.config.to_dict().items() if name not in FIELDS_OF_PLACE}
        what = {
            "training": training,
            "policy": self.policy.architecture,
            "dataset": self.split,
            "init": self.init,
        }
        return Store(self.output, {**what, "weights": self.alpha or {}})

    def save_beside(self, progress: Progress) -> Path:
        """Write the policy so far to OUTPUT-stepNUMBER."""
        return self.save(progress, self.output.with_name(f"{self.output.name}-step{progress.step:06d}"))

    def save(self, progress: Progress, path: Path) -> Path:
        """Write a checkpoint."""
        provenance = provenance_of(progress, self.pairs, self.fingerprint, self.balance, self.config)
        begun = {"init": self.init} if self.init else {}
        where = {"dataset": str(self.dataset.path), **provenance, **begun}
        checkpoint.save(path, progress.policy, self.dataset.contract, where)
        return path


def load_for(balance: BalanceFile | None, dataset: Dataset, policy: PolicyConfig, mapped: bool = False) -> Pairs:
    """Load a dataset for training with weights.

    If every episode has a behavior, behaviors are told apart, whatever groups the weights are about: these then have
    parts, and each behavior is held out, measured and stopped by on its own.

    Args:
        balance: Weights; None for plain cloning, whose groups are the behaviors.
        dataset: Where the demonstrations are.
        policy: Policy that will learn.
        mapped: Whether images are mapped from the disk.

    Raises:
        LearningError: The weights are of another dataset, or it is empty or damaged.
    """
    if balance is None:
        return load_pairs(dataset, (BEHAVIOR,), policy, mapped)
    axes = balance.group_by
    tagged = sum(dataset.counts(BEHAVIOR).values()) == len(dataset.episodes)
    pairs = load_pairs(dataset, (BEHAVIOR, *axes) if tagged and BEHAVIOR not in axes else axes, policy, mapped)
    pairs = replace(pairs, parts_of=regrouped(pairs.groups, pairs.axes, axes))
    balance.check(dataset.fingerprint(axes), pairs.weighed, dataset.fingerprint())
    return pairs


def save_lane(path: Path, lane: Lane, dataset: Dataset, pairs: Pairs, balance: BalanceFile | None = None) -> None:
    """Write the checkpoint of a lane, with the provenance that a training alone writes.

    Args:
        path: Folder of the checkpoint.
        lane: From the last report of `fit_lanes`.
        dataset: Where the demonstrations are.
        pairs: What the lane was trained on, from `load_for`.
        balance: Where its weights come from; None if they were given otherwise, or for plain cloning.

    Raises:
        LearningError: `balance` is of another dataset, or its weights are not those of the lane.
        PolicyError: The folder exists.
    """
    axes = balance.group_by if balance else pairs.axes
    fingerprint = dataset.fingerprint(axes)
    if balance:
        balance.check(fingerprint, pairs.weighed, dataset.fingerprint())
        if balance.alpha != lane.weights:
            raise LearningError(f"the lane of {path} was trained with {lane.weights}; balance.yaml has {balance.alpha}")
    provenance = provenance_of(lane.last, pairs, fingerprint, balance, lane.config)
    if lane.weights is not None and not balance:
        total = sum(lane.weights.values())
        provenance.update(method="given", weights={name: value / total for name, value in lane.weights.items()})
    checkpoint.save(path, lane.policy, dataset.contract, {"dataset": str(dataset.path), **provenance})


def starting_policy(path: Path, dataset: Dataset, wanted: PolicyConfig) -> Policy:
    """The policy of a checkpoint, if it fits the dataset's robot and the architecture that is wanted.

    It acts as is wanted now. What its backbone learned elsewhere is in it; the file that this came from is not wanted.

    Raises:
        PolicyError: It is of another robot.
        LearningError: It has another architecture.
    """
    found = checkpoint.load(path)
    checkpoint.require_contract(found.contract, dataset.contract, str(path))
    its = replace(found.policy.config, backbone_weights=wanted.backbone_weights)
    if listed := differences(its.architecture, wanted.architecture):
        text = "\n".join(f"  {line}" for line in listed)
        raise LearningError(f"{path} has another architecture than the policy that is wanted:\n{text}")
    found.policy.config = wanted.settled
    return found.policy


def require_told(start: Policy, pairs: Pairs, name: str) -> None:
    """Refuse to go on with a policy that cannot see what these demonstrations move: its units stay.

    Raises:
        LearningError: It was told nothing of the block, which is moved here.
    """
    if start.config.policy == "state" and bool(start.feature_deviation.isinf().any()) and pairs.moves_block():
        raise LearningError(
            f"{name} was told nothing of the block, which none of its demonstrations moved; these demonstrations move "
            "it. Train a fresh policy, or the first one with --untouched"
        )


def provenance_of(
    last: Progress, pairs: Pairs, fingerprint: str, balance: BalanceFile | None, config: TrainingConfig
) -> dict[str, Any]:
    """What policy.yaml says of where a policy comes from."""
    rho = dict(zip(pairs.groups, pairs.proportions().tolist()))
    return {
        "fingerprint": fingerprint,
        "behaviors": sorted(set(pairs.behaviors)),
        "pairs": len(pairs),
        "method": balance.method if balance else "imbalanced",
        "weights": balance.alpha if balance else rho,
        "training": config.to_dict(),
        "steps": last.step,
        "kept": last.kept,
        "losses": dict(last.losses),
        "held_out": dict(last.held_out),
        "device": last.device,
        "warnings": list(last.warnings),
    }

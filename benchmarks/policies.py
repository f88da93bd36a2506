"""How often a policy succeeds that has learned from balanced, optimal demonstrations of the paper's sizes.

Run: `python benchmarks/policies.py --task picking --policy state --output STUDY [--seeds 5] [steps=4000]`

Seed s has its own demonstrations, initial network and batches; all seeds are tried on the same starts, which no
demonstration had. Demonstrations, checkpoints and rollouts are kept in STUDY, and what is there is not made again: an
interrupted study goes on, and another one with the same demonstrations is compared on the same starts.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml

from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.learning.config import EvaluationConfig, TrainingConfig
from balanced_bc.learning.evaluation.evaluate import collected, evaluate
from balanced_bc.learning.evaluation.evaluation import Evaluation, Success
from balanced_bc.learning.training.train import train_dataset
from balanced_bc.policies.checkpoint import load
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.errors import PolicyError
from balanced_bc.simulation.collect import collect
from balanced_bc.simulation.trace import FAILURES
from balanced_bc.tables import aligned

COUNTS = {
    "picking": {"left": 21, "middle": 21, "right": 21},
    "opening": {"slider": 15, "drawer": 15},
}
"""Demonstrations of each behavior, as in the paper's section 4.2."""
FIRST_START = 1_000_000
"""Seed of the first start of the rollouts; starts of demonstrations have random seeds of 31 bits."""
ALL = "all"
"""What all behaviors together are called in tables."""


class Study(NamedTuple):
    """What is tried.

    Attributes:
        task: Name of the task.
        policy: What differs from the policy's defaults.
        training: What differs from training's defaults.
        rollouts: Of each behavior and seed.
        workers: Processes that share the rollouts.
        folder: Where results are kept.
        first: Seed of the first start.
    """

    task: str
    policy: Mapping[str, Any]
    training: Mapping[str, Any]
    rollouts: int
    workers: int
    folder: Path
    first: int = FIRST_START

    @property
    def name(self) -> str:
        """What tells this study from others."""
        changed = [f"{key}={value}" for key, value in {**self.policy, **self.training}.items()]
        return "-".join((self.task, *changed)).replace("policy=", "").replace("/", "_")

    def dataset(self, seed: int) -> Dataset:
        """Demonstrations of a seed; those that are missing are collected."""
        dataset = Dataset.open_or_create(self.folder / f"{self.task}{seed}", RobotContract())
        for _ in collect(dataset, self.task, COUNTS[self.task], seed=seed):
            pass
        return dataset

    def checkpoint(self, seed: int) -> Path:
        """A policy that has learned from the demonstrations of a seed.

        Raises:
            PolicyError: There is one, and it is another one.
        """
        path = self.folder / "checkpoints" / self.name / str(seed)
        policy, training = PolicyConfig(**self.policy), TrainingConfig(seed=seed, **self.training)
        if not path.exists():
            for _ in train_dataset(self.dataset(seed), path, policy=policy, config=training):
                pass
        elif load(path).policy.config != policy.settled:
            raise PolicyError(f"{path} was made with other defaults; name another folder")
        return path

    def evaluation(self, seed: int) -> Evaluation:
        """Rollouts of the policy of a seed."""
        others = "" if self.first == FIRST_START else f"-from-{self.first}"
        path = self.folder / "evaluations" / f"{self.name}-{self.rollouts}{others}" / f"{seed}.yaml"
        checkpoint = self.checkpoint(seed)
        if not path.exists():
            config = EvaluationConfig(self.task, rollouts=self.rollouts, seed=self.first, workers=self.workers)
            path.parent.mkdir(parents=True, exist_ok=True)
            collected(checkpoint, config, [done.rollout for done in evaluate(checkpoint, config)]).write(path)
        return Evaluation.read(path)


def total(evaluations: Sequence[Evaluation], name: str) -> Success:
    """Success of a behavior, or of `all`, over all seeds."""
    return Success.of([one for each in evaluations for one in each.rollouts if name in (one.behavior, ALL)])


def failures(evaluations: Sequence[Evaluation]) -> Iterator[tuple[str, ...]]:
    """How rollouts of each behavior failed, over all seeds."""
    yield ("failures", *FAILURES)
    for name in (*evaluations[0].behaviors, ALL):
        yield (name, *map(str, total(evaluations, name).failures.values()))


def rows(evaluations: Sequence[Evaluation]) -> Iterator[tuple[str, ...]]:
    """Success of each behavior over all seeds, with Wilson's interval, and of each seed."""
    yield ("behavior", "successes", "rate", "95 % interval", "of each seed")
    for name in (*evaluations[0].behaviors, ALL):
        found = [each.overall if name == ALL else each.behaviors[name] for each in evaluations]
        every, seeds = total(evaluations, name), " ".join(f"{one.rate:.2f}" for one in found)
        yield (name, f"{every.successes}/{every.rollouts}", f"{every.rate:.3f}", _interval(every), seeds)


def _interval(success: Success) -> str:
    return f"{success.low:.2f} to {success.high:.2f}"


def _options(pairs: Sequence[str], kind: type) -> dict[str, Any]:
    """Those of the options KEY=VALUE that a configuration has."""
    known = {field.name for field in fields(kind)}
    plain = dict(pair.split("=", 1) for pair in pairs)
    return {key: yaml.safe_load(value) for key, value in plain.items() if key in known}


def main() -> None:
    """Run a study and print its table."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=tuple(COUNTS), required=True)
    parser.add_argument("--policy", choices=("state", "image"), required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rollouts", type=int, default=100)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--first", type=int, default=FIRST_START, help="seed of the first start")
    parser.add_argument("options", nargs="*", help="fields of PolicyConfig and TrainingConfig, as chunk=16")
    given = parser.parse_args()
    policy, training = _options(given.options, PolicyConfig), _options(given.options, TrainingConfig)
    if len(policy) + len(training) != len(given.options):
        parser.error(f"{given.options} names a field that neither PolicyConfig nor TrainingConfig has")
    torch.set_num_threads(1)
    policy = {"policy": given.policy, **policy}
    study = Study(given.task, policy, training, given.rollouts, given.workers, given.output, given.first)
    evaluations = [study.evaluation(seed) for seed in range(given.seeds)]
    sys.stdout.write(f"{study.name}\n{aligned(list(rows(evaluations)))}\n\n{aligned(list(failures(evaluations)))}\n")


if __name__ == "__main__":
    main()

"""What an evaluation found: per behavior success with an interval, time to success, and what went wrong."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from balanced_bc.demonstrations.durable import read_yaml, write_yaml
from balanced_bc.learning.config import EvaluationConfig
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.evaluation.intervals import wilson
from balanced_bc.learning.evaluation.rollout import Rollout
from balanced_bc.simulation.trace import FAILURES, FailureKind

FORMAT = 2
"""Version of evaluation.yaml that is written and read. See `Evaluation.read` for its history."""


class Times(NamedTuple):
    """How long successes took.

    Attributes:
        lower: A quarter of them took at most this long, [s].
        median: Half of them did, [s].
        upper: Three quarters did, [s].
    """

    lower: float
    median: float
    upper: float

    @classmethod
    def of(cls, rollouts: Sequence[Rollout]) -> Times | None:
        """Quartiles over those that succeeded, with linear interpolation; None if none did."""
        seconds = [one.seconds for one in rollouts if one.success]
        return cls(*np.quantile(seconds, (0.25, 0.5, 0.75)).tolist()) if seconds else None


class Success(NamedTuple):
    """How often a behavior succeeded, how fast, and what went wrong else.

    Attributes:
        successes: Rollouts that succeeded.
        rollouts: All rollouts.
        rate: Their ratio.
        low: Lower end of Wilson's 95 % interval.
        high: Its upper end.
        seconds: Time to success; None if there was none.
        failures: Every kind of failure and how many rollouts ended so.
    """

    successes: int
    rollouts: int
    rate: float
    low: float
    high: float
    seconds: Times | None
    failures: dict[FailureKind, int]

    @classmethod
    def of(cls, rollouts: Sequence[Rollout]) -> Success:
        """Count."""
        successes, trials = sum(one.success for one in rollouts), len(rollouts)
        kinds = Counter(one.failure for one in rollouts)
        failures = {kind: kinds[kind] for kind in FAILURES}
        return cls(successes, trials, successes / trials, *wilson(successes, trials), Times.of(rollouts), failures)

    def plain(self) -> dict[str, Any]:
        """Plain types, as written into evaluation.yaml."""
        return {**self._asdict(), "seconds": self.seconds and self.seconds._asdict()}


@dataclass(frozen=True)
class Evaluation:
    """All rollouts of one checkpoint."""

    checkpoint: str
    """Folder of the policy."""
    fingerprint: str
    """What tells the policy from every other one."""
    config: EvaluationConfig
    """How it was evaluated."""
    rollouts: tuple[Rollout, ...]
    """By behavior, then seed."""
    warnings: tuple[str, ...] = ()
    """What speaks against the comparison of policy and task."""

    @property
    def groups(self) -> dict[str, tuple[Rollout, ...]]:
        """Rollouts of each behavior."""
        names = dict.fromkeys(one.behavior for one in self.rollouts)
        return {name: tuple(one for one in self.rollouts if one.behavior == name) for name in names}

    @property
    def behaviors(self) -> dict[str, Success]:
        """Success of each behavior."""
        return {name: Success.of(rollouts) for name, rollouts in self.groups.items()}

    @property
    def overall(self) -> Success:
        """Success over all rollouts."""
        return Success.of(self.rollouts)

    def leading(self, starts: int) -> list[Rollout]:
        """The first rollouts of each behavior."""
        return [one for rollouts in self.groups.values() for one in rollouts[:starts]]

    def failed(self, most: int) -> list[Rollout]:
        """Rollouts that failed, at most so many, those of each behavior in turn."""
        failed = ([one for one in rollouts if not one.success] for rollouts in self.groups.values())
        return [one for turn in zip_longest(*failed) for one in turn if one is not None][:most]

    def write(self, path: str | Path) -> None:
        """Write evaluation.yaml, atomically."""
        plain = {
            "format": FORMAT,
            "checkpoint": self.checkpoint,
            "fingerprint": self.fingerprint,
            "config": {**dataclasses.asdict(self.config), "behaviors": list(self.config.behaviors)},
            "warnings": list(self.warnings),
            "overall": self.overall.plain(),
            "behaviors": {name: success.plain() for name, success in self.behaviors.items()},
            "rollouts": [one._asdict() for one in self.rollouts],
        }
        write_yaml(Path(path), plain)

    @classmethod
    def read(cls, path: str | Path) -> Evaluation:
        """Read what `write` wrote; rates are counted anew.

        Versions:
            1: checkpoint, config, overall, behaviors, rollouts without what went wrong. No longer read.
            2: the policy's fingerprint, warnings, times to success, what went wrong in each rollout.

        Raises:
            LearningError: The file has another format, or is damaged.
        """
        plain = read_yaml(Path(path))
        if (found := plain.get("format")) != FORMAT:
            raise LearningError(
                f"{path} has format {found}; this version of balanced_bc reads format {FORMAT}: evaluate again"
            )
        try:
            config = {**plain["config"], "behaviors": tuple(plain["config"]["behaviors"])}
            rollouts = tuple(Rollout(**one) for one in plain["rollouts"])
            warnings = tuple(plain["warnings"])
            return cls(plain["checkpoint"], plain["fingerprint"], EvaluationConfig(**config), rollouts, warnings)
        except (KeyError, TypeError) as error:
            raise LearningError(f"{path} is damaged: {error!r}") from error


def table(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """Success of each behavior and of all as text, with headings."""
    rows = {**evaluation.behaviors, "all": evaluation.overall}
    counted = [
        (name, f"{one.successes}/{one.rollouts}", f"{one.rate:.2f}", f"{one.low:.2f} to {one.high:.2f}", *_took(one))
        for name, one in rows.items()
    ]
    return [("behavior", "successes", "rate", "95 % interval", "median [s]", "quartiles [s]"), *counted]


def failure_table(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """How many rollouts of each behavior and of all ended in each kind of failure, with headings."""
    rows = {**evaluation.behaviors, "all": evaluation.overall}
    counted = [(name, *(str(number) for number in one.failures.values())) for name, one in rows.items()]
    return [("failures", *FAILURES), *counted]


def _took(success: Success) -> tuple[str, str]:
    if success.seconds is None:
        return "-", "-"
    lower, median, upper = success.seconds
    return f"{median:.1f}", f"{lower:.1f} to {upper:.1f}"

"""What an evaluation found: success per behavior, with an interval."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from balanced_bc.demonstrations.durable import read_yaml, write_yaml
from balanced_bc.learning.config import EvaluationConfig
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.intervals import wilson
from balanced_bc.learning.rollout import Rollout

FORMAT = 1
"""Version of evaluation.yaml."""


class Success(NamedTuple):
    """How often a behavior succeeded.

    Attributes:
        successes: Rollouts that succeeded.
        rollouts: All rollouts.
        rate: Their ratio.
        low: Lower end of Wilson's 95 % interval.
        high: Its upper end.
    """

    successes: int
    rollouts: int
    rate: float
    low: float
    high: float

    @classmethod
    def of(cls, rollouts: Sequence[Rollout]) -> Success:
        """Count."""
        successes = sum(one.success for one in rollouts)
        return cls(successes, len(rollouts), successes / len(rollouts), *wilson(successes, len(rollouts)))


@dataclass(frozen=True)
class Evaluation:
    """All rollouts of one checkpoint."""

    checkpoint: str
    """Folder of the policy."""
    config: EvaluationConfig
    """How it was evaluated."""
    rollouts: tuple[Rollout, ...]
    """By behavior, then seed."""

    @property
    def behaviors(self) -> dict[str, Success]:
        """Success of each behavior."""
        names = dict.fromkeys(one.behavior for one in self.rollouts)
        return {name: Success.of([one for one in self.rollouts if one.behavior == name]) for name in names}

    @property
    def overall(self) -> Success:
        """Success over all rollouts."""
        return Success.of(self.rollouts)

    def write(self, path: str | Path) -> None:
        """Write evaluation.yaml, atomically."""
        plain = {
            "format": FORMAT,
            "checkpoint": self.checkpoint,
            "config": {**dataclasses.asdict(self.config), "behaviors": list(self.config.behaviors)},
            "overall": self.overall._asdict(),
            "behaviors": {name: success._asdict() for name, success in self.behaviors.items()},
            "rollouts": [one._asdict() for one in self.rollouts],
        }
        write_yaml(Path(path), plain)

    @classmethod
    def read(cls, path: str | Path) -> Evaluation:
        """Read what `write` wrote; rates are counted anew.

        Raises:
            LearningError: The file has another format.
        """
        plain = read_yaml(Path(path))
        if (found := plain.get("format")) != FORMAT:
            raise LearningError(f"{path} has format {found}; this version of balanced_bc reads format {FORMAT}")
        config = {**plain["config"], "behaviors": tuple(plain["config"]["behaviors"])}
        rollouts = tuple(Rollout(**one) for one in plain["rollouts"])
        return cls(plain["checkpoint"], EvaluationConfig(**config), rollouts)


def table(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """Success of each behavior and of all as text, with headings."""
    rows = {**evaluation.behaviors, "all": evaluation.overall}
    counted = [
        (name, f"{one.successes}/{one.rollouts}", f"{one.rate:.2f}", f"{one.low:.2f} to {one.high:.2f}")
        for name, one in rows.items()
    ]
    return [("behavior", "successes", "rate", "95 % interval"), *counted]

"""Two policies on the same starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from balanced_bc.demonstrations.durable import write_yaml
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.evaluation.evaluation import Evaluation
from balanced_bc.learning.evaluation.paired import Paired, difference_interval, mcnemar

FORMAT = 1
"""Version of the file that is written."""


@dataclass(frozen=True)
class Comparison:
    """Two evaluations with the same rollouts.

    Raises:
        LearningError: Their starts, task, world or horizon differ.
    """

    first: Evaluation
    """The policy that is judged."""
    second: Evaluation
    """The policy that it is compared with."""

    def __post_init__(self) -> None:
        one, other = (_conditions(evaluation) for evaluation in (self.first, self.second))
        if differing := [name for name in one if one[name] != other[name]]:
            raise LearningError(
                f"{self.first.checkpoint} and {self.second.checkpoint} cannot be compared start by start: "
                f"{', '.join(differing)} differ"
            )

    @property
    def behaviors(self) -> dict[str, Paired]:
        """Outcomes of each behavior."""
        first, second = self.first.groups, self.second.groups
        return {name: _paired(first[name], second[name]) for name in first}

    @property
    def overall(self) -> Paired:
        """Outcomes of all starts."""
        return _paired(self.first.rollouts, self.second.rollouts)

    def write(self, path: str | Path) -> None:
        """Write it as YAML, atomically."""
        policies = {
            name: {"checkpoint": one.checkpoint, "fingerprint": one.fingerprint}
            for name, one in (("checkpoint", self.first), ("against", self.second))
        }
        plain = {
            "format": FORMAT,
            **policies,
            "overall": _plain(self.overall),
            "behaviors": {name: _plain(counts) for name, counts in self.behaviors.items()},
        }
        write_yaml(Path(path), plain)


def comparison_table(comparison: Comparison) -> list[tuple[str, ...]]:
    """Both rates, their difference with its interval, who alone succeeded, and McNemar's exact p, with headings."""
    head = ("behavior", "checkpoint", "against", "difference", "95 % interval", "only checkpoint", "only against", "p")
    rows = {**comparison.behaviors, "all": comparison.overall}
    return [head, *((name, *_cells(counts)) for name, counts in rows.items())]


def _cells(counts: Paired) -> tuple[str, ...]:
    (one, other), (low, high) = counts.rates, difference_interval(counts)
    rates = (f"{one:.2f}", f"{other:.2f}", f"{counts.difference:+.2f}", f"{low:+.2f} to {high:+.2f}")
    return (*rates, str(counts.first), str(counts.second), f"{mcnemar(counts):.3g}")


def _plain(counts: Paired) -> dict[str, Any]:
    low, high = difference_interval(counts)
    found = {"difference": counts.difference, "low": low, "high": high, "mcnemar_p": mcnemar(counts)}
    return {**counts._asdict(), "rates": list(counts.rates), **found}


def _paired(first: tuple[Any, ...], second: tuple[Any, ...]) -> Paired:
    return Paired.of([(one.success, other.success) for one, other in zip(first, second, strict=True)])


def _conditions(evaluation: Evaluation) -> dict[str, Any]:
    config = evaluation.config
    starts = [one.job for one in evaluation.rollouts]
    return {"task": config.task, "world": config.world, "horizon": config.horizon, "starts": starts}

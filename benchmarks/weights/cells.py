"""What stands in a cell of docs/weights.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from statistics import mean, stdev

import torch

from balanced_bc.learning.evaluation.intervals import wilson
from balanced_bc.tables import markdown
from benchmarks.weights.answers import Found
from benchmarks.weights.mixtures import KINDS, OPTIMAL

CONTROL = "same quality"
"""What the control is called in a heading."""


def short(value: float) -> str:
    """Two digits, without a leading 0."""
    return f"{value:.2f}".removeprefix("0") if value < 1 else f"{value:.2f}"


def slashed(values: torch.Tensor) -> str:
    """Values side by side."""
    return " / ".join(f"{value:.2f}" for value in values.tolist())


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation."""
    if not values:
        return "-"
    return short(mean(values)) + (f" ± {short(stdev(values))}" if len(values) > 1 else "")


def signed(differences: Sequence[float]) -> str:
    """Mean and, of two differences or more, its standard error, three digits."""
    error = f" ± {stdev(differences) / sqrt(len(differences)):.3f}" if len(differences) > 1 else ""
    return f"{mean(differences):+.3f}{error}".replace("0.", ".")


def pair(losses: Sequence[Sequence[float]]) -> str:
    """Means of both groups over the seeds, (s, 2), with the larger of their standard errors."""
    if not losses:
        return "-"
    both = list(zip(*losses))
    error = max(stdev(values) / sqrt(len(values)) for values in both) if len(losses) > 1 else None
    return " / ".join(f"{mean(values):.2f}" for values in both) + ("" if error is None else f" (± {error:.2f})")


def won(found: Found, behaviors: Sequence[str] = ()) -> tuple[int, int]:
    """Successes and rollouts of policies, of all behaviors or of some."""
    good = [
        (number, one["of"]) for one in found for name, number in one["won"].items() if name in (behaviors or [name])
    ]
    return sum(number for number, _ in good), sum(rolled for _, rolled in good)


def rate(good: int, rolled: int) -> str:
    """Share of successes and its interval."""
    if not rolled:
        return "-"
    low, high = wilson(good, rolled)
    return f"{short(good / rolled)} ({short(low)} to {short(high)})"


def by_kind(names: Sequence[str], cell: Callable[[str, str], str], first: str = "method") -> str:
    """A line for each name and a cell for each kind."""
    lines = [(name, *(cell(kind, name) for kind in KINDS)) for name in names]
    return markdown([(first, *map(heading, KINDS)), *lines])


def heading(kind: str) -> str:
    """What a kind is called above its column."""
    return CONTROL if kind == OPTIMAL else kind

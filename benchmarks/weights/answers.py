"""What was measured, looked up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from balanced_bc.balancing.config import BalancingConfig
from benchmarks.weights.measure import CONFIGURATION, Configuration, Measure, Question, of_grid
from benchmarks.weights.mixtures import KINDS, NOISY, Mixture
from benchmarks.weights.rows import DEFAULT, OF_BEHAVIORS, ROWS, TRAINED

Found = Sequence[Mapping[str, Any]]
"""What was measured, seed by seed."""
Results = Mapping[str, Mapping[str, Any]]
"""Everything that was measured, by its key."""
DEFAULT_WEIGHTS = Question("weights", Mixture("picking", NOISY, 0), DEFAULT)
"""The question whose configuration others are told by; which mixture does not matter."""
USUAL = DEFAULT_WEIGHTS.told
"""Key of the line that tells it."""
SEEDS = range(100)
"""More than any study has."""


def one(results: Results, measure: Measure, task: str, kind: str, seed: int, of: str) -> Mapping[str, Any] | None:
    """What was measured on one mixture; None if it was not."""
    return results.get(Question(measure, Mixture(task, kind, seed), of).key)


def found(results: Results, measure: Measure, task: str, kind: str, of: str) -> Found:
    """What was measured, seed by seed."""
    every = (one(results, measure, task, kind, seed, of) for seed in SEEDS)
    return [answer for answer in every if answer is not None]


def achievable(results: Results, task: str, kind: str, seed: int, of: str) -> Sequence[float] | None:
    """Lowest loss of each group that any network reached: on the grid, and references on the same folds.

    References count that have the steps of the grid and the step sizes of its configuration; more and larger steps go
    lower. None where the grid is not measured.
    """
    grid = one(results, "achievable", task, kind, seed, of)
    if grid is None:
        return None
    wanted = budget(of_grid(of, 0))
    rows = (row for row in ROWS.values() if row.measured == of and budget(row.config(0)) == wanted)
    others = (one(results, "weights", task, kind, seed, row.name) for row in rows)
    reached = [grid["loss"], *(answer["reference"] for answer in others if answer)]
    return [min(losses) for losses in zip(*reached)]


def budget(config: BalancingConfig) -> tuple[int, float, float, int]:
    """How far networks descend, and over how many repetitions their losses are averaged."""
    return config.steps, config.learning_rate, config.meta_learning_rate, config.repeats


def told(results: Results, key: str) -> Configuration:
    """The configuration that a line tells: that of the default method's weights, but for what the line has."""
    usual = results.get(USUAL, {}).get(CONFIGURATION, {})
    return {part: {**usual.get(part, {}), **values} for part, values in results[key][CONFIGURATION].items()}


def apart(configuration: Configuration, usual: Configuration) -> Configuration:
    """What a configuration has that the usual one has not, by part."""
    return {
        part: {name: value for name, value in values.items() if usual.get(part, {}).get(name) != value}
        for part, values in configuration.items()
    }


def trained(results: Results, task: str, kind: str, of: str) -> Found:
    """Success on the demonstrations that all measured rows learned from: others are harder or easier."""

    def by_seed(name: str) -> Mapping[int, Mapping[str, Any]]:
        every = ((seed, one(results, "success", task, kind, seed, name)) for seed in SEEDS)
        return {seed: answer for seed, answer in every if answer is not None}

    own = by_seed(of)
    others = filter(None, (by_seed(row.name) for row in (TRAINED if kind in KINDS else OF_BEHAVIORS)))
    return [own[seed] for seed in sorted(set(own).intersection(*others))]

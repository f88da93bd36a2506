"""From measurements to the tables of docs/weights.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
import yaml

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.tables import markdown
from benchmarks.weights.cells import Found, pair, rate, short, slashed, spread, won
from benchmarks.weights.measure import CONFIGURATION
from benchmarks.weights.mixtures import BEHAVIORS, IMBALANCED, KINDS, NUMBERS, OPTIMAL
from benchmarks.weights.rows import (
    ABLATIONS,
    BINS,
    HEADS,
    METHODS,
    OF_BEHAVIORS,
    ROWS,
    SQUARED_ERROR,
    STATE_SIGMA,
    TRAINED,
    WITH_HEADS,
    Row,
)

Results = Mapping[str, Mapping[str, Any]]
BEGIN, END = "<!-- tables: written by benchmarks.weights -->", "<!-- end of tables -->"
PAPER = {
    ("picking", "imbalanced"): ".67",
    ("picking", "zero"): ".50",
    ("picking", "Remix, faithful"): ".47",
    ("picking", "ours, literal"): ".94",
    ("opening", "imbalanced"): ".67",
    ("opening", "zero"): ".48",
    ("opening", "Remix, faithful"): ".50",
    ("opening", "ours, literal"): ".94",
}
"""Weights of the optimal group in Table 1 of the paper."""
PAPER_REFERENCES = {
    ("picking", "Remix, faithful"): ".93 / .52",
    ("picking", "ours, literal"): "1.51 / 1.89",
    ("opening", "Remix, faithful"): ".06 / .09",
    ("opening", "ours, literal"): "1.63 / 2.02",
}
"""References of the optimal and the suboptimal group in Table 1 of the paper; on which scale it does not say."""
SHORT = (
    "Weight of the optimal group, from .67, and success of policies trained with it, means over picking and opening "
    "and all seeds. Imbalanced is plain cloning by the shares of demonstrations."
)
"""What the table in short shows."""
GAIN = (
    "Success less that of plain cloning on the same demonstrations, mean and standard error over all mixtures of both "
    "tasks; it holds the accidents of training, which the intervals above do not:"
)
"""What the table of differences shows."""
MISLEADING = "misleading"
"""The kind that no weights help against."""
DEFAULT = BalancingConfig().method
"""The method that users get, which is a row too."""
ALONE = "optimal alone"
NAMES = (*(row.name for row in TRAINED), ALONE)
"""Ways in which policies are trained."""
WIDTH = 150
"""Of lines of the configuration."""
CONTROL = "same quality"
"""What the control is called in a heading."""


def write(results: Results, document: Path) -> None:
    """Put the tables of all measurements between the markers of a document."""
    text = document.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    document.write_text(f"{before}{BEGIN}\n\n{tables(results)}\n\n{END}{after}")


def tables(results: Results) -> str:
    """All tables."""
    short = ("### In short", SHORT, _in_short(results), GAIN, _gain(results))
    mixtures = (part for task in NUMBERS for part in _of_task(results, task))
    behaviors = (part for task in IMBALANCED for part in _of_behaviors(results, task))
    return "\n\n".join((*short, *mixtures, *behaviors, *_configurations(results)))


def _configurations(results: Results) -> Iterator[str]:
    """Every number of the default method and of the policies, and what is changed in other rows."""
    yield "### Configuration"
    yield "Of `minimax`, and of the training of all policies; seeds are those of the mixtures:"
    wanted = {"weights": "minimax", "success": "imbalanced"}
    told = [results.get(f"{CONFIGURATION}|{measure}|{of}", {}) for measure, of in wanted.items()]
    parts = {part: values for one in told for part, values in one.get(CONFIGURATION, {}).items()}
    flows = (
        f"{part}: {yaml.safe_dump(values, default_flow_style=True, width=WIDTH, sort_keys=False)}"
        for part, values in parts.items()
    )
    yield f"```yaml\n{''.join(flows)}```"
    yield "What other rows change:"
    changed = [(row.name, _options(row.options), _options(row.training)) for row in ROWS.values()]
    yield markdown([("row", "balancing", "training"), *changed])


def _options(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in options.items())


def _of_task(results: Results, task: str) -> Iterator[str]:
    many, few = NUMBERS[task]
    yield f"### {task.capitalize()}, {many} + {few} demonstrations"
    yield "Weight of the optimal group, mean and standard deviation over the seeds (from .67 by demonstrations):"
    yield _weights(results, task, METHODS, paper=True)
    yield "Success of policies trained on these weights:"
    yield _success(results, task)
    yield "One thing changed, weight of the optimal group:"
    yield _weights(results, task, ABLATIONS)
    for head in (BINS, STATE_SIGMA, SQUARED_ERROR):
        yield f"Weight of the optimal group with the head {head}:"
        yield _weights(results, task, [row for row in WITH_HEADS if row.head == head])
    yield "Lowest loss over fixed weights 0, .1, ... 1, optimal / suboptimal group [nat per pair]:"
    yield _achievable(results, task)
    yield "References, and in brackets how far they are above that, optimal / suboptimal group [nat per pair]:"
    yield _references(results, task)


def _of_behaviors(results: Results, task: str) -> Iterator[str]:
    """Weights and success by behavior where the groups are behaviors."""
    names = sorted(IMBALANCED[task])
    counts = ", ".join(f"{number} {name}" for name, number in IMBALANCED[task].items())
    yield f"### {task.capitalize()}, behaviors as groups: {counts}"
    yield "Weights, and success of policies trained on them:"

    def weights(row: str) -> list[str]:
        found = _found(results, "weights", task, BEHAVIORS, row)
        return [spread([one["alpha"][i] for one in found]) for i in range(len(names))]

    def success(row: str, *chosen: str) -> str:
        return rate(*won(_trained(results, task, BEHAVIORS, row), chosen))

    rows = [
        (row.name, *weights(row.source), *(success(row.name, name) for name in names), success(row.name, *names))
        for row in OF_BEHAVIORS
    ]
    heading = ("method", *(f"weight of {name}" for name in names), *(f"success of {name}" for name in names), "all")
    yield markdown([heading, *rows])


def _weights(results: Results, task: str, rows: Sequence[Row], paper: bool = False) -> str:
    def cell(kind: str, row: Row) -> str:
        alphas = [found["alpha"][0] for found in _found(results, "weights", task, kind, row.name)]
        return spread(alphas)

    lines = [(row.name, *(cell(kind, row) for kind in KINDS)) for row in rows]
    heading = ("method", *map(_heading, KINDS))
    if paper:
        lines = [(*line, PAPER.get((task, line[0]), "")) for line in lines]
        heading = (*heading, "Table 1")
    return markdown([heading, *lines])


def _in_short(results: Results) -> str:
    """Weight of the optimal group and success of every method, over both tasks."""

    def cell(kind: str, name: str) -> str:
        source = name if name == ALONE else ROWS[name].source
        alphas = [one["alpha"][0] for task in NUMBERS for one in _found(results, "weights", task, kind, source)]
        success = rate(*won([one for task in NUMBERS for one in _trained(results, task, kind, name)]))
        return f"{short(mean(alphas) if alphas else 1.0)}: {success}"

    return _by_kind(NAMES, cell)


def _gain(results: Results) -> str:
    """Difference of every way to train from plain cloning, and from the default, paired by mixture."""
    plain, *others = NAMES
    useful = [kind for kind in KINDS if kind != MISLEADING]
    lines = [
        (
            name,
            *(_difference(results, name, plain, [kind]) for kind in KINDS),
            *(_difference(results, name, other, useful) for other in (plain, DEFAULT)),
        )
        for name in others
    ]
    every = f"all but {MISLEADING}"
    return markdown([("method", *map(_heading, KINDS), every, f"{every}, less that of {DEFAULT}"), *lines])


def _difference(results: Results, name: str, other: str, kinds: Sequence[str]) -> str:
    """Mean difference in success of two ways to train on the same demonstrations, and its standard error."""
    keys = [(task, kind, seed) for task in NUMBERS for kind in kinds for seed in range(_SEEDS)]
    pairs = ([results.get(_key("success", *key, one)) for one in (name, other)] for key in keys)
    rates = ([good / rolled for good, rolled in (won([one]) for one in both if one)] for both in pairs)
    gains = [both[0] - both[1] for both in rates if len(both) == 2]
    if name == other or len(gains) < 2:
        return "-"
    return f"{mean(gains):+.3f} ± {stdev(gains) / sqrt(len(gains)):.3f}".replace("0.", ".")


def _success(results: Results, task: str) -> str:
    def cell(kind: str, name: str) -> str:
        return rate(*won(_trained(results, task, kind, name)))

    return _by_kind(NAMES, cell)


def _by_kind(names: Sequence[str], cell: Callable[[str, str], str], first: str = "method") -> str:
    """A line for each name and a cell for each kind."""
    lines = [(name, *(cell(kind, name) for kind in KINDS)) for name in names]
    return markdown([(first, *map(_heading, KINDS)), *lines])


def _achievable(results: Results, task: str) -> str:
    def cell(kind: str, of: str) -> str:
        return pair(_found(results, "achievable", task, kind, of), lambda one: one["loss"])

    names = [f"{head}, {split}" for head in HEADS for split in ("held-out", "training")]
    return _by_kind(names, cell, "head, split")


def _references(results: Results, task: str) -> str:
    """References of methods that take them from networks."""
    rows = [row for row in (*METHODS, *ABLATIONS, *WITH_HEADS) if row.options["method"] in ("remix", "ours")]

    def cell(kind: str, row: Row) -> str:
        split = row.options.get("split", "held-out")
        both = [
            (one["reference"], best["loss"])
            for seed in range(_SEEDS)
            if (one := results.get(_key("weights", task, kind, seed, row.name)))
            and (best := results.get(_key("achievable", task, kind, seed, f"{row.head}, {split}")))
        ]
        if not both:
            return "-"
        references, lowest = (torch.tensor(values).mean(dim=0) for values in zip(*both))
        return f"{slashed(references)} ({slashed(references - lowest)})"

    heading = ("method", *map(_heading, KINDS), "Table 1")
    paper = {row.name: PAPER_REFERENCES.get((task, row.name), "") for row in rows}
    return markdown([heading, *((row.name, *(cell(kind, row) for kind in KINDS), paper[row.name]) for row in rows)])


_SEEDS = 100
"""More than any study has."""


def _key(measure: str, task: str, kind: str, seed: int, of: str) -> str:
    return f"{measure}|{task}|{kind}|{seed}|{of}"


def _found(results: Results, measure: str, task: str, kind: str, of: str) -> Found:
    """What was measured, seed by seed."""
    keys = (_key(measure, task, kind, seed, of) for seed in range(_SEEDS))
    return [results[key] for key in keys if key in results]


def _trained(results: Results, task: str, kind: str, of: str) -> Found:
    """Success on the demonstrations that all measured rows learned from: others are harder or easier."""
    every = (_seeds(results, task, kind, row.name) for row in (TRAINED if kind in KINDS else OF_BEHAVIORS))
    own, *others = _seeds(results, task, kind, of), *filter(None, every)
    return [results[_key("success", task, kind, seed, of)] for seed in sorted(own.intersection(*others))]


def _seeds(results: Results, task: str, kind: str, of: str) -> set[int]:
    """Seeds with which policies were trained and rolled out."""
    return {seed for seed in range(_SEEDS) if _key("success", task, kind, seed, of) in results}


def _heading(kind: str) -> str:
    return CONTROL if kind == OPTIMAL else kind

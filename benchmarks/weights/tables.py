"""From measurements to the tables of docs/weights.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean

import torch
import yaml

from balanced_bc.tables import markdown
from benchmarks.weights.answers import SEEDS, Results, achievable, found, one, told, trained
from benchmarks.weights.cells import by_kind, heading, pair, rate, short, slashed, spread, won
from benchmarks.weights.measure import CONFIGURATION, GRIDS
from benchmarks.weights.mixtures import BEHAVIORS, IMBALANCED, KINDS, MOSTLY_NOISY, NUMBERS, PERTURBED, TELLING
from benchmarks.weights.rows import (
    ABLATIONS,
    BINS,
    BUDGETS,
    DEFAULT,
    FASTER_ADAM,
    HEADS,
    INNER_STEPS,
    LENGTHS,
    METHODS,
    OF_BEHAVIORS,
    ROWS,
    SQUARED_ERROR,
    STATE_SIGMA,
    WITH_HEADS,
    Row,
)
from benchmarks.weights.success import in_short, success_of

END = "<!-- end of tables -->"
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
WIDTH = 150
"""Of lines of the configuration."""


def write(results: Results, document: Path) -> None:
    """Put the tables of all measurements between the markers of a document."""
    text = document.read_text()
    for name, content in (("in short", in_short(results)), ("all", _every(results))):
        begin = f"<!-- tables, {name}: written by benchmarks.weights -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(END)
        text = "\n\n".join((f"{before}{begin}", *content, f"{END}{after}"))
    document.write_text(text)


def _every(results: Results) -> Iterator[str]:
    """All tables but those in short, each after what it shows."""
    for task in NUMBERS:
        yield from _of_task(results, task)
    for task in IMBALANCED:
        yield from _of_behaviors(results, task)
    yield from _configurations(results)


def _configurations(results: Results) -> Iterator[str]:
    """Every number of the default method and of the policies, and what is changed in other rows."""
    yield "### Configuration"
    yield "Of `minimax`, and of the training of all policies; seeds are those of the mixtures:"
    wanted = {"weights": "minimax", "success": "imbalanced"}
    keys = [f"{CONFIGURATION}|{measure}|{of}" for measure, of in wanted.items()]
    parts = {part: values for key in keys if key in results for part, values in told(results, key).items()}
    flows = (
        f"{part}: {yaml.safe_dump(values, default_flow_style=True, width=WIDTH, sort_keys=False)}"
        for part, values in parts.items()
    )
    yield f"```yaml\n{''.join(flows)}```"
    yield "What rows change, in that or in another row:"
    yield markdown([("row", "like", "but"), *((row.name, row.base or DEFAULT, _changed(row)) for row in ROWS.values())])


def _changed(row: Row) -> str:
    """Options of balancing, policies and training that a row has and its base has not."""
    base = ROWS[row.base or DEFAULT]
    pairs = ((row.options, base.options), (row.training, base.training), (HEADS[row.head], HEADS[base.head]))
    return ", ".join(
        f"{name} {value}" for own, other in pairs for name, value in own.items() if other.get(name) != value
    )


def _of_task(results: Results, task: str) -> Iterator[str]:
    many, few = NUMBERS[task]
    yield f"### {task.capitalize()}, {many} + {few} demonstrations"
    yield "Weight of the optimal group, mean and standard deviation over the seeds (from .67 by demonstrations):"
    yield _weights(results, task, METHODS, paper=True)
    yield "Success of policies trained on these weights:"
    yield success_of(results, task)
    yield "One thing changed, weight of the optimal group:"
    yield _weights(results, task, ABLATIONS)
    yield "The same with fewer and more steps than the 200 by default:"
    yield _weights(results, task, BUDGETS, TELLING)
    yield "With a larger step size of Adam than the .001 of `ours, literal`, in the min-max step and inside:"
    yield _weights(results, task, FASTER_ADAM, (*TELLING, PERTURBED))
    yield "With inner steps (Eq. 17) of another size than the .1 of `ours, literal`, or more or fewer steps than 600:"
    yield _weights(results, task, (*INNER_STEPS, *LENGTHS), TELLING)
    yield f"Weight of the optimal group with {few} optimal and {many} noisy demonstrations (from .33):"
    yield _weights(results, task, METHODS, (MOSTLY_NOISY,))
    for head in (BINS, STATE_SIGMA, SQUARED_ERROR):
        yield f"Weight of the optimal group with the head {head}:"
        yield _weights(results, task, [row for row in WITH_HEADS if row.head == head])
    yield "Lowest loss that networks reached with the steps of the grid, optimal / suboptimal group [nat per pair]:"
    yield _achievable(results, task)
    yield "Weight of the optimal group, of 0, .1, ... 1, at which losses are lowest, optimal / suboptimal group:"
    yield _best(results, task)
    yield "References, and in brackets how far they are above that, optimal / suboptimal group [nat per pair]:"
    yield _references(results, task)
    yield "Losses at the end of the min-max step, and in brackets how far they are above the references:"
    yield _reached(results, task)


def _of_behaviors(results: Results, task: str) -> Iterator[str]:
    """Weights and success by behavior where the groups are behaviors."""
    names = sorted(IMBALANCED[task])
    counts = ", ".join(f"{number} {name}" for name, number in IMBALANCED[task].items())
    yield f"### {task.capitalize()}, behaviors as groups: {counts}"
    yield "Weights, and success of policies trained on them:"

    def weights(row: str) -> list[str]:
        answers = found(results, "weights", task, BEHAVIORS, row)
        return [spread([answer["alpha"][i] for answer in answers]) for i in range(len(names))]

    def success(row: str, *chosen: str) -> str:
        return rate(*won(trained(results, task, BEHAVIORS, row), chosen))

    rows = [
        (row.name, *weights(row.source), *(success(row.name, name) for name in names), success(row.name, *names))
        for row in OF_BEHAVIORS
    ]
    top = ("method", *(f"weight of {name}" for name in names), *(f"success of {name}" for name in names), "all")
    yield markdown([top, *rows])


def _weights(
    results: Results, task: str, rows: Sequence[Row], kinds: Sequence[str] = KINDS, paper: bool = False
) -> str:
    """Weight of the optimal group."""

    def cell(kind: str, row: Row) -> str:
        return spread([answer["alpha"][0] for answer in found(results, "weights", task, kind, row.name)])

    lines = [(row.name, *(cell(kind, row) for kind in kinds)) for row in rows]
    top = ("method", *map(heading, kinds))
    if paper:
        lines = [(*line, PAPER.get((task, line[0]), "")) for line in lines]
        top = (*top, "Table 1")
    return markdown([top, *lines])


def _achievable(results: Results, task: str) -> str:
    def cell(kind: str, of: str) -> str:
        every = (achievable(results, task, kind, seed, of) for seed in SEEDS)
        return pair([losses for losses in every if losses])

    return by_kind(GRIDS, cell, "head, split")


def _best(results: Results, task: str) -> str:
    def cell(kind: str, of: str) -> str:
        answers = found(results, "achievable", task, kind, of)
        return " / ".join(short(mean(weights)) for weights in zip(*(answer["at"] for answer in answers))) or "-"

    return by_kind(GRIDS, cell, "head, split")


def _reached(results: Results, task: str) -> str:
    """Losses and excess of methods that weigh by it, as in Eq. 14."""
    rows = [row for row in (*METHODS, *ABLATIONS, *WITH_HEADS) if row.options["method"] in ("remix", "ours")]

    def cell(kind: str, row: Row) -> str:
        answers = found(results, "weights", task, kind, row.name)
        if not answers:
            return "-"
        both = (torch.tensor([answer[what] for answer in answers]).mean(dim=0) for what in ("loss", "reference"))
        losses, references = both
        return f"{slashed(losses)} ({slashed(losses - references)})"

    lines = [(row.name, *(cell(kind, row) for kind in KINDS)) for row in rows]
    return markdown([("method", *map(heading, KINDS)), *lines])


def _references(results: Results, task: str) -> str:
    """References of methods that take them from networks, where the losses of the grid are known."""
    rows = [row for row in (*METHODS, *ABLATIONS, *BUDGETS, *WITH_HEADS) if row.measured]

    def cell(kind: str, row: Row) -> str:
        both = [
            (own["reference"], lowest)
            for seed in SEEDS
            if (own := one(results, "weights", task, kind, seed, row.name))
            and (lowest := achievable(results, task, kind, seed, row.measured))
        ]
        if not both:
            return "-"
        references, least = (torch.tensor(values).mean(dim=0) for values in zip(*both))
        return f"{slashed(references)} ({slashed(references - least)})"

    top = ("method", *map(heading, KINDS), "Table 1")
    paper = {row.name: PAPER_REFERENCES.get((task, row.name), "") for row in rows}
    return markdown([top, *((row.name, *(cell(kind, row) for kind in KINDS), paper[row.name]) for row in rows)])

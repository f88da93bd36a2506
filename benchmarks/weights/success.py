"""How policies succeed that are trained with the weights of each method: tables of docs/weights.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import mean

from balanced_bc.balancing.methods import LEARNED
from balanced_bc.tables import markdown
from benchmarks.weights.answers import SEEDS, Results, found, one, trained
from benchmarks.weights.cells import by_kind, heading, rate, short, signed, won
from benchmarks.weights.measure import TRAININGS, Measure
from benchmarks.weights.mixtures import KINDS, MISLEADING, NUMBERS
from benchmarks.weights.rows import DEFAULT, METHODS, REPLICATED, ROWS, TRAINED

ALONE = "optimal alone"
"""Policies that learn from the optimal group only."""
SHORT = (
    "Weight of the optimal group, from .67, and success of policies trained with it, means over picking and opening "
    "and all seeds. Imbalanced is plain cloning by the shares of demonstrations."
)
"""What the table in short shows."""
DRAWS = (
    "Weight of the optimal group, means on picking and on opening, and the lowest and highest of all draws; methods "
    "that only count are left out:"
)
"""What the table of draws shows."""
GAIN = (
    "Success less that of plain cloning on the same demonstrations, mean and standard error over all mixtures of both "
    "tasks; it holds the accidents of training, which the intervals above do not:"
)
"""What the table of differences shows."""
REPLICATION = (
    f"The same differences over all mixtures but the {MISLEADING} ones, of the policies above, and of others with "
    "the same weights, another initial network and other batches; by kind for both together, picking, opening:"
)
"""What the table of replications shows."""
BY_WEIGHT = (
    "Success on {task} by the weight of the optimal group, whichever method found it, of the policies of both "
    f"trainings (without `temperature, warmed` and `{ALONE}`): less the mean of those that learned from the same "
    "demonstrations, its standard error, and the number of policies:"
)
"""What the table of success by weight shows."""
EDGES = (0.0, 0.4, 0.55, 0.64, 0.7, 0.8, 0.9, 1.0)
"""Weights between which policies are counted together; those of plain cloning and equal weights are inside.
The last ones hold 1."""
NAMES = (*(row.name for row in TRAINED), ALONE)
"""Ways in which policies are trained."""
USEFUL = [kind for kind in KINDS if kind != MISLEADING]
"""Kinds where weights can help."""
ALL_USEFUL = f"all but {MISLEADING}"
"""What these are called in a heading."""


def in_short(results: Results) -> Iterator[str]:
    """Tables over both tasks, each after what it shows."""
    yield from (SHORT, _in_short(results))
    yield from (DRAWS, _draws(results))
    yield from (GAIN, _gain(results))
    yield from (REPLICATION, _replications(results))
    for task in NUMBERS:
        yield from (BY_WEIGHT.format(task=task), _by_weight(results, task))


def success_of(results: Results, task: str) -> str:
    """Success in a task of every way to train, and its interval."""

    def cell(kind: str, name: str) -> str:
        return rate(*won(trained(results, task, kind, name)))

    return by_kind(NAMES, cell)


def _in_short(results: Results) -> str:
    """Weight of the optimal group and success of every way to train."""

    def cell(kind: str, name: str) -> str:
        source = name if name == ALONE else ROWS[name].source
        alphas = [answer["alpha"][0] for task in NUMBERS for answer in found(results, "weights", task, kind, source)]
        success = rate(*won([answer for task in NUMBERS for answer in trained(results, task, kind, name)]))
        return f"{short(mean(alphas) if alphas else 1.0)}: {success}"

    return by_kind(NAMES, cell)


def _draws(results: Results) -> str:
    """Mean weight of the optimal group in each task, and the lowest and highest of all draws."""

    def cell(kind: str, name: str) -> str:
        tasks = [[one["alpha"][0] for one in found(results, "weights", task, kind, name)] for task in NUMBERS]
        every = [weight for weights in tasks for weight in weights]
        if not all(tasks):
            return "-"
        return f"{' '.join(short(mean(weights)) for weights in tasks)} ({short(min(every))} to {short(max(every))})"

    return by_kind([row.name for row in METHODS if row.options["method"] in LEARNED], cell)


def _gain(results: Results) -> str:
    """Difference of every way to train from plain cloning, and from the default, paired by mixture."""
    plain, *others = NAMES
    lines = [
        (
            name,
            *(_difference(results, name, plain, [kind]) for kind in KINDS),
            *(_difference(results, name, other, USEFUL) for other in (plain, DEFAULT)),
        )
        for name in others
    ]
    return markdown([("method", *map(heading, KINDS), ALL_USEFUL, f"{ALL_USEFUL}, less that of {DEFAULT}"), *lines])


def _replications(results: Results) -> str:
    """Differences between ways to train whose policies were trained again."""
    plain, *names = (row.name for row in REPLICATED)
    compared = [(name, plain) for name in names] + [(name, DEFAULT) for name in names if name != DEFAULT]
    of: tuple[tuple[Measure, ...], ...] = (("success",), ("replication",), TRAININGS)
    lines = [
        (
            f"{name} less {other}",
            *(_difference(results, name, other, USEFUL, measures) for measures in of),
            *(_by_task(results, name, other, kind) for kind in USEFUL),
        )
        for name, other in compared
    ]
    return markdown([("difference", "policies above", "others", "both", *map(heading, USEFUL)), *lines])


def _by_task(results: Results, name: str, other: str, kind: str) -> str:
    """Mean differences of both trainings, a task after the other."""
    return ", ".join(_difference(results, name, other, [kind], TRAININGS, [task]) for task in NUMBERS)


def _difference(
    results: Results,
    name: str,
    other: str,
    kinds: Sequence[str],
    measures: Sequence[Measure] = ("success",),
    tasks: Sequence[str] = tuple(NUMBERS),
) -> str:
    """Mean difference in success of two ways to train on the same demonstrations, and its standard error.

    A dash where the one is not measured yet on all demonstrations that the other is.
    """
    mixtures = [(task, kind, seed) for task in tasks for kind in kinds for seed in SEEDS]
    both = [[_rate(results, measures, *mixture, way) for way in (name, other)] for mixture in mixtures]
    gains = [first - second for first, second in both if first is not None and second is not None]
    whole = len(gains) == sum(second is not None for _, second in both)
    return signed(gains) if name != other and whole and len(gains) > 1 else "-"


def _rate(results: Results, measures: Sequence[Measure], task: str, kind: str, seed: int, name: str) -> float | None:
    """Success of the policies of a mixture; None if one is missing."""
    answers = [one(results, measure, task, kind, seed, name) for measure in measures]
    there = [answer for answer in answers if answer is not None]
    good, rolled = won(there)
    return good / rolled if len(there) == len(answers) else None


def _by_weight(results: Results, task: str) -> str:
    """Success of all policies of a task, by the weight of the optimal group that they were trained with."""
    policies = {kind: list(_compared(results, task, kind)) for kind in KINDS}
    policies[ALL_USEFUL] = [policy for kind in USEFUL for policy in policies[kind]]

    def cell(low: float, high: float, compared: Sequence[tuple[float, float]]) -> str:
        inside = [gain for weight, gain in compared if low <= weight < high or weight == high == EDGES[-1]]
        return f"{signed(inside)} ({len(inside)})" if inside else "-"

    lines = [
        (f"{short(low)} to {short(high)}", *(cell(low, high, compared) for compared in policies.values()))
        for low, high in pairwise(EDGES)
    ]
    return markdown([("weight", *map(heading, policies)), *lines])


def _compared(results: Results, task: str, kind: str) -> Iterator[tuple[float, float]]:
    """Weight of the optimal group of every policy, and its success less the mean of its mixture's."""
    for seed in SEEDS:
        every = (one(results, measure, task, kind, seed, row.name) for measure in TRAININGS for row in METHODS)
        answers = [answer for answer in every if answer is not None]
        rates = [good / rolled for good, rolled in (won([answer]) for answer in answers)]
        yield from ((answer["weights"][0], own - mean(rates)) for answer, own in zip(answers, rates))

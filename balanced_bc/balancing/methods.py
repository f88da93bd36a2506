"""Every method by its name, behind one interface."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from math import inf
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from balanced_bc.balancing import conflicts, references
from balanced_bc.balancing.bounds import named, trust_of, values_of
from balanced_bc.balancing.config import RELAXED, BalancingConfig
from balanced_bc.balancing.conflicts import Conflicts
from balanced_bc.balancing.errors import BalancingError
from balanced_bc.balancing.minimax import measure
from balanced_bc.balancing.minmax import weigh
from balanced_bc.balancing.problem import Problem
from balanced_bc.balancing.proportions import equal, tempered
from balanced_bc.balancing.remix import remix
from balanced_bc.balancing.repetition import Repetition, limits, shares
from balanced_bc.balancing.result import Balance, Progress, Run
from balanced_bc.balancing.summary import Outcome, averaged, pooled, warnings


def zero(repetition: Repetition) -> Run[Outcome]:
    """Equation 12 with references of 0."""
    targets = yield from references.zero(repetition)
    return Outcome(targets, (yield from weigh(repetition, targets.path, lowest=False)))


def ours(repetition: Repetition) -> Run[Outcome]:
    """Equations 15-18 for the references, then Eq. 12."""
    targets = yield from references.learned(repetition)
    lowest = repetition.config.reference == "lowest"
    return Outcome(targets, (yield from weigh(repetition, targets.path, lowest)))


def phases_of_ours(config: BalancingConfig) -> tuple[str, ...]:
    """References that are the lowest of all lanes want lanes."""
    return ("references", "lanes", "weights") if config.reference == "lowest" else ("references", "weights")


def rival(repetition: Repetition) -> Run[Outcome]:
    """Re-Mix."""
    return Outcome(*(yield from remix(repetition)))


class Learned(NamedTuple):
    """A method that trains networks to find weights.

    Attributes:
        run: One repetition of it.
        phases: Names of the phases that it has with a configuration, each of `steps` descent steps.
        answer: The answer, from what all repetitions found.
    """

    run: Callable[[Repetition], Run[Any]]
    phases: Callable[[BalancingConfig], tuple[str, ...]]
    answer: Callable[[Problem, BalancingConfig, list[Any]], Balance] = averaged


LEARNED = {
    "zero": Learned(zero, lambda _: ("weights",)),
    "remix": Learned(rival, lambda _: ("reference policy", "weights")),
    "ours": Learned(ours, phases_of_ours),
    "minimax": Learned(measure, lambda _: ("lanes",), pooled),
}
"""Methods that train networks."""
CLOSED: dict[str, Callable[[Problem, BalancingConfig], Tensor]] = {
    "imbalanced": shares,
    "equal": lambda problem, _: equal(len(problem.groups)),
    "temperature": lambda problem, config: tempered(shares(problem, config), config.temperature),
}
"""Methods that only count."""


def balance(problem: Problem, config: BalancingConfig) -> Iterator[Progress]:
    """Run a method; the last progress carries its answer.

    Args:
        problem: Groups, policy and pairs.
        config: Method and its numbers.
    """
    trusted = trust_of(problem.groups, config.trust) > 0
    if bool(trusted.all()):
        yield from _balance(problem, config)
        return
    kept = trusted.nonzero().flatten().tolist()
    left = {name: value for name, value in values_of(config.trust, "trust").items() if value > 0}
    inner = replace(among(config, problem, kept), trust=tuple(f"{name}={value}" for name, value in left.items()))
    for now in _balance(problem.only(kept), inner):
        yield now.among(problem.groups, kept)


def among(config: BalancingConfig, problem: Problem, kept: Sequence[int]) -> BalancingConfig:
    """Leave out what is said of groups that are left out.

    Raises:
        BalancingError: They have a floor, or nobody has the name.
    """
    staying = tuple(problem.groups[i] for i in kept)

    def left(texts: Sequence[str]) -> tuple[str, ...]:
        names = (text.rpartition("=")[0].strip() for text in texts)
        return tuple(text for text, name in zip(texts, names) if bool(named(name, problem.groups)[list(kept)].any()))

    if lost := set(config.floors) - set(left(config.floors)):
        raise BalancingError(
            f"floors {', '.join(sorted(lost))} are of groups that trust leaves out; left are {staying}"
        )
    return replace(
        config,
        caps=left(config.caps),
        prior_weights=left(config.prior_weights),
        success_loss=left(config.success_loss),
    )


def _balance(problem: Problem, config: BalancingConfig) -> Iterator[Progress]:
    """Run a method on groups that are all trusted."""
    _check_feedback(problem, config)
    if config.method in CLOSED:
        yield _counted(problem, config)
        return
    if not problem.folds:
        raise BalancingError(f"method {config.method!r} trains networks, but the problem has no fold to train on")
    outcomes = []
    for number in range(config.repeats):
        outcomes.append((yield from _placed(LEARNED[config.method], Repetition.of(problem, config, number), number)))
    found = yield from _measured(problem, config)
    answer = conflicts.added(LEARNED[config.method].answer(problem, config, outcomes), found)
    losses = answer.diagnostics["losses"]
    yield Progress("weights", config.repeats - 1, config.steps, config.steps, 1.0, answer.weights, losses, answer)


def _check_feedback(problem: Problem, config: BalancingConfig) -> None:
    """Refuse judged policies where no lane could be trained with their weights."""
    if problem.judged and config.method not in RELAXED:
        raise BalancingError(
            f"judged policies relax the references of {' and '.join(RELAXED)}; method {config.method} has none"
        )
    if problem.judged and config.method == "ours" and config.reference == "converged":
        raise BalancingError(
            "judged policies are measured in lanes trained afresh, which references of the kind 'converged' have not; "
            "use --reference lowest, or state --success-loss"
        )


def _counted(problem: Problem, config: BalancingConfig) -> Progress:
    trusted = CLOSED[config.method](problem, config) * trust_of(problem.groups, config.trust)
    weights = limits(problem, replace(config, repeat_cap=inf)).confine(trusted / trusted.sum())
    notes = warnings(problem, config, weights)
    answer = Balance(config.method, problem.groups, weights, None, (), weights, weights, {}, notes)
    return Progress("weights", 0, 1, 1, 1.0, weights, torch.zeros(0), answer)


def _placed(method: Learned, repetition: Repetition, number: int) -> Generator[Progress, None, Any]:
    """Place the progress of one repetition within the whole run."""
    config, run = repetition.config, method.run(repetition)
    phases = method.phases(config)
    while True:
        try:
            now = next(run)
        except StopIteration as end:
            return end.value
        before = number + phases.index(now.phase) / len(phases)
        done = (before + now.done / len(phases)) / config.repeats
        yield now._replace(repetition=number, done=done * (1 - conflicts.SHARE))


def _measured(problem: Problem, config: BalancingConfig) -> Run[Conflicts | None]:
    """Measure conflicts; it is the last part of the run."""
    run = conflicts.measured(problem, config)
    while True:
        try:
            now = next(run)
        except StopIteration as end:
            return cast("Conflicts | None", end.value)
        yield now._replace(done=1 - conflicts.SHARE * (1 - now.done))

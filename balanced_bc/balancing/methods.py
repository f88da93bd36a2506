"""Every method by its name, behind one interface."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from math import inf, sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from balanced_bc.balancing import references
from balanced_bc.balancing.bounds import trust_of, values_of
from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.errors import BalancingError
from balanced_bc.balancing.minmax import Weighing, weigh
from balanced_bc.balancing.problem import Problem
from balanced_bc.balancing.proportions import equal, proportions, tempered
from balanced_bc.balancing.references import Targets
from balanced_bc.balancing.remix import remix
from balanced_bc.balancing.repetition import Repetition, limits, shares
from balanced_bc.balancing.result import Balance, Progress, Reference, Run

DRIFT = 0.1
"""Difference between the last weights and their average over the last half above which a warning is due."""


class Outcome(NamedTuple):
    """What one repetition of a method found.

    Attributes:
        targets: Reference losses.
        weighing: Weights.
    """

    targets: Targets
    weighing: Weighing


def zero(repetition: Repetition) -> Run[Outcome]:
    """Equation 12 with references of 0."""
    targets = yield from references.zero(repetition)
    return Outcome(targets, (yield from weigh(repetition, targets.path, lowest=False)))


def ours(repetition: Repetition) -> Run[Outcome]:
    """Equations 15-18 for the references, then Eq. 12."""
    targets = yield from references.learned(repetition)
    lowest = repetition.config.reference == "lowest"
    return Outcome(targets, (yield from weigh(repetition, targets.path, lowest)))


def rival(repetition: Repetition) -> Run[Outcome]:
    """Re-Mix."""
    return Outcome(*(yield from remix(repetition)))


class Learned(NamedTuple):
    """A method that trains networks to find weights.

    Attributes:
        run: One repetition of it.
        phases: Names of its phases, each of `steps` descent steps.
    """

    run: Callable[[Repetition], Run[Outcome]]
    phases: tuple[str, ...]


LEARNED = {
    "zero": Learned(zero, ("weights",)),
    "remix": Learned(rival, ("reference policy", "weights")),
    "ours": Learned(ours, ("references", "lanes", "weights")),
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
    inner = replace(config, trust=tuple(f"{name}={value}" for name, value in left.items()))
    for now in _balance(problem.only(kept), inner):
        yield now.among(problem.groups, kept)


def _balance(problem: Problem, config: BalancingConfig) -> Iterator[Progress]:
    """Run a method on groups that are all trusted."""
    if config.method in CLOSED:
        yield _counted(problem, config)
        return
    if not problem.folds:
        raise BalancingError(f"method {config.method!r} trains networks, but the problem has no fold to train on")
    outcomes = []
    for number in range(config.repeats):
        outcomes.append((yield from _placed(LEARNED[config.method], Repetition.of(problem, config, number), number)))
    answer = summary(problem, config, outcomes)
    losses = torch.stack([outcome.weighing.losses for outcome in outcomes]).mean(dim=0)
    last = Progress("weights", config.repeats - 1, config.steps, config.steps, 1.0, answer.weights, losses, answer)
    yield last


def summary(problem: Problem, config: BalancingConfig, outcomes: list[Outcome]) -> Balance:
    """Average the repetitions.

    Args:
        problem: Groups.
        config: Configuration.
        outcomes: One for each repetition.
    """
    answers = torch.stack([outcome.weighing.answer for outcome in outcomes])
    last = torch.stack([outcome.weighing.last for outcome in outcomes]).mean(dim=0)
    average = torch.stack([outcome.weighing.average for outcome in outcomes]).mean(dim=0)
    wanted = _references(config, [outcome.targets for outcome in outcomes])
    weights, spread = answers.mean(dim=0), standard_error(answers)
    notes = (*warnings(problem, config, weights), *unsettled(problem, weights, last))
    diagnostics = _diagnostics(outcomes)
    return Balance(config.method, problem.groups, weights, spread, wanted, last, average, diagnostics, notes)


def warnings(problem: Problem, config: BalancingConfig, weights: Tensor) -> tuple[str, ...]:
    """Say what weights cannot do, or do at a price."""
    repeats = (weights / proportions(problem.pairs)).tolist()
    return tuple(
        f"pairs of {name} are repeated {ratio:.1f} times as often as plain cloning repeats them, and there are "
        f"{demonstrations} demonstrations; record more of {name}"
        for name, ratio, demonstrations in zip(problem.groups, repeats, problem.demonstrations)
        if ratio > 0.98 * config.repeat_cap
    )


def unsettled(problem: Problem, weights: Tensor, last: Tensor) -> tuple[str, ...]:
    """Warn when weights still moved at the end of the run: their average is then that of a transient."""
    return tuple(
        f"the weight of {name} had not settled: {now:.2f} at the end, {answer:.2f} on average; more steps would tell"
        for name, answer, now in zip(problem.groups, weights.tolist(), last.tolist())
        if abs(answer - now) > DRIFT
    )


def standard_error(values: Tensor) -> Tensor | None:
    """Estimate the standard error of a mean over repetitions, (r, k) -> (k,); None for a single one."""
    return values.std(dim=0) / sqrt(len(values)) if len(values) > 1 else None


def _references(config: BalancingConfig, targets: list[Targets]) -> tuple[Reference, ...]:
    losses = torch.stack([target.losses for target in targets])
    spread = standard_error(losses)
    errors = [None] * losses.shape[1] if spread is None else spread.tolist()
    lanes = [", ".join(name for name, _ in Counter(names).most_common()) for names in zip(*(t.lanes for t in targets))]
    split, reduction = _provenance(config)
    means = losses.mean(dim=0).tolist()
    return tuple(
        Reference(loss, error, split, config.steps, reduction, lane) for loss, error, lane in zip(means, errors, lanes)
    )


def _provenance(config: BalancingConfig) -> tuple[str, str]:
    """Say on which split references are measured and how they are reduced to one number."""
    if config.method == "zero":
        return "none", "constant"
    if config.method == "remix":
        return config.split, "last"
    return (
        config.split,
        "minimum over lanes and time, smoothed" if config.reference == "lowest" else "mean of last half",
    )


def _diagnostics(outcomes: list[Outcome]) -> dict[str, Tensor]:
    found = [outcome.targets.found for outcome in outcomes]
    losses = {"losses": torch.stack([outcome.weighing.losses for outcome in outcomes]).mean(dim=0)}
    if any(one is None for one in found):
        return losses
    known = [one for one in found if one is not None]
    weights = torch.stack([one.weights for one in known]).mean(dim=0)
    ratio = torch.stack([one.signal_to_noise for one in known]).mean(dim=0)
    converged = torch.stack([one.losses for one in known]).mean(dim=0)
    return {**losses, "meta_weights": weights, "meta_losses": converged, "signal_to_noise": ratio}


def _counted(problem: Problem, config: BalancingConfig) -> Progress:
    trusted = CLOSED[config.method](problem, config) * trust_of(problem.groups, config.trust)
    weights = limits(problem, replace(config, repeat_cap=inf)).confine(trusted / trusted.sum())
    notes = warnings(problem, config, weights)
    answer = Balance(config.method, problem.groups, weights, None, (), weights, weights, {}, notes)
    return Progress("weights", 0, 1, 1, 1.0, weights, torch.zeros(0), answer)


def _placed(method: Learned, repetition: Repetition, number: int) -> Generator[Progress, None, Outcome]:
    """Place the progress of one repetition within the whole run."""
    config, run = repetition.config, method.run(repetition)
    phases = [name for name in method.phases if name != "lanes" or config.reference == "lowest"]
    while True:
        try:
            now = next(run)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome
        before = number + phases.index(now.phase) / len(phases)
        yield now._replace(repetition=number, done=(before + now.done / len(phases)) / config.repeats)

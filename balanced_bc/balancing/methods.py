"""Every method by its name, behind one interface."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from math import inf
from typing import Any, NamedTuple

import torch
from torch import Tensor

from balanced_bc.balancing import conflicts, references
from balanced_bc.balancing.bounds import left_out, named, trust_of, values_of
from balanced_bc.balancing.config import RELAXED, BalancingConfig
from balanced_bc.balancing.errors import BalancingError
from balanced_bc.balancing.minimax import measure, pooled
from balanced_bc.balancing.minmax import weigh
from balanced_bc.balancing.prior import confined, limits, prior_of, shares, trusted
from balanced_bc.balancing.problem import Problem
from balanced_bc.balancing.proportions import equal, tempered
from balanced_bc.balancing.remix import remix
from balanced_bc.balancing.repetition import Repetition
from balanced_bc.balancing.result import SO_FAR, Balance, Progress, Run, spread
from balanced_bc.balancing.summary import Outcome, averaged, warnings
from balanced_bc.balancing.work import ALONE, Work, placed, retold, together

LEAST = 1e-6
"""Smallest weight at the start of a group that is balanced."""


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


def balance(problem: Problem, config: BalancingConfig, work: Work = ALONE) -> Iterator[Progress]:
    """Run a method; the last progress carries its answer.

    Args:
        problem: Groups, policy and pairs.
        config: Method and its numbers.
        work: This process's place among those that do the run, and where pieces that are done are kept.
    """
    kept = staying(problem.groups, config)
    if len(kept) == len(problem.groups):
        yield from _balance(problem, config, work)
        return
    for now in _balance(problem.only(kept), among(config, problem, kept), work):
        yield now.among(problem.groups, kept)


def staying(groups: Sequence[str], config: BalancingConfig) -> list[int]:
    """Numbers of the groups that neither trust nor a cap of 0 leaves out, in rising order.

    Raises:
        BalancingError: Only one of several stays, or none.
    """
    kept: list[int] = (~left_out(groups, config.trust, config.caps)).nonzero().flatten().tolist()
    if len(kept) < min(2, len(groups)):
        raise BalancingError(
            f"trust and caps leave {[groups[i] for i in kept]} of {list(groups)}; balancing needs 2 or more"
        )
    return kept


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
            f"floors {', '.join(sorted(lost))} are of groups that trust or a cap of 0 leaves out; left are {staying}"
        )
    return replace(
        config,
        trust=tuple(text for text in left(config.trust) if all(values_of((text,), "trust").values())),
        caps=left(config.caps),
        prior_weights=left(config.prior_weights),
        success_loss=left(config.success_loss),
    )


def beginning(problem: Problem, config: BalancingConfig) -> Tensor:
    """What a method would answer that had found nothing, (k,); 0 for groups that trust or a cap of 0 leaves out."""
    kept, groups = staying(problem.groups, config), len(problem.groups)
    if len(kept) < groups:
        problem, config = problem.only(kept), among(config, problem, kept)
    prior, trust = prior_of(problem, config), trust_of(problem.groups, config.trust)
    return spread(trusted(prior, trust, limits(problem, config)), kept, groups)


def _balance(problem: Problem, config: BalancingConfig, work: Work) -> Iterator[Progress]:
    """Run a method on groups that are all trusted."""
    _check_feedback(problem, config)
    if config.method in CLOSED:
        yield _counted(problem, config)
        return
    if not problem.folds:
        raise BalancingError(f"method {config.method!r} trains networks, but the problem has no fold to train on")
    if lost := [name for name, prior in zip(problem.groups, prior_of(problem, config).tolist()) if prior < LEAST]:
        raise BalancingError(
            f"floors {', '.join(config.floors)} leave no weight for {', '.join(lost)}; lower them, or leave these "
            "groups out with a trust of 0"
        )
    method, before = LEARNED[config.method], 1 - conflicts.SHARE
    so_far = list[Any]()
    pieces = [partial(_repetition, problem, config, number, so_far) for number in range(config.repeats)]
    outcomes = yield from placed(together(work, "repetition", pieces), lambda done: before * done)
    answer = method.answer(problem, config, outcomes)
    losses = answer.diagnostics["losses"]
    if "weights" not in method.phases(config):
        yield Progress(SO_FAR, config.repeats - 1, config.steps, config.steps, before, answer.weights, losses)
    run = conflicts.measured(problem, config, work)
    answer = conflicts.added(answer, (yield from placed(run, lambda done: before + (1 - before) * done)))
    yield Progress("weights", config.repeats - 1, config.steps, config.steps, 1.0, answer.weights, losses, answer)


def _repetition(
    problem: Problem, config: BalancingConfig, number: int, outcomes: list[Any], work: Work
) -> Generator[Progress, None, Any]:
    """Do one repetition; put what it found behind the outcomes before it.

    A method that weighs only at its end tells after each repetition what the weights would be, for who stops it.
    """
    method = LEARNED[config.method]
    outcome = yield from _placed(method, Repetition.of(problem, config, number, work), number)
    outcomes.append(outcome)
    if "weights" not in method.phases(config) and number + 1 < config.repeats:
        answer = method.answer(problem, config, outcomes)
        losses = answer.diagnostics["losses"]
        yield Progress(SO_FAR, number, config.steps, config.steps, 1.0, answer.weights, losses)
    return outcome


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
    if config.prior_weights:
        raise BalancingError(
            f"prior weights {', '.join(config.prior_weights)} are what methods that train networks begin with; "
            f"{config.method} only counts: hold weights with --floors and --caps, or set them with --trust"
        )
    free = replace(config, repeat_cap=inf)
    counted = confined(problem, free, CLOSED[config.method](problem, config))
    weights = trusted(counted, trust_of(problem.groups, config.trust), limits(problem, free))
    notes = warnings(problem, config, weights)
    answer = Balance(config.method, problem.groups, weights, None, (), {}, notes)
    return Progress("weights", 0, 1, 1, 1.0, weights, torch.zeros(0), answer)


def _placed(method: Learned, repetition: Repetition, number: int) -> Run[Any]:
    """Place the progress of phases within one repetition."""
    phases, before = method.phases(repetition.config), 0.0

    def tell(now: Progress) -> Progress:
        nonlocal before
        if now.phase in phases:
            before = max(before, (phases.index(now.phase) + now.done) / len(phases))
        return now._replace(repetition=number, done=before)

    return retold(method.run(repetition), tell)

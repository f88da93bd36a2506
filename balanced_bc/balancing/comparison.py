"""Weights judged by what is learned with them: held-out losses beside plain cloning and other methods.

For each set of weights a network is trained afresh, from the same start and on the same batches, in every fold; the
demonstrations that the fold holds out are measured. The weights were found with the help of the same demonstrations,
though with other networks: k - 1 numbers can be fitted to few demonstrations only so far, but the comparison flatters
learned weights a little.

What is measured is `Problem.skill`. A likelihood with one learned sigma would mislead: leaving noisy data out makes
sigma small, and noisy groups look harmed even where the actions that the policy would choose are better.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from balanced_bc.balancing.bounds import trust_of
from balanced_bc.balancing.config import BalancingConfig, Method
from balanced_bc.balancing.errors import BalancingError
from balanced_bc.balancing.measured import Measured, accidents, known_errors, measure_lanes, moments
from balanced_bc.balancing.methods import CLOSED, balance
from balanced_bc.balancing.problem import Problem
from balanced_bc.balancing.proportions import proportions
from balanced_bc.balancing.repetition import Repetition
from balanced_bc.balancing.result import Balance, Compared, Progress, Run
from balanced_bc.balancing.work import ALONE, Work, placed, retold, together

PHASE = "comparison"
"""Name of this phase in the progress."""
PLAIN = "plain cloning"
"""What the shares of the dataset are called among the weights that are compared."""
RIVALS: Mapping[str, tuple[Method, ...]] = {
    "none": (),
    "quick": ("equal", "temperature"),
    "full": ("equal", "temperature", "remix"),
}
"""Methods beside which weights are put."""
RUN = (
    *("seed", "split", "steps", "repeats", "batch", "learning_rate", "evaluate_every", "evaluation"),
    *("temperature", "remix", "remix_step_size", "vectorize", "lanes_at_once", "crowd"),
)
"""What rivals take over: how long networks are trained and how they are measured, and what is theirs alone."""
LOST = "these weights lose to plain cloning"
"""How the warning about weights that lose begins."""
SURE = 2.0
"""Standard errors from which on a group is called worse."""
SHARE = 0.25
"""Share of a run's time that a comparison takes, roughly: for the progress only."""


class Verdict(NamedTuple):
    """What a comparison says of weights, on the groups that are trusted.

    Attributes:
        worse: Groups that are worse than with plain cloning beyond `SURE` standard errors.
        mean: Mean difference of the trusted groups from plain cloning, [nat].
    """

    worse: tuple[str, ...]
    mean: float

    @property
    def lost(self) -> bool:
        """Whether the weights lose: a trusted group is surely worse, and the trusted groups are no better overall."""
        return bool(self.worse) and self.mean >= 0


def compared(
    problem: Problem, config: BalancingConfig, judging: Problem | None, work: Work = ALONE
) -> Iterator[Progress]:
    """Run a method, then judge its weights as configured; the last progress carries the answer.

    While the answer is compared the progress has it too, so that whoever stops then can keep it.

    Args:
        problem: What the method is run on.
        config: Method and its numbers.
        judging: The same groups with the network that the weights are for, and demonstrations held out, but for groups
            that are left out of the balancing and cannot be judged; None where nothing is compared.
        work: This process's place among those that do the run, and where pieces that are done are kept.
    """
    kind, last = ("none" if judging is None else kind_of(config)), None
    share = 0.0 if kind == "none" else SHARE
    for last in balance(problem, config, work):
        if last.result is None:
            yield last._replace(done=(1 - share) * last.done)
    assert last is not None, "a method ends with its answer"
    answer = last.result
    assert answer is not None, "a method ends with its answer"
    if judging is not None and kind != "none":
        try:
            run = judge(judging, config, answer, RIVALS[kind], work)
            answer = yield from retold(run, partial(_beside, answer, share))
        except BalancingError as error:
            answer = answer._replace(warnings=(f"not compared with plain cloning: {error}", *answer.warnings))
    yield last._replace(done=1.0, result=answer)


def kind_of(config: BalancingConfig) -> str:
    """Which comparison is made."""
    if config.compare != "auto":
        return config.compare
    return "none" if config.method in CLOSED else "full"


def judge(
    problem: Problem, config: BalancingConfig, answer: Balance, methods: Sequence[Method], work: Work = ALONE
) -> Run[Balance]:
    """Put an answer beside plain cloning and other methods; return it with the comparison, and a warning if it lost.

    Args:
        problem: The groups that can be judged, those too that trust leaves out.
        config: Configuration with which the answer was found.
        answer: Weights to judge.
        methods: Methods to put beside.
        work: As for `compared`.
    """
    kept = [index for index, name in enumerate(answer.groups) if name in problem.groups]
    rows = {PLAIN: proportions(problem.pairs), answer.method: answer.weights[kept]}
    rivals = [method for method in methods if method not in rows]
    stages = len(rivals) + config.repeats
    for stage, method in enumerate(rivals):
        bare = replace(unbounded(config), method=method, conflicts=False)
        alone = _weights_of(problem, bare, work.part(f"{PHASE}-{method}"))
        rows[method] = yield from placed(alone, lambda done, before=stage: (before + done) / stages)  # type: ignore[misc]
    lanes, before = torch.stack(list(rows.values())), len(rivals) / stages
    pieces = [partial(measured, problem, config, lanes, number) for number in range(config.repeats)]
    run = retold(together(work, PHASE, pieces), lambda now: now.among(answer.groups, kept))
    parts = yield from placed(run, lambda done: before + (1 - before) * done)
    found = tuple(row.among(len(answer.groups), kept) for row in compare(rows, parts))
    return answer._replace(comparison=found, warnings=(*said(found, answer.groups, config), *answer.warnings))


def measured(problem: Problem, config: BalancingConfig, rows: Tensor, number: int, _: Work = ALONE) -> Run[Measured]:
    """Train with each row of weights, (m, k), in a repetition whose network and batches no method has used."""
    repetition = Repetition.of(replace(problem, judged=()), unbounded(config), config.repeats + number)
    return (yield from retold(measure_lanes(repetition, rows, PHASE), lambda now: now._replace(repetition=number)))


def unbounded(config: BalancingConfig) -> BalancingConfig:
    """What a method is without a word about it: only how long and on what networks are trained stays as it was."""
    return BalancingConfig(**{name: getattr(config, name) for name in RUN})


def compare(rows: Mapping[str, Tensor], parts: list[Measured]) -> tuple[Compared, ...]:
    """Sum up what was measured, in the order of the rows; the first is the one that others are compared with.

    Args:
        rows: Weights by method, (k,) each.
        parts: What was measured, one for each repetition.
    """
    every, groups = Measured.pooled(parts), len(next(iter(rows.values())))
    number, losses = torch.bincount(every.group, minlength=groups), every.means(groups)
    found = []
    for lane, (method, weights) in enumerate(rows.items()):
        difference, square = moments(every.losses[lane] - every.losses[0], every.group, number)
        pair = [part._replace(losses=part.losses[[0, lane]]) for part in parts]
        square = torch.maximum(square, accidents(pair, groups)) if len(parts) > 1 else square
        error = known_errors(square, number) if lane else torch.zeros_like(square)
        found.append(Compared(method, weights, losses[lane], difference, error))
    return tuple(found)


def trusted(groups: Sequence[str], config: BalancingConfig) -> Tensor:
    """Groups that count for the verdict, bool, (k,): those that are fully trusted, or all if none is."""
    full = trust_of(groups, config.trust) >= 1
    return full if bool(full.any()) else torch.ones_like(full)


def verdict(row: Compared, groups: Sequence[str], counts: Tensor) -> Verdict:
    """Judge weights.

    Args:
        row: Of the comparison.
        groups: Names of the groups, (k,).
        counts: Groups that count, bool, (k,); those that could not be judged do not.
    """
    counts = counts & row.difference.isfinite()
    surely = (row.difference > SURE * row.standard_error) & counts
    worse = tuple(name for name, one in zip(groups, surely.tolist()) if one)
    return Verdict(worse, float(row.difference[counts].mean()))


def said(found: Sequence[Compared], groups: Sequence[str], config: BalancingConfig) -> tuple[str, ...]:
    """Warn when the weights, which are the second row, lose to plain cloning."""
    counts, row = trusted(groups, config), found[1]
    judged = verdict(row, groups, counts)
    if not judged.lost:
        return ()
    at = [groups.index(name) for name in judged.worse]
    listed = ", ".join(
        f"{groups[i]} by {float(row.difference[i]):.3f} +- {float(row.standard_error[i]):.3f}" for i in at
    )
    return (
        f"{LOST} on held-out demonstrations: worse is {listed} nat, and the mean of the "
        f"trusted groups is no better ({judged.mean:+.3f}); train without weights, or look for what is wrong",
    )


def _weights_of(problem: Problem, config: BalancingConfig, work: Work) -> Run[Tensor]:
    """Weights of another method on the same problem; its progress says how far it is, and nothing of groups."""
    answer, nothing = None, torch.zeros(0)
    for now in balance(replace(problem, judged=()), config, work):
        answer = now.result
        if answer is None:
            yield now._replace(phase=PHASE, weights=nothing, losses=nothing)
    assert answer is not None, "a method ends with its answer"
    return answer.weights


def _beside(answer: Balance, share: float, now: Progress) -> Progress:
    """A moment of the comparison, that of a process which waits too, with the answer so far; it is the last `share`."""
    return now._replace(phase=PHASE, result=answer, done=1 - share * (1 - now.done))

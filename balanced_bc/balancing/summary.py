"""From what the repetitions of a method found to one answer."""

from __future__ import annotations

from collections import Counter
from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.feedback import Relaxed, told
from balanced_bc.balancing.minmax import Weighing
from balanced_bc.balancing.problem import Problem
from balanced_bc.balancing.proportions import proportions
from balanced_bc.balancing.references import Targets
from balanced_bc.balancing.repetition import wanted_of
from balanced_bc.balancing.result import LIKELIHOOD, Balance, Reference
from balanced_bc.words import listed

DRIFT = 0.1
"""Difference between the last weights and their average over the last half above which a warning is due."""
MANY = 3.0
"""Times as often as in plain cloning from which on more demonstrations should be recorded; a cap below it is a wish."""
NEARLY = 0.98
"""Share of a cap from which on a weight is at it."""
SUCCESS = "raised to the loss that success needs"
"""Reduction of a reference that feedback relaxed."""
LISTED = 10
"""Groups in a warning, at most."""


class Outcome(NamedTuple):
    """What one repetition of a method found.

    Attributes:
        targets: Reference losses.
        weighing: Weights.
    """

    targets: Targets
    weighing: Weighing


def averaged(problem: Problem, config: BalancingConfig, outcomes: list[Outcome]) -> Balance:
    """Average the repetitions.

    Args:
        problem: Groups.
        config: Configuration.
        outcomes: One for each repetition.
    """
    answers = torch.stack([outcome.weighing.answer for outcome in outcomes])
    last = torch.stack([outcome.weighing.last for outcome in outcomes]).mean(dim=0)
    wanted, found = _references(config, [outcome.targets for outcome in outcomes]), _relaxed(outcomes)
    weights, spread = answers.mean(dim=0), standard_error(answers)
    notes = (*warnings(problem, config, weights), *unsettled(problem, weights, last), *_told(problem, config, found))
    diagnostics = {**_diagnostics(outcomes), **feedback_diagnostics(found)}
    return Balance(config.method, problem.groups, weights, spread, wanted, diagnostics, notes)


def warnings(problem: Problem, config: BalancingConfig, weights: Tensor) -> tuple[str, ...]:
    """Say what weights cannot do, or do at a price."""
    cap, ratios = config.repeat_cap, (weights / proportions(problem.pairs)).tolist()
    often = {
        f"{name} {ratio:.1f} times (demonstrations: {demonstrations})": ratio
        for name, ratio, demonstrations in zip(problem.groups, ratios, problem.demonstrations)
    }
    many = [told for told, ratio in often.items() if ratio > NEARLY * max(cap, MANY)]
    held = [told for told, ratio in often.items() if cap > 1 and NEARLY * cap < ratio < min(cap / NEARLY, MANY)]
    said = {
        f"pairs are used many times as often as in plain cloning: {listed(many, LISTED)}; record more of them": many,
        f"held at --repeat-cap {cap:g} times their share of the pairs: {listed(held, LISTED)}": held,
    }
    return tuple(text for text, of in said.items() if of)


def unsettled(problem: Problem, weights: Tensor, last: Tensor) -> tuple[str, ...]:
    """Warn when weights still moved at the end of the run: their average is then that of a transient."""
    moving = [
        f"{name} ({now:.2f} at the end, {answer:.2f} on average)"
        for name, answer, now in zip(problem.groups, weights.tolist(), last.tolist())
        if abs(answer - now) > DRIFT
    ]
    return (f"weights had not settled: {listed(moving, LISTED)}; more steps would tell",) if moving else ()


def standard_error(values: Tensor) -> Tensor | None:
    """Estimate the standard error of a mean over repetitions, (r, k) -> (k,); None for a single one."""
    return values.std(dim=0) / sqrt(len(values)) if len(values) > 1 else None


def _references(config: BalancingConfig, targets: list[Targets]) -> tuple[Reference, ...]:
    losses = torch.stack([target.losses for target in targets])
    spread = standard_error(losses)
    errors = [None] * losses.shape[1] if spread is None else spread.tolist()
    lanes = [", ".join(name for name, _ in Counter(names).most_common()) for names in zip(*(t.lanes for t in targets))]
    split, reduction = _provenance(config)
    raised = [any(one) for one in zip(*(t.relaxed.above.tolist() for t in targets if t.relaxed))]
    reductions = [SUCCESS if one else reduction for one in raised or [False] * losses.shape[1]]
    means = losses.mean(dim=0).tolist()
    return tuple(
        Reference(loss, error, split, config.steps, how, lane, LIKELIHOOD)
        for loss, error, how, lane in zip(means, errors, reductions, lanes)
    )


def _relaxed(outcomes: list[Outcome]) -> Relaxed | None:
    """What feedback changed on average; None without feedback."""
    found = [outcome.targets.relaxed for outcome in outcomes if outcome.targets.relaxed is not None]
    return Relaxed.averaged(found) if found else None


def _told(problem: Problem, config: BalancingConfig, found: Relaxed | None) -> tuple[str, ...]:
    return () if found is None else told(problem.groups, wanted_of(problem, config), found)


def feedback_diagnostics(found: Relaxed | None) -> dict[str, Tensor]:
    """The lowest losses beside the success losses, NaN where none is known; nothing without feedback."""
    if found is None:
        return {}
    success = torch.where(found.success.isinf(), torch.nan, found.success)
    return {"lowest_losses": found.lowest, "success_losses": success}


def _provenance(config: BalancingConfig) -> tuple[str, str]:
    """Say on which split references are measured and how they are reduced to one number."""
    if config.method == "zero":
        return config.split, "constant"
    if config.method == "remix":
        return config.split, "last"
    return (
        config.split,
        "minimum over lanes and time, smoothed" if config.reference == "lowest" else "mean of last half",
    )


def _diagnostics(outcomes: list[Outcome]) -> dict[str, Tensor]:
    """Averages over the repetitions; weights at the last step and over all steps beside those that are the answer."""
    found, weighed = [outcome.targets.found for outcome in outcomes], [outcome.weighing for outcome in outcomes]
    always = {
        "losses": torch.stack([one.losses for one in weighed]).mean(dim=0),
        "last_weights": torch.stack([one.last for one in weighed]).mean(dim=0),
        "average_weights": torch.stack([one.average for one in weighed]).mean(dim=0),
    }
    if any(one is None for one in found):
        return always
    known = [one for one in found if one is not None]
    weights = torch.stack([one.weights for one in known]).mean(dim=0)
    ratio = torch.stack([one.signal_to_noise for one in known]).mean(dim=0)
    converged = torch.stack([one.losses for one in known]).mean(dim=0)
    direction, error = _direction(torch.stack([one.directions for one in known]))
    return {
        **always,
        "meta_weights": weights,
        "meta_losses": converged,
        "meta_lowest": torch.stack([one.lowest for one in known]).mean(dim=0),
        "signal_to_noise": ratio,
        "meta_direction": direction,
        "meta_direction_standard_error": error,
    }


def _direction(found: Tensor) -> tuple[Tensor, Tensor]:
    """Mean direction of the meta-gradient and its standard error, the larger of that over time and over repetitions.

    Args:
        found: Of each stretch of time in each repetition, (r, b, k, k); NaN where a run had lost its group.
    """
    errors = torch.stack([_error_of_known(found.flatten(0, 1)), _error_of_known(found.nanmean(dim=1))])
    larger = errors.nan_to_num(-1.0).amax(dim=0)
    return found.nanmean(dim=(0, 1)), larger.where(larger >= 0, torch.nan)


def _error_of_known(values: Tensor) -> Tensor:
    """Standard error of the mean of those that are no NaN, (n, ...) to (...); NaN where fewer than two are."""
    number = values.isfinite().sum(dim=0)
    square = (values - values.nanmean(dim=0)).square().nansum(dim=0) / (number - 1).clamp_min(1)
    return (square / number.clamp_min(1)).sqrt().where(number > 1, torch.nan)

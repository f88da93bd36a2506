r"""Method `minimax`: data weights that are good for every target group, judged on held-out demonstrations.

Equation 12 raises the weight of the behavior that is farthest from its reference, as if that lowered its loss. On
held-out demonstrations it need not: a noisy group may be learned best from clean data. So the groups that data is
drawn from and the groups that must be learned are kept apart:

.. math::
    \alpha = \arg\min_a \; \kappa \, \mathrm{KL}(\alpha^0 \,\|\, a) + \tfrac18 \max_i z_i(a)^2, \quad
    z_i(a) = \frac{\mathcal{L}_i(a) - \mathcal{L}_i^\mathrm{ref}}{\mathrm{SE}_i(a)}, \quad
    \mathcal{L}_i^\mathrm{ref} = \min_a \mathcal{L}_i(a)

with :math:`\mathcal{L}_i(a)` the held-out loss of group i after training on weights a, and :math:`\alpha^0` the prior.
Where the problem tells the `skill` of a policy, that is the loss: a likelihood with one learned sigma takes less noise
in other groups for more skill in this one, and so speaks for data that does harm.
It is measured in a few lanes around the prior, whose number is linear in k, and interpolated in between (`surrogate`).
Standard errors are those of differences between two lanes, paired over demonstrations. A group that was measured on one
demonstration has none, and no say. Without evidence the answer is the prior.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isnan
from typing import NamedTuple

import torch
from torch import Tensor

from balanced_bc.balancing.bounds import trust_of
from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.evidence import Evidence
from balanced_bc.balancing.feedback import Relaxed, contrary, relax, told
from balanced_bc.balancing.jackknife import jackknife
from balanced_bc.balancing.measured import Measured, measure_lanes
from balanced_bc.balancing.prior import limits, prior_of, trusted
from balanced_bc.balancing.problem import Problem
from balanced_bc.balancing.repetition import Repetition, wanted_of
from balanced_bc.balancing.result import LIKELIHOOD, SKILL, Balance, Reference, Run
from balanced_bc.balancing.simplex import shifted
from balanced_bc.balancing.summary import SUCCESS, feedback_diagnostics, warnings
from balanced_bc.balancing.work import blocks, together
from balanced_bc.words import listed

PHASE = "lanes"
"""Name of this phase in the progress."""
SHIFTS = (-3.0, -1.5, 1.5, 3.0)
"""Lanes beside the prior: the odds of one group times the exponential of these."""
FEW = 6
"""Demonstrations of a group below which the standard error of a difference says little."""
LISTED = 10
"""Groups in a warning, at most."""
FOUND = ("lowest over lanes and time, interpolated", "lanes")
"""Reduction and lane of a reference: what the surrogate says of the lane that was the best."""
TRANSFER = 3.0
"""Factor of a group's odds by which the transfer between groups is told."""
DESCENTS, RATE = 400, 0.03
"""Steps and step size of the search for the best weights on the surrogate."""
STARTS = 4
"""Lanes that it begins at, beside the prior."""
MARGIN = 0.01
"""By how much the cost of what it finds from a lane must be lower than of what it finds from the prior."""


def design(prior: Tensor) -> Tensor:
    """Weights of the lanes: the prior, then each group with less and with more, (1 + 4 k, k); (5, 2) for two groups."""
    moved = range(len(prior)) if len(prior) > 2 else range(1)
    factors = torch.tensor(SHIFTS).exp().tolist()
    return torch.stack([prior, *(shifted(prior, group, factor) for group in moved for factor in factors)])


def measure(repetition: Repetition) -> Run[Measured]:
    """Measure the held-out demonstrations in a lane of each row of the design, then of each judged policy."""
    weights, judged = design(repetition.prior), repetition.wanted.rows()
    if repetition.is_crowded:
        return (yield from measure_crowd(repetition, weights, judged))
    lanes = torch.cat((weights, judged))
    pieces = [
        lambda _, cut=cut: measure_lanes(repetition, lanes[cut.start : cut.stop], PHASE)
        for cut in blocks(len(lanes), repetition.config.lanes_at_once)
    ]
    parts: list[Measured] = yield from together(repetition.work, PHASE, pieces)
    return parts[0]._replace(losses=torch.cat([part.losses for part in parts]))


def measure_crowd(repetition: Repetition, weights: Tensor, judged: Tensor) -> Run[Measured]:
    """The same for many groups: a block has its own batches, so its lanes are compared with a prior's lane of its own.

    They are measured on some of the groups; what they do to others is not known.

    Args:
        repetition: Network, fold and batches.
        weights: Of the lanes, as `design` orders them, (1 + 4 k, k).
        judged: Weights of judged policies, (j, k); their lanes learn from all groups.
    """
    each, most = len(SHIFTS), repetition.config.lanes_at_once
    cut = [(repetition.among(own), weights[1 + each * own.start : 1 + each * own.stop]) for own in repetition.cut(each)]
    beside = [(repetition, judged[part.start : part.stop]) for part in blocks(len(judged), most)]
    pieces = [
        lambda _, where=where, rows=rows: measure_lanes(where, torch.cat((weights[:1], rows)), PHASE)
        for where, rows in (*cut, *beside)
    ]
    parts: list[Measured] = yield from together(repetition.work, PHASE, pieces)
    joined = Measured.pooled([part.lanes(0, 1) for part in parts])
    losses = [part.among(joined.demonstration) for part in parts]
    prior = torch.stack([lanes[0] for lanes in losses[: len(cut)]]).nanmean(dim=0)
    moved = [lanes[1:] - lanes[0] + prior for lanes in losses]
    return joined._replace(losses=torch.cat([prior[None], *moved]))


class Ground(NamedTuple):
    """What the weights of `minimax` are chosen on.

    Attributes:
        measured: Held-out demonstrations in the lanes.
        evidence: What they say; its slack is what feedback concedes.
        in_lanes: Loss of each group in the lanes of judged policies, (j, k), [nat].
        least: Lowest losses, (k,), [nat].
        error: Their standard errors, (k,), [nat].
        success: Losses at which groups succeed, minus infinity where nobody knows, (k,), [nat].
    """

    measured: Measured
    evidence: Evidence
    in_lanes: Tensor
    least: Tensor
    error: Tensor
    success: Tensor

    @classmethod
    def of(cls, problem: Problem, config: BalancingConfig, parts: list[Measured]) -> Ground:
        """Join the held-out demonstrations of some repetitions."""
        lanes = design(prior_of(problem, config))
        own, judged = [part.lanes(0, len(lanes)) for part in parts], Measured.pooled(parts).lanes(len(lanes))
        measured, evidence = Measured.pooled(own), Evidence.of(lanes, own, config.is_crowded(len(problem.groups)))
        lowest, error = evidence.losses(measured, evidence.reference)
        in_lanes = judged.means(len(problem.groups))
        success, least = wanted_of(problem, config).success(in_lanes), torch.cat((lowest[None], in_lanes)).amin(dim=0)
        return cls(measured, evidence._replace(slack=relax(least, success) - lowest), in_lanes, least, error, success)

    def weights(self, problem: Problem, config: BalancingConfig) -> Tensor:
        """The weights that are chosen, (k,)."""
        bounds, trust = limits(problem, config), trust_of(problem.groups, config.trust)
        return trusted(bounds.confine(choose(self.evidence, config.stiffness)), trust, bounds)


def pooled(problem: Problem, config: BalancingConfig, parts: list[Measured]) -> Balance:
    """Join the held-out demonstrations of all folds, and choose the weights of `minimax`.

    Args:
        problem: Groups.
        config: Configuration.
        parts: What was measured, one for each repetition.
    """
    feedback, ground = wanted_of(problem, config), Ground.of(problem, config, parts)
    evidence, weights = ground.evidence, ground.weights(problem, config)
    here = evidence.surrogate.mixture(weights).expand_as(evidence.reference)
    losses, _ = evidence.losses(ground.measured, torch.zeros_like(here))
    final, _ = evidence.losses(ground.measured, here)
    found = Relaxed(torch.minimum(ground.least, final), ground.success, contrary(feedback.judged, ground.in_lanes))
    wanted = _raised(problem, config, found, ground.error, feedback.sources(ground.in_lanes))
    transfer, transfer_error = evidence.transfer(TRANSFER)
    diagnostics = {
        **(feedback_diagnostics(found) if feedback else {}),
        "losses": final,
        "losses_at_prior": losses,
        "excess": evidence.excess(weights),
        "excess_at_prior": evidence.excess(evidence.surrogate.prior),
        "transfer": transfer,
        "transfer_standard_error": transfer_error,
    }
    said = told(problem.groups, feedback, found) if feedback else ()
    notes = (*warnings(problem, config, weights), *thin(problem, evidence), *said)
    spread = error_of_choice(problem, config, parts)
    return Balance("minimax", problem.groups, weights, spread, wanted, diagnostics, notes)


def error_of_choice(problem: Problem, config: BalancingConfig, parts: list[Measured]) -> Tensor | None:
    """Standard error of the weights of `minimax`, (k,); None for one repetition, and before all are done."""
    if len(parts) < config.repeats:
        return None
    return jackknife(lambda some: Ground.of(problem, config, some).weights(problem, config), parts)


def _raised(
    problem: Problem, config: BalancingConfig, found: Relaxed, error: Tensor, sources: tuple[str, ...]
) -> tuple[Reference, ...]:
    """References of `minimax`, each from its lanes or from where success is known."""
    what = LIKELIHOOD if problem.skill is None else SKILL
    rows = zip(found.references.tolist(), error.tolist(), sources, found.above.tolist())
    return tuple(
        Reference(loss, known(deviation), config.split, config.steps, *((SUCCESS, source) if above else FOUND), what)
        for loss, deviation, source, above in rows
    )


def known(error: float) -> float | None:
    """A standard error; None where a single demonstration gave none."""
    return None if isnan(error) else error


def thin(problem: Problem, evidence: Evidence) -> tuple[str, ...]:
    """Warn of groups with so few held-out demonstrations that evidence about them is weak."""
    few = [f"{name} ({number})" for name, number in zip(problem.groups, evidence.number.tolist()) if number < FEW]
    told = f"measured on few demonstrations, so what is said of it is uncertain: {listed(few, LISTED)}"
    return (told,) if few else ()


def choose(evidence: Evidence, stiffness: float) -> Tensor:
    r"""Find the weights that stay near the prior unless a group is far above its reference, (k,).

    The search descends from the prior, and from the lanes that are best: standard errors may grow faster than losses
    away from the reference, and then the way from the prior to the lowest cost is uphill.

    Args:
        evidence: What the lanes say.
        stiffness: :math:`\kappa`.
    """
    prior, there = evidence.surrogate.prior, evidence.at_reference()

    def cost(weights: Tensor) -> Tensor:
        return stiffness * (prior * (prior / weights).log()).sum(dim=-1) + objection(evidence.excess(weights, there))

    lanes = design(prior)[1:]
    costs = torch.cat([cost(some) for some in torch.split(lanes, STARTS)])
    found, costs = _descend(cost, torch.cat((prior[None], lanes[costs.argsort()[:STARTS]])))
    best = costs.argmin()
    return found[best if costs[best] < costs[0] - MARGIN else 0]


def _descend(cost: Callable[[Tensor], Tensor], begun: Tensor) -> tuple[Tensor, Tensor]:
    """Weights with the lowest cost on the way from each of some points, (r, k), and their costs, (r,)."""
    log_weights = begun.log().clone().requires_grad_()
    optimizer = torch.optim.Adam([log_weights], lr=RATE)
    best, least = begun, torch.full((len(begun),), torch.inf, dtype=begun.dtype)
    for _ in range(DESCENTS):
        weights = torch.softmax(log_weights, dim=-1)
        now = cost(weights)
        lower = now.detach() < least
        best, least = weights.detach().where(lower[:, None], best), now.detach().where(lower, least)
        optimizer.zero_grad()
        torch.autograd.backward(now.sum())
        optimizer.step()
    return best, least


def objection(excess: Tensor) -> Tensor:
    r"""What the group that is farthest above its reference has against the weights, :math:`\tfrac18 \max_i z_i^2`.

    Args:
        excess: z, (..., k).
    """
    return excess.clamp_min(0).amax(dim=-1).square() / 8

r"""The min-max step: weights rise where a behavior is learned worse than its reference (Eq. 12-14 of the paper)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from balanced_bc.balancing import simplex
from balanced_bc.balancing.descent import AdamState, adam
from balanced_bc.balancing.lanes import refuse_broken
from balanced_bc.balancing.meta_gradient import weighted_gradient
from balanced_bc.balancing.repetition import Repetition
from balanced_bc.balancing.result import Progress, Run
from balanced_bc.balancing.search import last_half
from balanced_bc.balancing.work import once

PHASE = "weights"
"""Name of this phase in the progress."""


class Weighing(NamedTuple):
    r"""Weights of one repetition.

    Attributes:
        answer: :math:`\alpha`, averaged over the last half of the run, (k,).
        last: After the last step, (k,).
        average: Averaged over the whole run, (k,).
        losses: Losses of the groups at the end, (k,), [nat].
    """

    answer: Tensor
    last: Tensor
    average: Tensor
    losses: Tensor

    @classmethod
    def of(cls, path: list[Tensor], losses: Tensor) -> Weighing:
        """Sum up a run."""
        return cls(last_half(path), path[-1], torch.stack(path).mean(dim=0), losses)


class Tracked(NamedTuple):
    """Losses over time.

    Attributes:
        smooth: Averaged over time, (k,), [nat].
        lowest: Lowest average so far, (k,), [nat].
    """

    smooth: Tensor
    lowest: Tensor


def track(before: Tracked | None, losses: Tensor, memory: float) -> Tracked:
    """Take a measurement, (k,), into the average over time and its minimum."""
    if before is None:
        return Tracked(losses, losses)
    smooth = torch.lerp(losses, before.smooth, memory)
    return Tracked(smooth, torch.minimum(before.lowest, smooth))


def excess(losses: Tensor, references: Tensor) -> Tensor:
    r"""Measure how far each behavior is from its reference.

    .. math:: \delta_i = \mathcal{L}_i - \mathcal{L}_i^\mathrm{ref}

    Args:
        losses: :math:`\mathcal{L}`, (k,), [nat].
        references: :math:`\mathcal{L}^\mathrm{ref}`, on the same split as the losses, (k,), [nat].
    """
    return losses - references


def normalize(difference: Tensor, floor: float, bound: float) -> Tensor:
    r"""Free the excess of its scale, so that steps are as large in bits as in nats, and bound it.

    .. math:: z_i = \mathrm{clip}\big(\delta_i / \max(\tfrac1k \textstyle\sum_j |\delta_j|, f), \pm b\big)

    The floor keeps an excess that is smaller than its own error from being blown up: no evidence moves no weight.

    Args:
        difference: :math:`\delta`, (k,), [nat].
        floor: :math:`f`, a few standard errors of a loss, [nat].
        bound: :math:`b` > 0.
    """
    return (difference / difference.abs().mean().clamp_min(max(floor, 1e-12))).clamp(-bound, bound)


def move(weights: Tensor, normalized: Tensor, repetition: Repetition) -> Tensor:
    r"""Take one step of the weights (Eq. 13), lean toward the prior, and keep the bounds.

    Args:
        weights: :math:`\alpha`, (k,).
        normalized: :math:`z`, (k,).
        repetition: Prior, bounds and step sizes.
    """
    config = repetition.config
    step = simplex.ascend if config.ascent == "exponentiated" else simplex.ascend_projected
    moved = simplex.mix(step(weights, normalized, config.step_size), repetition.prior, config.smoothing)
    return repetition.bounds.confine(moved)


def weigh(repetition: Repetition, references: Tensor, lowest: bool) -> Run[Weighing]:
    r"""Find the weights by Eq. 12; see `alternate`."""
    return (yield from once(repetition.work, PHASE, lambda: alternate(repetition, references, lowest)))


def alternate(repetition: Repetition, references: Tensor, lowest: bool) -> Run[Weighing]:
    r"""Alternate descent of the network on :math:`\sum_i \alpha_i \mathcal{L}_i` and ascent of the weights.

    Args:
        repetition: Network, fold, batches and prior.
        references: :math:`\mathcal{L}^\mathrm{ref}` at every measurement of the run, (t, k), or one row for all, [nat].
        lowest: Whether the references are minima over time. If so, the excess is that of the lowest loss so far: a
            behavior that this network has begun to overfit is not learned worse for it, and more weight would not help.
    """
    config, draw = repetition.config, repetition.batches()
    theta, weights, path = repetition.start[None], repetition.prior, list[Tensor]()
    moments, tracked = AdamState.at(theta), None
    for step in range(config.steps):
        now, gradient = weighted_gradient(repetition.lanes.on(draw()), theta, weights[None].to(theta))
        refuse_broken(now, repetition.groups, PHASE, step)
        theta, moments = adam(theta, gradient, moments, config.learning_rate)
        if repetition.measures_at(step):
            measured = repetition.measure(theta, PHASE, step)
            losses, error = measured.losses[0], float(measured.standard_error.mean())
            tracked = track(tracked, losses, config.excess_memory)
            if step >= config.still:
                wanted = references[min(len(path), len(references) - 1)]
                difference = excess(tracked.lowest if lowest else tracked.smooth, wanted)
                weights = move(
                    weights, normalize(difference, config.excess_floor * error, config.excess_bound), repetition
                )
            path.append(repetition.answer(weights))
            yield Progress.of(PHASE, step, config.steps, path[-1], losses)
    return Weighing.of(path, losses)

"""Networks that are trained afresh with fixed weights (Eq. 16), lane beside lane on the same batches."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from balanced_bc.balancing.descent import AdamState, adam
from balanced_bc.balancing.lanes import refuse_broken
from balanced_bc.balancing.meta_gradient import weighted_gradient
from balanced_bc.balancing.repetition import Repetition
from balanced_bc.balancing.result import Progress, Run


def train(repetition: Repetition, weights: Tensor, phase: str) -> Run[tuple[Tensor, Tensor]]:
    r"""Train a network on each row of weights and measure it as training goes on.

    Args:
        repetition: Network, fold and batches.
        weights: :math:`\alpha`, one row for each lane, (m, k).
        phase: Name of the phase in the progress.

    Returns:
        Losses of the groups in each lane over time, smoothed, (t, m, k), [nat]; the networks at the end, (m, p).
    """
    config, path = repetition.config, list[Tensor]()
    for step, theta in descended(repetition, weights, phase):
        if repetition.measures_at(step):
            losses = repetition.measure(theta, phase, step).losses
            path.append(torch.lerp(losses, path[-1], config.excess_memory) if path else losses)
            yield Progress.of(phase, step, config.steps, weights, losses)
    return torch.stack(path), theta


def descended(repetition: Repetition, weights: Tensor, phase: str) -> Iterator[tuple[int, Tensor]]:
    r"""Descend with fixed weights; every step's number, from 0, and the networks after it, (m, p).

    Args:
        repetition: Network, fold and batches.
        weights: :math:`\alpha`, one row for each lane, (m, k).
        phase: Name of the phase, for errors.
    """
    draw, theta = repetition.batches(), repetition.start.expand(len(weights), -1).clone()
    moments, there = AdamState.at(theta), weights.to(theta)
    for step in range(repetition.config.steps):
        now, gradient = weighted_gradient(repetition.lanes.on(draw()), theta, there)
        refuse_broken(now, repetition.groups, phase, step)
        theta, moments = adam(theta, gradient, moments, repetition.config.learning_rate)
        yield step, theta

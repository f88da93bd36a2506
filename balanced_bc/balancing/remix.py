r"""Re-Mix (Hejna et al., 2024): the reference is a policy trained on the unweighted dataset.

The update is the one of its published code, which differs from Eq. 13 in four ways: the excess of each pair is clipped
at 0; pairs whose excess is exactly 0 are left out of a group's mean; the weights move before the network does; the
answer is the average over all steps.

`faithful` draws batches from the dataset as it is, so that a group may be absent and then counts as if it had no
excess, and measures the excess on the pairs that the proxy is about to be trained on. `corrected` draws every group
alike, measures on held-out pairs, and counts pairs without excess too. In both, the networks run in the same mode.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from balanced_bc.balancing import simplex
from balanced_bc.balancing.descent import AdamState, adam
from balanced_bc.balancing.lanes import refuse_broken
from balanced_bc.balancing.meta_gradient import value_and_gradient
from balanced_bc.balancing.minmax import PHASE, Weighing
from balanced_bc.balancing.references import Targets, constant
from balanced_bc.balancing.repetition import Repetition
from balanced_bc.balancing.result import Progress, Run
from balanced_bc.balancing.training import train
from balanced_bc.balancing.work import once

REFERENCE = "reference policy"
"""Name of the phase in which the reference policy is trained."""


def means_of_excess(values: Tensor, group: Tensor, groups: int) -> Tensor:
    """Average over each group, counting only values that are not 0, as Re-Mix does.

    Args:
        values: One value for each pair, (B,).
        group: Group of each pair, (B,).
        groups: Number of groups, k.
    """
    sums = values.new_zeros(groups).index_add(0, group, values)
    counts = values.new_zeros(groups).index_add(0, group, (values != 0).to(values.dtype))
    return sums / counts.clamp_min(1.0)


def update(weights: Tensor, excess: Tensor, initial: Tensor, step_size: float, smoothing: float) -> Tensor:
    r"""Move the weights as Re-Mix does.

    .. math::
        \alpha' = (1 - c) \, \frac{\alpha \exp(\eta \, \bar e)}{\sum_j \alpha_j \exp(\eta \, \bar e_j)} + c \, \alpha^0

    Args:
        weights: :math:`\alpha`, (k,).
        excess: :math:`\bar e`, mean over each group of :math:`\max(\ell - \ell^\mathrm{ref}, 0)`, (k,), [nat].
        initial: :math:`\alpha^0`, the shares of the dataset, (k,).
        step_size: :math:`\eta`.
        smoothing: :math:`c`.
    """
    return simplex.mix(simplex.ascend(weights, excess, step_size), initial, smoothing)


class Proxy(NamedTuple):
    r"""State of the proxy network between two steps.

    Attributes:
        theta: Parameters, (1, p).
        moments: Adam's moments.
        weights: :math:`\alpha`, (k,).
    """

    theta: Tensor
    moments: AdamState
    weights: Tensor


def remix(repetition: Repetition) -> Run[tuple[Targets, Weighing]]:
    """Train the reference policy on the unweighted dataset, then a proxy and the weights against it."""
    reference = (yield from once(repetition.work, REFERENCE, lambda: unweighted(repetition))).to(repetition.start)
    wanted = repetition.measure(reference, REFERENCE, repetition.config.steps).losses[0]
    weighing = yield from once(repetition.work, PHASE, lambda: against(repetition, reference, wanted))
    return constant(wanted, REFERENCE), weighing


def unweighted(repetition: Repetition) -> Run[Tensor]:
    """Train the reference policy, (1, p)."""
    _, reference = yield from train(repetition, repetition.share[None], REFERENCE)
    return reference


def against(repetition: Repetition, reference: Tensor, wanted: Tensor) -> Run[Weighing]:
    """Train a proxy and the weights against the reference policy, (1, p), whose losses are `wanted`, (k,)."""
    config, faithful = repetition.config, repetition.config.remix == "faithful"
    draw = mixed_batches(repetition) if faithful else stratified(repetition, repetition.batches())
    measure = None if faithful else stratified(repetition, repetition.measuring_batches())
    theta = repetition.start[None]
    state, path, losses = Proxy(theta, AdamState.at(theta), repetition.prior), list[Tensor](), wanted
    for step in range(config.steps):
        drawn = beside(repetition, reference, draw())
        measured = beside(repetition, reference, measure()) if measure else drawn
        state = state._replace(weights=weigh(repetition, state, measured, step))
        state = descend(repetition, state, drawn)
        path.append(repetition.answer(state.weights))
        if repetition.measures_at(step):
            losses = repetition.measure(state.theta, PHASE, step).losses[0]
            yield Progress.of(PHASE, step, config.steps, path[-1], losses)
    average = torch.stack(path).mean(dim=0)
    return Weighing.of(path, losses)._replace(answer=repetition.bounds.confine(average))


class Drawn(NamedTuple):
    """A batch of B pairs.

    Attributes:
        batch: The pairs.
        group: Group of each, (B,).
        floor: Loss of each under the reference policy, (B,), [nat].
    """

    batch: Any
    group: Tensor
    floor: Tensor


Draw = Callable[[], tuple[Any, Tensor]]
"""Draws a batch and the group of each of its pairs."""


def stratified(repetition: Repetition, draw: Callable[[], Any]) -> Draw:
    """Batches that hold every group alike."""
    return lambda: (draw(), repetition.names)


def mixed_batches(repetition: Repetition) -> Draw:
    """Batches from the dataset as it is: each pair's group is drawn by the shares."""
    generator = Generator().manual_seed(repetition.seed)

    def draw() -> tuple[Any, Tensor]:
        number = len(repetition.names)
        group = torch.multinomial(repetition.share, number, replacement=True, generator=generator).sort().values
        return repetition.fold.training(group, generator), group

    return draw


@torch.no_grad()
def beside(repetition: Repetition, reference: Tensor, drawn: tuple[Any, Tensor]) -> Drawn:
    """Put the losses of the reference policy, (1, p), beside a batch."""
    return Drawn(*drawn, repetition.lanes.pair_losses(reference, drawn[0])[0])


def weigh(repetition: Repetition, state: Proxy, drawn: Drawn, step: int) -> Tensor:
    """Move the weights by the excess on a batch, (k,)."""
    lanes, config, k = repetition.lanes, repetition.config, len(repetition.groups)
    with torch.no_grad():
        excess = (lanes.pair_losses(state.theta, drawn.batch)[0] - drawn.floor).double().cpu()
    refuse_broken(means_of_excess(excess, drawn.group, k), lanes.groups, PHASE, step)
    clipped = excess.clamp_min(0.0)
    means = means_of_excess(clipped, drawn.group, k) if config.remix == "faithful" else clipped.view(k, -1).mean(dim=1)
    return update(state.weights, means, repetition.prior, config.remix_step_size, config.smoothing)


def descend(repetition: Repetition, state: Proxy, drawn: Drawn) -> Proxy:
    """Train the proxy on the weighted excess, which is not clipped there."""
    lanes, config = repetition.lanes, repetition.config
    weights, group = state.weights.to(state.theta), drawn.group.to(state.theta.device)

    def loss(theta: Tensor) -> Tensor:
        excess = lanes.pair_losses(theta, drawn.batch)[0] - drawn.floor
        return (weights * means_of_excess(excess, group, len(weights))).sum()

    _, gradient = value_and_gradient(loss, state.theta)
    theta, moments = adam(state.theta, gradient, state.moments, config.learning_rate)
    return Proxy(theta, moments, state.weights)

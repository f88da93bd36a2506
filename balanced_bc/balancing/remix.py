r"""Re-Mix (Hejna et al., 2024): the reference is a policy trained on the unweighted dataset.

The update is the one of its published code, which differs from Eq. 13 in four ways: the excess of each pair is clipped
at 0; pairs whose excess is exactly 0 are left out of a group's mean; the weights move before the network does; the
answer is the average over all steps. Unlike there, batches are stratified, so that no group is ever absent, and both
networks run in the same mode.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from balanced_bc.balancing import simplex
from balanced_bc.balancing.descent import AdamState, adam
from balanced_bc.balancing.lanes import refuse_broken
from balanced_bc.balancing.meta_gradient import value_and_gradient
from balanced_bc.balancing.minmax import PHASE, Weighing
from balanced_bc.balancing.references import Targets, constant, train
from balanced_bc.balancing.repetition import Repetition
from balanced_bc.balancing.result import Progress, Run


def group_means(values: Tensor, group: Tensor, groups: int) -> Tensor:
    """Average over each group, counting only values that are not 0, as Re-Mix does.

    Args:
        values: One value for each pair, (B,).
        group: Group of each pair, (B,).
        groups: Number of groups, k.
    """
    sums = values.new_zeros(groups).index_add(0, group, values)
    counts = values.new_zeros(groups).index_add(0, group, (values != 0).to(values.dtype))
    return sums / counts.clamp_min(1.0)


def update(
    weights: Tensor, excess: Tensor, group: Tensor, initial: Tensor, step_size: float, smoothing: float
) -> Tensor:
    r"""Move the weights as Re-Mix does.

    .. math::
        \alpha' = (1 - c) \, \frac{\alpha \exp(\eta \, \bar e)}{\sum_j \alpha_j \exp(\eta \, \bar e_j)} + c \, \alpha^0

    with :math:`\bar e_i` the mean over group i of :math:`\max(\ell - \ell^\mathrm{ref}, 0)`.

    Args:
        weights: :math:`\alpha`, (k,).
        excess: :math:`\ell - \ell^\mathrm{ref}` of each pair, (B,), [nat].
        group: Group of each pair, (B,).
        initial: :math:`\alpha^0`, the shares of the dataset, (k,).
        step_size: :math:`\eta`.
        smoothing: :math:`c`.
    """
    clipped = group_means(excess.clamp_min(0.0), group, len(weights))
    return simplex.mix(simplex.ascend(weights, clipped, step_size), initial, smoothing)


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
    _, reference = yield from train(repetition, repetition.share[None], "reference policy")
    wanted = repetition.measure(reference, "reference policy", repetition.config.steps).losses[0]
    config, draw = repetition.config, repetition.batches()
    theta = repetition.start[None]
    state, path, losses = Proxy(theta, AdamState.at(theta), repetition.prior), list[Tensor](), wanted
    for step in range(config.steps):
        state = advance(repetition, state, reference, draw(), step)
        path.append(state.weights)
        if repetition.measures_at(step):
            losses = repetition.measure(state.theta, PHASE, step).losses[0]
            yield Progress.of(PHASE, step, config.steps, state.weights, losses)
    average = torch.stack(path).mean(dim=0)
    answer = Weighing.of(path, losses)._replace(answer=repetition.bounds.confine(average))
    return constant(wanted, "reference policy"), answer


def advance(repetition: Repetition, state: Proxy, reference: Tensor, batch: Any, step: int) -> Proxy:
    """Move the weights, then the proxy on the weighted excess, which is not clipped there."""
    lanes, config, group = repetition.lanes, repetition.config, repetition.names
    with torch.no_grad():
        floor = lanes.pair_losses(reference, batch)
        difference = (lanes.pair_losses(state.theta, batch) - floor)[0].double().cpu()
    refuse_broken(group_means(difference, group, len(lanes.groups)), lanes.groups, PHASE, step)
    weights = update(state.weights, difference, group, repetition.prior, config.step_size, config.smoothing)
    there, names = weights.to(state.theta), group.to(state.theta.device)

    def loss(theta: Tensor) -> Tensor:
        return (there * group_means((lanes.pair_losses(theta, batch) - floor)[0], names, len(there))).sum()

    _, gradient = value_and_gradient(loss, state.theta)
    theta, moments = adam(state.theta, gradient, state.moments, config.learning_rate)
    return Proxy(theta, moments, weights)

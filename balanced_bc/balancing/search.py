r"""Training weights that teach each behavior best: Eq. 15-18 of the paper, all k behaviors as lanes at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from balanced_bc.balancing import simplex
from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.descent import AdamState, observe, preconditioner, shortened
from balanced_bc.balancing.lanes import refuse_broken
from balanced_bc.balancing.meta_gradient import FORMS, MetaStep
from balanced_bc.balancing.proportions import equal
from balanced_bc.balancing.repetition import Repetition
from balanced_bc.balancing.result import Progress, Run
from balanced_bc.balancing.work import together

PHASE = "references"
"""Name of this phase in the progress."""


class Search(NamedTuple):
    r"""What the k searches found.

    Attributes:
        weights: :math:`\alpha_i^*`, one row for each behavior, averaged over the last half, (k, k).
        losses: :math:`\mathcal{L}_i` in run i, averaged over the last half of its measurements, (k,), [nat].
        signal_to_noise: Mean over standard deviation over time of the meta-gradient, (k, k).
    """

    weights: Tensor
    losses: Tensor
    signal_to_noise: Tensor


class SearchState(NamedTuple):
    r"""State of the k searches between two steps.

    Attributes:
        theta: Networks, (k, p).
        moments: Adam's moments of the inner gradients.
        weights: :math:`\alpha`, one row for each behavior, (k, k).
        gradient: Average of the meta-gradient over time, (k, k).
        square: Average of its square over time and entries, (k, 1).
    """

    theta: Tensor
    moments: AdamState
    weights: Tensor
    gradient: Tensor
    square: Tensor

    @classmethod
    def at(cls, repetition: Repetition) -> SearchState:
        """Start the lanes of the own groups from the same network and from the prior weights."""
        k, own = len(repetition.groups), len(repetition.own)
        theta = repetition.start.expand(own, -1).clone()
        zeros = torch.zeros(own, k, dtype=torch.float64)
        return cls(theta, AdamState.at(theta), repetition.prior.expand(own, k).clone(), zeros, zeros[:, :1].clone())


def search(repetition: Repetition) -> Run[Search]:
    r"""Find the best weights for every behavior, block after block."""
    pieces = [lambda _, own=own: search_block(repetition.among(own)) for own in repetition.cut()]
    found: list[Search] = yield from together(repetition.work, PHASE, pieces)
    return Search(*(torch.cat(parts) for parts in zip(*found)))


def search_block(repetition: Repetition) -> Run[Search]:
    r"""Alternate Eq. 17 and Eq. 18 for the own behaviors of a repetition."""
    config, state = repetition.config, SearchState.at(repetition)
    training, measuring = repetition.batches(), repetition.measuring_batches()
    weights, slopes, losses = [], [], []
    for step in range(config.steps):
        state, slope = advance(repetition, state, training(), measuring(), step)
        weights.append(state.weights)
        slopes.append(slope)
        if repetition.measures_at(step):
            losses.append(repetition.measure(state.theta, PHASE, step).losses)
            yield Progress.of(PHASE, step, config.steps, state.weights, losses[-1])
    ended = own_losses(repetition, last_half(losses))
    return Search(last_half(weights), ended, signal_to_noise(slopes[config.still :]))


def advance(
    repetition: Repetition, state: SearchState, training: Any, measuring: Any, step: int
) -> tuple[SearchState, Tensor]:
    r"""Take one inner step (Eq. 17) and, after the warm-up, one step of the weights (Eq. 18).

    Args:
        repetition: Network and configuration.
        state: State before.
        training: Batch that the inner step descends on.
        measuring: Independent batch on which :math:`\mathcal{L}_i(\theta')` is measured.
        step: Steps taken before.

    Returns:
        State after; :math:`\nabla_\alpha \mathcal{L}_i(\theta')` without its component along :math:`\alpha`, (k, k).
    """
    config, on_measuring = repetition.config, repetition.lanes.on(measuring, len(repetition.judged))
    taken: MetaStep = FORMS[config.meta_form](
        repetition.lanes.on(training),
        lambda theta: own_losses(repetition, on_measuring(theta)),
        state.theta,
        state.weights.to(state.theta),
        lambda gradient: inner_step(state.moments, gradient, config),
    )
    refuse_broken(taken.losses, repetition.groups, PHASE, step)
    slope = taken.gradient.double().cpu()
    slope = slope - (state.weights * slope).sum(dim=1, keepdim=True)
    state = remember(state, taken, slope, config)
    return (follow(state, config) if step >= config.still else state), slope


def own_losses(repetition: Repetition, losses: Tensor) -> Tensor:
    """The loss in each lane of the group that the lane is for, (m, g) to (m,), [nat]."""
    before = repetition.own.start - repetition.judged.start
    return losses[:, before : before + len(repetition.own)].diagonal()


def inner_step(moments: AdamState, gradient: Tensor, config: BalancingConfig) -> Tensor:
    r"""Look up :math:`\beta_1 P`: a plain step, or Adam's preconditioner of the steps before (then Eq. 18 is exact).

    Args:
        moments: Adam's moments.
        gradient: :math:`G`, (k, p); only its norm is used.
        config: Step sizes.
    """
    if config.meta_optimizer == "adam":
        return config.learning_rate * preconditioner(moments)
    return config.meta_learning_rate * shortened(gradient, config.gradient_bound)


def remember(state: SearchState, taken: MetaStep, slope: Tensor, config: BalancingConfig) -> SearchState:
    """Take a step's network and gradients into the state; the weights stay."""
    moments = observe(state.moments, taken.descent) if config.meta_optimizer == "adam" else state.moments
    gradient = torch.lerp(slope, state.gradient, config.meta_memory)
    square = torch.lerp(slope.square().mean(dim=1, keepdim=True), state.square, config.meta_memory)
    return SearchState(taken.parameters, moments, state.weights, gradient, square)


def follow(state: SearchState, config: BalancingConfig) -> SearchState:
    r"""Move the weights against their meta-gradient (Eq. 18), averaged over time and freed of its scale."""
    normalized = state.gradient / state.square.sqrt().clamp_min(1e-300)
    step = simplex.ascend if config.ascent == "exponentiated" else simplex.ascend_projected
    moved = step(state.weights, -normalized, config.meta_step)
    return state._replace(weights=simplex.mix(moved, equal(moved.shape[1]), config.meta_mixing))


def last_half(path: list[Tensor]) -> Tensor:
    """Average over the last half of a run."""
    return torch.stack(path[len(path) // 2 :]).mean(dim=0)


def signal_to_noise(slopes: list[Tensor]) -> Tensor:
    """Divide the mean over time by the standard deviation over time, (k, k)."""
    path = torch.stack(slopes)
    return path.mean(dim=0) / path.std(dim=0, correction=0).clamp_min(1e-300)

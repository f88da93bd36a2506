r"""Training weights that teach each behavior best: Eq. 15-18 of the paper, all k behaviors as lanes at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from balanced_bc.balancing import simplex, trace, unrolled
from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.descent import AdamState, Step, observe
from balanced_bc.balancing.lanes import refuse_broken
from balanced_bc.balancing.meta_gradient import FORMS, Inner, MetaStep, fastest
from balanced_bc.balancing.proportions import equal
from balanced_bc.balancing.repetition import Repetition
from balanced_bc.balancing.result import Progress, Run
from balanced_bc.balancing.work import together

PHASE = "references"
"""Name of this phase in the progress."""
BLOCKS = 8
"""Stretches of time that the meta-gradient is averaged over one by one, long enough to be nearly independent."""
LEAST = 5 * BLOCKS
"""Steps of the weights after which they may have settled."""
LAG = 1.0
"""Nats above its lowest loss from which on a network has lost a group: it finds what was demonstrated e times less
likely. Then every step overshoots, and the group's own data seems to harm it."""
Draw = Callable[[], Any]
"""Draws the next stratified batch."""


class Search(NamedTuple):
    r"""What the k searches found; for a block of o of the k behaviors, (o, k) and (o,).

    Attributes:
        weights: :math:`\alpha_i^*`, one row for each behavior, averaged over the last half, (k, k).
        losses: :math:`\mathcal{L}_i` in run i, averaged over the last half of its measurements, (k,), [nat].
        lowest: The lowest of them over time, (k,), [nat].
        signal_to_noise: Mean over standard deviation over time of the meta-gradient, (k, k).
        directions: Of the meta-gradient of Eq. 18, averaged over stretches of time, row i for the loss of i, column j
            for the weight of j; NaN where run i had lost its group, (b, k, k).
    """

    weights: Tensor
    losses: Tensor
    lowest: Tensor
    signal_to_noise: Tensor
    directions: Tensor

    @classmethod
    def of_all(cls, blocks: list[Search]) -> Search:
        """Put the blocks together."""
        weights, losses, lowest, ratio, turned = zip(*blocks)
        return cls(torch.cat(weights), torch.cat(losses), torch.cat(lowest), torch.cat(ratio), torch.cat(turned, dim=1))


class SearchState(NamedTuple):
    r"""State of the searches for o behaviors between two steps.

    Attributes:
        theta: Networks, (o, p).
        moments: Adam's moments of the inner gradients.
        weights: :math:`\alpha`, one row for each behavior, (o, k).
        gradient: Average of the meta-gradient over time, (o, k).
        square: Average of its square over time and entries, (o, 1).
        trace: :math:`\partial \theta / \partial \alpha` as `trace` carries it along, (o, k, p); (o, 0, p) without.
    """

    theta: Tensor
    moments: AdamState
    weights: Tensor
    gradient: Tensor
    square: Tensor
    trace: Tensor

    @classmethod
    def at(cls, repetition: Repetition) -> SearchState:
        """Start the lanes of the own groups from the same network and from the prior weights."""
        k, own = len(repetition.groups), len(repetition.own)
        theta = repetition.start.expand(own, -1).clone()
        carried = k if repetition.config.meta_gradient == "trace" else 0
        zeros, weights = torch.zeros(own, k, dtype=torch.float64), repetition.prior.expand(own, k).clone()
        return cls(theta, AdamState.at(theta), weights, zeros, zeros[:, :1].clone(), trace.start(theta, carried))


Advance = tuple[SearchState, Tensor]
"""State after some steps, and the meta-gradient that they gave."""


def search(repetition: Repetition) -> Run[Search]:
    r"""Find the best weights for every behavior, block after block."""
    pieces = [lambda _, own=own: search_block(repetition.among(own)) for own in repetition.cut()]
    return Search.of_all((yield from together(repetition.work, PHASE, pieces)))


def search_block(repetition: Repetition) -> Run[Search]:
    r"""Alternate Eq. 17 and Eq. 18 for the own behaviors of a repetition."""
    config, state = repetition.config, SearchState.at(repetition)
    training, measuring = repetition.batches(), repetition.measuring_batches()
    weights, slopes, losses, own = [], [], [], list[Tensor]()
    known = torch.ones(len(repetition.own), dtype=torch.bool)
    for first in range(0, config.steps, config.window):
        steps = range(first, min(first + config.window, config.steps))
        state, slope = advance(repetition, state, training, measuring, steps)
        weights.append(state.weights)
        slopes.append((first, slope, known))
        if any(map(repetition.measures_at, steps)):
            losses.append(repetition.measure(state.theta, PHASE, steps[-1]).losses)
            own.append(repetition.own_losses(losses[-1]))
            known = knows(own)
            yield Progress.of(PHASE, steps[-1], config.steps, state.weights, losses[-1])
            if config.reference == "lowest" and settled(weights, config):
                break
    moving = [one for one in slopes if one[0] >= config.still] or slopes
    _, gradients, knew = (list(parts) for parts in zip(*moving))
    lowest = torch.stack(own).amin(dim=0)
    return Search(last_half(weights), last_half(own), lowest, signal_to_noise(gradients), directions(gradients, knew))


def advance(repetition: Repetition, state: SearchState, training: Draw, measuring: Draw, steps: range) -> Advance:
    r"""Take inner steps with the same weights (Eq. 17) and, after the warm-up, one step of the weights (Eq. 18).

    Args:
        repetition: Network and configuration.
        state: State before.
        training: Draws the batches that inner steps descend on.
        measuring: Draws independent batches on which :math:`\mathcal{L}_i(\theta')` is measured.
        steps: Numbers of the inner steps; one, or H of them where they are unrolled.

    Returns:
        State after; :math:`\nabla_\alpha \mathcal{L}_i(\theta')` without its component along :math:`\alpha`, (o, k).
    """
    config, weights = repetition.config, state.weights.to(state.theta)
    taken, trace = TAKE[config.meta_gradient](repetition, state, weights, (training, measuring), len(steps))
    refuse_broken(taken.losses, repetition.groups, PHASE, steps[0])
    slope = taken.gradient.double().cpu()
    slope = slope - (state.weights * slope).sum(dim=1, keepdim=True)
    state = remember(state, taken, slope, config)._replace(trace=trace)
    return (follow(state, config, len(steps)) if steps[0] >= config.still else state), slope


def take_one(
    repetition: Repetition, state: SearchState, weights: Tensor, draws: tuple[Draw, Draw], _: int
) -> tuple[MetaStep, Tensor]:
    """One inner step, and the derivative through it."""
    form = FORMS[fastest(repetition.config.meta_form, state.theta.device)]
    losses, target = repetition.lanes.on(draws[0]()), repetition.target(draws[1]())
    return form(losses, target, state.theta, weights, inner(state, repetition.config)), state.trace


def take_unrolled(
    repetition: Repetition, state: SearchState, weights: Tensor, draws: tuple[Draw, Draw], steps: int
) -> tuple[MetaStep, Tensor]:
    """A window of inner steps, and the derivative through all of them."""
    config = repetition.config
    form = unrolled.FORMS[fastest(config.meta_form, state.theta.device)]
    losses = [repetition.lanes.on(draws[0]()) for _ in range(steps)]
    targets = [repetition.target(draws[1]()) for _ in range(steps if config.meta_average else 1)]
    return form(losses, targets, state.theta, weights, inner(state, config)), state.trace


def take_traced(
    repetition: Repetition, state: SearchState, weights: Tensor, draws: tuple[Draw, Draw], _: int
) -> tuple[MetaStep, Tensor]:
    """One inner step, and the derivative through all steps so far."""
    config = repetition.config
    losses, target = repetition.lanes.on(draws[0]()), repetition.target(draws[1]())
    step, decay = inner(state, config), config.meta_decay
    return trace.advance(losses, target, state.theta, weights, step, state.trace, decay, config.meta_curvature)


TAKE = {"one-step": take_one, "unrolled": take_unrolled, "trace": take_traced}
"""Every way to differentiate through inner steps by the name that the configuration gives it."""


def inner(state: SearchState, config: BalancingConfig) -> Inner:
    """The inner step: a plain one, or with Adam's preconditioner of the steps before (then Eq. 18 is exact)."""
    if config.meta_optimizer == "adam":
        return lambda gradient: Step.adapted(gradient, config.learning_rate, state.moments)
    return lambda gradient: Step.within(gradient, config.meta_learning_rate, config.gradient_bound)


def remember(state: SearchState, taken: MetaStep, slope: Tensor, config: BalancingConfig) -> SearchState:
    """Take the network and gradients of a window of steps into the state; the weights stay."""
    moments, memory = state.moments, config.meta_memory ** len(taken.descents)
    for descent in taken.descents if config.meta_optimizer == "adam" else ():
        moments = observe(moments, descent)
    gradient = torch.lerp(slope, state.gradient, memory)
    square = torch.lerp(slope.square().mean(dim=1, keepdim=True), state.square, memory)
    return state._replace(theta=taken.parameters, moments=moments, gradient=gradient, square=square)


def follow(state: SearchState, config: BalancingConfig, steps: int) -> SearchState:
    r"""Move the weights against their meta-gradient (Eq. 18), averaged over time and freed of its scale.

    After a window of H inner steps they move H times as far, so that a run of any horizon moves them alike.
    """
    normalized = state.gradient / state.square.sqrt().clamp_min(1e-300)
    ascend = simplex.ascend if config.ascent == "exponentiated" else simplex.ascend_projected
    moved = ascend(state.weights, -normalized, steps * config.meta_step)
    mixing = 1 - (1 - config.meta_mixing) ** steps
    return state._replace(weights=simplex.mix(moved, equal(moved.shape[1]), mixing))


def settled(path: list[Tensor], config: BalancingConfig) -> bool:
    """Whether the average over the last half is what it was at three quarters of the run so far, after half of it."""
    if len(path) < LEAST or 2 * len(path) * config.window < config.steps:
        return False
    moved = last_half(path) - last_half(path[: 3 * len(path) // 4])
    return float(moved.abs().max()) < config.meta_drift


def last_half(path: list[Tensor]) -> Tensor:
    """Average over the last half of a run."""
    return torch.stack(path[len(path) // 2 :]).mean(dim=0)


def signal_to_noise(slopes: list[Tensor]) -> Tensor:
    """Divide the mean over time by the standard deviation over time, (o, k)."""
    path = torch.stack(slopes)
    return path.mean(dim=0) / path.std(dim=0, correction=0).clamp_min(1e-300)


def knows(own: list[Tensor]) -> Tensor:
    """Whether each run still knows its group, by its losses so far, (o,) each; bool, (o,)."""
    return own[-1] <= torch.stack(own).amin(dim=0) + LAG


def directions(slopes: list[Tensor], known: list[Tensor]) -> Tensor:
    r"""Average :math:`\nabla_\alpha \mathcal{L}_i / \lVert \nabla_\alpha \mathcal{L}_i \rVert` over stretches of time.

    Every step counts alike, for sizes differ by thousands; steps at which a run has lost its group do not count.

    Args:
        slopes: Meta-gradient at each step, (o, k).
        known: Whether each run knew its group then, (o,).

    Returns:
        For each of `BLOCKS` stretches of time, (b, o, k); NaN where no step counts.
    """
    units = torch.stack([slope / slope.norm(dim=1, keepdim=True).clamp_min(1e-300) for slope in slopes])
    units = units.where(torch.stack(known)[:, :, None], torch.nan)
    return torch.stack([part.nanmean(dim=0) for part in units.tensor_split(min(BLOCKS, len(slopes)))])

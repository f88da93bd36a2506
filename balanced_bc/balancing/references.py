r"""Reference losses: the lowest loss that each behavior can reach on this dataset (section 6.1 of the paper).

Networks are trained afresh with each behavior's best weights (see `search`), with all weight on one behavior, with the
shares of the dataset, and with equal weights. The lowest loss that behavior i reaches in any of them is its
:math:`\mathcal{L}_i^\mathrm{min}`, so 'lowest achievable' holds by construction.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from balanced_bc.balancing.descent import AdamState, adam
from balanced_bc.balancing.feedback import Relaxed, Wanted, contrary, relax
from balanced_bc.balancing.lanes import refuse_broken
from balanced_bc.balancing.meta_gradient import weighted_gradient
from balanced_bc.balancing.proportions import equal
from balanced_bc.balancing.repetition import Repetition
from balanced_bc.balancing.result import Progress, Run
from balanced_bc.balancing.search import Search, search


class Targets(NamedTuple):
    r"""Reference losses of one repetition.

    Attributes:
        losses: :math:`\mathcal{L}_i^\mathrm{ref}`, (k,), [nat].
        path: Lowest losses that were achievable with the steps so far, at every measurement of a run, (t, k), [nat].
            Its last row is `losses`. One row where references are constant over time.
        lanes: Name of the lane that reached it, (k,).
        found: What the meta-gradient runs found; None for references that need none.
        relaxed: What feedback changed; None where there is none.
    """

    losses: Tensor
    path: Tensor
    lanes: tuple[str, ...]
    found: Search | None = None
    relaxed: Relaxed | None = None


def zero(repetition: Repetition) -> Run[Targets]:
    r"""Want no loss at all: :math:`\mathcal{L}_i^\mathrm{ref} = 0`."""
    yield from ()
    return constant(torch.zeros(len(repetition.groups), dtype=torch.float64), "zero")


def learned(repetition: Repetition) -> Run[Targets]:
    r"""Want the lowest achievable loss, :math:`\mathcal{L}_i^\mathrm{ref} = \mathcal{L}_i^\mathrm{min}`.

    Where feedback says at which loss a group succeeds, want no less than that (section 6.3).
    """
    found, wanted = (yield from search(repetition)), repetition.wanted
    if repetition.config.reference == "converged":
        targets = constant(found.losses, "meta run")._replace(found=found)
        return relaxed(targets, wanted, found.losses.new_zeros(1, 0, len(found.losses)))
    names, weights = candidates(repetition, found.weights)
    judged = tuple(f"weights of {one.name}" for one in wanted.judged)
    path, _ = yield from train(repetition, torch.cat((weights, wanted.rows())), "lanes")
    least, lanes = lowest(path, names + judged)
    return relaxed(Targets(least[-1], least, lanes, found), wanted, path[:, len(names) :].cummin(dim=0).values)


def relaxed(targets: Targets, wanted: Wanted, judged: Tensor) -> Targets:
    r"""Relax references to losses at which groups succeed, at every step.

    Args:
        targets: The lowest achievable losses.
        wanted: What is known of success.
        judged: Lowest losses so far in the lanes of judged policies, (t, j, k), [nat].
    """
    if not wanted:
        return targets
    success = wanted.success(judged)
    found = Relaxed(targets.losses, success[-1], contrary(wanted.judged, judged[-1]))
    sources = zip(targets.lanes, wanted.sources(judged[-1]), found.above.tolist())
    return targets._replace(
        losses=found.references,
        path=relax(targets.path, success),
        lanes=tuple(source if above else lane for lane, source, above in sources),
        relaxed=found,
    )


def constant(losses: Tensor, origin: str) -> Targets:
    """Want the same losses, (k,), at every step."""
    return Targets(losses, losses[None], (origin,) * len(losses))


def candidates(repetition: Repetition, found: Tensor) -> tuple[tuple[str, ...], Tensor]:
    """Name the lanes that are trained afresh and give their weights, (2 k + 2, k)."""
    groups, k = repetition.groups, len(repetition.groups)
    names = (*(f"meta {name}" for name in groups), *(f"specialist {name}" for name in groups), "proportions", "equal")
    return names, torch.cat((found, torch.eye(k, dtype=found.dtype), repetition.share[None], equal(k)[None]))


def lowest(path: Tensor, names: tuple[str, ...]) -> tuple[Tensor, tuple[str, ...]]:
    r"""Find :math:`\mathcal{L}_i^\mathrm{min}`, the minimum over lanes and over the time so far.

    Args:
        path: Losses of the groups in each lane over time, smoothed, (t, m, k), [nat].
        names: Names of the lanes, (m,).

    Returns:
        The minimum at every time, (t, k); the lane that reached the last one, (k,).
    """
    best = path.cummin(dim=0).values
    return best.amin(dim=1), tuple(names[index] for index in best[-1].argmin(dim=0).tolist())


def train(repetition: Repetition, weights: Tensor, phase: str) -> Run[tuple[Tensor, Tensor]]:
    r"""Train a network afresh on each row of weights, all on the same batches and from the same start (Eq. 16).

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

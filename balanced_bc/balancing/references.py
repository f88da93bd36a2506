r"""Reference losses: the lowest loss that each behavior can reach on this dataset (section 6.1 of the paper).

Networks are trained afresh with each behavior's best weights (see `search`), with all weight on one behavior, with the
shares of the dataset, and with equal weights. The lowest loss that behavior i reaches in any of them is its
:math:`\mathcal{L}_i^\mathrm{min}`, so 'lowest achievable' holds by construction.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from balanced_bc.balancing.feedback import Relaxed, Wanted, contrary, relax
from balanced_bc.balancing.proportions import equal
from balanced_bc.balancing.repetition import Repetition
from balanced_bc.balancing.result import Run
from balanced_bc.balancing.search import Search, search
from balanced_bc.balancing.training import train
from balanced_bc.balancing.work import blocks, together

LANES = "lanes"
"""Name of the phase of the lanes that are trained afresh."""


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


class Least(NamedTuple):
    """Lowest losses of some groups.

    Attributes:
        start: Number of the first of them.
        path: At every measurement, (t, g), [nat].
        lanes: Name of the lane that reached the last, (g,).
        judged: Lowest losses so far in each lane of a judged policy, (t, j, g), [nat].
    """

    start: int
    path: Tensor
    lanes: tuple[str, ...]
    judged: Tensor

    @classmethod
    def of_all(cls, parts: list[Least], groups: int) -> Least:
        """The lowest of what blocks of lanes reached."""
        path = parts[0].path.new_full((len(parts[0].path), groups), torch.inf)
        lanes = [""] * groups
        for start, here, names, _ in parts:
            there = path[:, start : start + len(names)]
            better = (here[-1] < there[-1]).tolist()
            lanes[start : start + len(names)] = [
                new if is_lower else old for new, old, is_lower in zip(names, lanes[start:], better)
            ]
            path[:, start : start + len(names)] = torch.minimum(there, here)
        judged = [part.judged for part in parts if part.judged.shape[1]]
        return cls(0, path, tuple(lanes), torch.cat([path.new_zeros(len(path), 0, groups), *judged], dim=1))


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
    least = yield from afresh(repetition, found.weights)
    return relaxed(Targets(least.path[-1], least.path, least.lanes, found), wanted, least.judged)


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


class Candidates(NamedTuple):
    """Lanes that are trained together.

    Attributes:
        repetition: Where.
        names: Their names, (m,).
        weights: Their weights, (m, k).
        judged: Number of them that are of judged policies, at the end.
    """

    repetition: Repetition
    names: tuple[str, ...]
    weights: Tensor
    judged: int = 0

    def cut(self, most: int) -> list[Candidates]:
        """Blocks of at most so many lanes."""
        first = len(self.names) - self.judged
        return [
            Candidates(self.repetition, self.names[part.start : part.stop], self.weights[part.start : part.stop], late)
            for part in blocks(len(self.names), most)
            for late in (len(range(max(first, part.start), part.stop)),)
        ]


def afresh(repetition: Repetition, found: Tensor) -> Run[Least]:
    """Train the candidates and the judged policies' weights afresh, block after block; the lowest losses of all."""
    parts = candidates_of_blocks if repetition.is_crowded else blocks_of_candidates
    pieces = [lambda _, part=part: best_of(part) for part in parts(repetition, found)]
    return Least.of_all((yield from together(repetition.work, LANES, pieces)), len(repetition.groups))


def blocks_of_candidates(repetition: Repetition, found: Tensor) -> list[Candidates]:
    """All lanes, as many at once as may be."""
    return _with_judged(repetition, *candidates(repetition, found)).cut(repetition.config.lanes_at_once)


def candidates_of_blocks(repetition: Repetition, found: Tensor) -> list[Candidates]:
    """Among many groups: the candidates of a block of groups, which are for these only, and those that are for all."""
    names, weights = candidates(repetition, found)
    k = len(repetition.groups)
    chosen = [(own, [*own, *(k + group for group in own)]) for own in repetition.cut(2)]
    parts = [Candidates(repetition.among(own), tuple(names[i] for i in rows), weights[rows]) for own, rows in chosen]
    rest = _with_judged(repetition, names[2 * k :], weights[2 * k :])
    return [*parts, *rest.cut(repetition.config.lanes_at_once)]


def _with_judged(repetition: Repetition, names: tuple[str, ...], weights: Tensor) -> Candidates:
    """Lanes, and behind them one with the weights of each judged policy."""
    wanted = repetition.wanted
    judged = tuple(f"weights of {one.name}" for one in wanted.judged)
    return Candidates(repetition, names + judged, torch.cat((weights, wanted.rows())), len(judged))


def best_of(lanes: Candidates) -> Run[Least]:
    """Train lanes; the lowest losses of the groups that are measured."""
    path, _ = yield from train(lanes.repetition, lanes.weights, LANES)
    judged = path[:, len(lanes.names) - lanes.judged :].cummin(dim=0).values
    return Least(lanes.repetition.measured_groups.start, *lowest(path, lanes.names), judged)


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

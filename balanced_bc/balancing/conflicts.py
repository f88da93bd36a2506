r"""Which groups pull a policy apart on states that they share.

No loss can see demonstrations that are consistent and wrong. What can be seen is that they disagree with others. On one
state the gradient of a pair's loss goes through what the policy says there, so the gradients of two pairs oppose each
other as far as their pulls on the action do, :math:`r_n = \partial \ell_n / \partial a_n`:

.. math:: c_{ij} = \frac{\sum_{n, m} \langle r_n, r_m \rangle}
    {\sqrt{\sum_{n, m} \lVert r_n \rVert^2 \, \sum_{n, m} \lVert r_m \rVert^2}}

over pairs n of group i and m of group j, each with the nearest one of the other group, where the two are near enough
to be the same state. It is taken on held-out demonstrations, at a network trained on the dataset as it is: -1 where
groups are opposed and nothing else is left to learn, about 0 for a noisy copy, above 0 where both groups are
mispredicted alike. It sees the twist and not the gripper, and only states that both groups visited.
"""

from __future__ import annotations

from functools import partial
from math import isfinite
from typing import NamedTuple

import torch
from torch import Tensor

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.errors import BalancingError
from balanced_bc.balancing.problem import Held, Problem
from balanced_bc.balancing.repetition import Repetition
from balanced_bc.balancing.result import Balance, Progress, Run
from balanced_bc.balancing.training import descended
from balanced_bc.balancing.work import ALONE, Work, blocks, together

PHASE = "conflicts"
"""Name of this phase in the progress."""
SHARE = 0.1
"""Share of a run's time that this phase takes, roughly: for the progress only."""
PAIRS = 6000
"""Pairs that are looked at, in all groups: the cost is that of their distances."""
DISTANCES = 2**21
"""Distances that are computed at once, about: they bound the memory where there are thousands of demonstrations."""
LEAST = 4
"""Pairs of a demonstration that are looked at, at least."""
NEARBY = 0.9
"""Share of a group's pairs that are near enough to another demonstration of their own group to share its state."""
OUTLIER = 4.0
"""Standard deviations beyond which a pull counts no more."""
FEW = 3
"""Demonstrations of a group that must share states before an error can be told."""
SURE = 2.0
"""Standard errors below 0 from which on a conflict is told."""
LARGE = -0.1
"""What the cosine must also be below, by one standard error: noisy and perturbed copies of a group reach -0.13."""
TOLD = 3
"""Warnings at most; the table has the rest."""


class Pulls(NamedTuple):
    """Pairs, and what each wants of a network trained on the dataset as it is.

    Attributes:
        pull: Gradient of each pair's loss with respect to the action, (n, q).
        place: Features of its state, (n, F).
        group: Its group, (n,).
        demonstration: Its demonstration, (n,).
    """

    pull: Tensor
    place: Tensor
    group: Tensor
    demonstration: Tensor


class Matches(NamedTuple):
    """Two pairs of different demonstrations on what counts as the same state.

    Attributes:
        left: Number of the pair of the group that comes first, (e,).
        right: Number of the other, (e,).
        cell: Where their groups, the first one first, stand in a matrix of groups that is laid flat, (e,).
    """

    left: Tensor
    right: Tensor
    cell: Tensor


class Conflicts(NamedTuple):
    r"""How much groups oppose each other.

    Attributes:
        cosine: :math:`c_{ij}`, symmetric; within a group between its demonstrations; NaN without a shared state,
            (k, k).
        standard_error: Over demonstrations; NaN where too few share states, (k, k).
        shared: Share of the pairs of group i that have a state in common with group j, (k, k).
    """

    cosine: Tensor
    standard_error: Tensor
    shared: Tensor


def measured(problem: Problem, config: BalancingConfig, work: Work = ALONE) -> Run[Conflicts | None]:
    """Measure the conflicts; None where nobody asked, or the problem does not say what to measure them with."""
    held = problem.folds[0].held
    if not config.conflicts or problem.pull is None or held is None or held.place is None:
        return None
    folds = range(min(config.repeats, len(problem.folds)))
    pieces = [partial(pulls, problem, config, number, PAIRS // len(folds)) for number in folds]
    parts: list[Pulls] = yield from together(work, PHASE, pieces)
    return conflicts(Pulls(*(torch.cat(columns) for columns in zip(*parts))), len(problem.groups))


def added(answer: Balance, found: Conflicts | None) -> Balance:
    """Add the conflicts to an answer."""
    if found is None:
        return answer
    names = ("conflict", "conflict_standard_error", "shared_states")
    notes = answer.warnings + warnings(answer.groups, found)
    return answer._replace(diagnostics={**answer.diagnostics, **dict(zip(names, found))}, warnings=notes)


def pulls(problem: Problem, config: BalancingConfig, number: int, most: int, _: Work) -> Run[Pulls]:
    """Train a network on the shares of the dataset in one fold; ask what about `most` held-out pairs want of it."""
    repetition = Repetition.of(problem, config, number)
    for step, theta in descended(repetition, repetition.share[None], PHASE):  # noqa: B007
        if repetition.measures_at(step):
            now = Progress.of(PHASE, step, config.steps, repetition.share, torch.zeros(0))
            yield now._replace(repetition=number)
    held, pull, place = thinned(_known(repetition.fold.held), most), problem.pull, _known(problem.folds[0].held).place
    assert pull is not None, "asked before"
    assert place is not None, "asked before"
    wanted = pull(repetition.lanes.layout.unflatten(theta[0]), held.at(held.number)).detach().cpu()
    return Pulls(wanted, place(held.number).cpu(), held.group, held.demonstration)


def _known(held: Held | None) -> Held:
    if held is None:
        raise BalancingError("conflicts are between pairs whose demonstrations are known, and a fold names none")
    return held


def thinned(held: Held, most: int) -> Held:
    """Keep about so many pairs, evenly over time, and some of every demonstration."""
    _, member = torch.unique(held.demonstration, return_inverse=True)
    order = member.argsort(stable=True)
    rank = torch.arange(len(order)) - torch.searchsorted(member[order], member[order])
    length = torch.bincount(member)[member[order]]
    every = torch.minimum(torch.tensor(-(-len(order) // most)), (length // LEAST).clamp_min(1))
    kept = order[rank % every == 0].sort().values
    return held._replace(group=held.group[kept], demonstration=held.demonstration[kept], number=held.number[kept])


def conflicts(found: Pulls, groups: int) -> Conflicts:
    """Compare the pulls of all groups on the states that they share.

    Args:
        found: Pairs of all groups.
        groups: Number of groups, k.
    """
    _, member = torch.unique(found.demonstration, return_inverse=True)
    matches, shared = matched(found._replace(demonstration=member), groups)
    scale = found.pull.std(dim=0, correction=0).clamp_min(1e-12)
    pull = (found.pull / scale).clamp(-OUTLIER, OUTLIER).double()
    cosine, influence = cosines(pull[matches.left], pull[matches.right], matches.cell, groups**2)
    error = standard_error(influence, matches, member, groups**2)
    return Conflicts(_square(cosine, groups), _square(error, groups), shared)


def cosines(left: Tensor, right: Tensor, cell: Tensor, cells: int) -> tuple[Tensor, Tensor]:
    r"""Cosine of the pulls of each two groups over their matches, and what each match adds to it.

    .. math:: c = \frac{P}{\sqrt{A B}}, \quad
        u_e = \frac{p_e}{\sqrt{A B}} - \frac{c}{2} \Big(\frac{a_e}{A} + \frac{b_e}{B}\Big)

    Args:
        left: Pull of the one, (e, q).
        right: Pull of the other, (e, q).
        cell: Which two groups they are of, (e,).
        cells: Number of such.

    Returns:
        c, NaN where there is no match, (cells,); u, (e,).
    """
    terms = torch.stack([(left * right).sum(dim=1), left.square().sum(dim=1), right.square().sum(dim=1)])
    product, one, other = terms.new_zeros(3, cells).index_add(1, cell, terms)
    known = (one * other).sqrt().where(one * other > 0, torch.nan)
    cosine = product / known
    relative = terms[1] / one[cell] + terms[2] / other[cell]
    return cosine, terms[0] / known[cell] - 0.5 * cosine[cell] * relative


def standard_error(influence: Tensor, matches: Matches, demonstration: Tensor, cells: int) -> Tensor:
    r"""Standard error over demonstrations, :math:`(\sum_d U_d^2)^{1/2}`, U the influence of all matches of d.

    It is what drawing the demonstrations of both groups anew, with replacement, tends to (infinitesimal jackknife).

    Args:
        influence: Of each match, (e,).
        matches: Pairs and groups.
        demonstration: Of each pair, from 0, (n,).
        cells: Number of cells.
    """
    number = int(demonstration.max()) + 1
    keys = [matches.cell * number + demonstration[side] for side in (matches.left, matches.right)]
    found, at = torch.unique(torch.cat(keys), return_inverse=True)
    sums = influence.new_zeros(len(found)).index_add(0, at, influence.repeat(2))
    square = influence.new_zeros(cells).index_add(0, found // number, sums.square())
    sides = [torch.bincount(torch.unique(key) // number, minlength=cells) for key in keys]
    return square.sqrt().where(torch.minimum(*sides) >= FEW, torch.nan)


def _square(values: Tensor, groups: int) -> Tensor:
    """Numbers of two groups as a symmetric matrix, (k * k,) to (k, k); cells below the diagonal are empty."""
    upper = values.view(groups, groups).triu()
    return upper + upper.triu(1).T


def matched(found: Pulls, groups: int) -> tuple[Matches, Tensor]:
    """Match each pair with the nearest one of every group, where both are near enough to be one state.

    Near enough is what `NEARBY` of a group's pairs are to another demonstration of their own group.

    Returns:
        Matches; share of the pairs of group i that have one in group j, (k, k).
    """
    distance = torch.full((len(found.group), groups), torch.inf)
    nearest = torch.zeros(len(found.group), groups, dtype=torch.long)
    for j in range(groups):
        members = (found.group == j).nonzero().flatten()
        if len(members):
            distance[:, j], nearest[:, j] = closest(found, members)
    radius = torch.stack([_radius(distance[found.group == i, i]) for i in range(groups)])
    near = (distance <= torch.maximum(radius[found.group][:, None], radius)) & distance.isfinite()
    here, other = near.nonzero(as_tuple=True)
    own, there = found.group[here], nearest[here, other]
    left, right = torch.where(own <= other, here, there), torch.where(own <= other, there, here)
    number = torch.bincount(found.group, minlength=groups).clamp_min(1)
    shared = torch.zeros(groups, groups).index_add(0, found.group, near.float()) / number[:, None]
    return Matches(left, right, torch.minimum(own, other) * groups + torch.maximum(own, other)), shared.double()


def closest(found: Pulls, members: Tensor) -> tuple[Tensor, Tensor]:
    """Distance of every pair to the nearest of some pairs that are of another demonstration, and its number, (n,) each.

    Args:
        found: All pairs.
        members: Numbers of some, (m,).
    """
    parts = []
    for part in blocks(len(found.group), max(1, DISTANCES // len(members))):
        rows = slice(part.start, part.stop)
        away = torch.cdist(found.place[rows], found.place[members])
        away[found.demonstration[rows][:, None] == found.demonstration[members]] = torch.inf
        parts.append(away.min(dim=1))
    distances, places = zip(*parts)
    return torch.cat(distances), members[torch.cat(places)]


def _radius(distance: Tensor) -> Tensor:
    """Within this distance `NEARBY` of a group's pairs have a neighbor; nothing is near a single demonstration."""
    known = distance[distance.isfinite()]
    return known.quantile(NEARBY) if len(known) else torch.tensor(-torch.inf)


def opposes(cosine: float, error: float) -> bool:
    """Whether a conflict is sure and large enough to be told."""
    return isfinite(error) and cosine < min(LARGE - error, -SURE * error)


def opposed(found: Conflicts) -> list[tuple[int, int]]:
    """Groups that surely oppose each other, the strongest conflict first."""
    values, errors = found.cosine.tolist(), found.standard_error.tolist()
    sure = [(i, j) for i in range(len(values)) for j in range(i) if opposes(values[i][j], errors[i][j])]
    return sorted(sure, key=lambda at: values[at[0]][at[1]])


def warnings(groups: tuple[str, ...], found: Conflicts) -> tuple[str, ...]:
    """Say which groups oppose each other."""
    return tuple(
        f"{groups[j]} and {groups[i]} pull apart on states that they share (cosine {found.cosine[i, j]:.2f} +- "
        f"{found.standard_error[i, j]:.2f}): they do different things there, or one of them is wrong. No loss can tell "
        "which; say it with trust"
        for i, j in opposed(found)[:TOLD]
    )

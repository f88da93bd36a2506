r"""Between which bounds weights must stay: of single groups, and of all groups that share a tag.

A name is that of a group, or of one of the tags that its name is joined of (`left+optimal` has `left` and `optimal`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import NamedTuple

import torch
from torch import Tensor

from balanced_bc.balancing import simplex
from balanced_bc.balancing.errors import BalancingError

TIMES = "x"
"""Ends a bound that is a multiple of the share of the dataset."""
SWEEPS, PATIENCE = 5000, 100
"""Most rounds of projections onto one set after the other, for bounds that hardly leave room want thousands; and rounds
in which a point must come nearer to its bounds, or there is none that keeps them."""
ROUNDED = 0.005
"""How far each stated weight may be from what was meant, for a person types what was printed."""
NEAR = 1e-8
"""How far outside its bounds a sum of weights may be."""


class Bounds(NamedTuple):
    """A convex set of weights.

    Attributes:
        low: Smallest weight of each group, (k,).
        high: Largest weight of each group, (k,).
        member: Which groups each bounded sum adds up, bool, (c, k).
        least: Smallest value of each sum, (c,).
        most: Largest value of each sum, (c,).
    """

    low: Tensor
    high: Tensor
    member: Tensor
    least: Tensor
    most: Tensor

    @classmethod
    def of_groups(cls, low: Tensor, high: Tensor) -> Bounds:
        """Bound single groups only, (k,)."""
        none = torch.zeros(0, dtype=low.dtype)
        return cls(low, high, torch.zeros(0, len(low), dtype=torch.bool), none, none)

    def confine(self, weights: Tensor) -> Tensor:
        """Find the nearest point in relative entropy that keeps all bounds, (k,) to (k,) (Dykstra's algorithm).

        Raises:
            BalancingError: No weights keep all bounds.
        """
        if not len(self.member):
            return simplex.clip(weights, self.low, self.high)
        point = weights.clamp_min(simplex.ROUNDING)
        owed, far = [torch.ones_like(point) for _ in range(len(self.member) + 1)], inf
        for sweep in range(SWEEPS):
            start = point
            for index, debt in enumerate(owed):
                before = point * debt
                point = self._onto(before, index)
                owed[index] = before / point
            if self._broken(point) < NEAR and float((point - start).abs().max()) < NEAR:
                return point
            if sweep % PATIENCE == PATIENCE - 1:
                if self._broken(point) > 0.95 * far:
                    break
                far = self._broken(point)
        raise BalancingError(f"no weights keep all bounds; the nearest were {[round(w, 4) for w in point.tolist()]}")

    def _onto(self, point: Tensor, index: int) -> Tensor:
        """Project onto one set: sums in their order, then the groups' own bounds."""
        if index == len(self.member):
            return simplex.clip(point / point.sum(), self.low, self.high)
        inside = self.member[index]
        point = point / point.sum()
        total = point[inside].sum()
        wanted = total.clamp(self.least[index], self.most[index])
        return torch.where(inside, point * wanted / total, point * (1 - wanted) / (1 - total).clamp_min(1e-300))

    def _broken(self, point: Tensor) -> float:
        """How far the sums are outside their bounds."""
        sums = (self.member * point).sum(dim=1)
        return float(torch.maximum(self.least - sums, sums - self.most).max())


def bounds_of(
    groups: Sequence[str], share: Tensor, cap: float, floors: Sequence[str] = (), caps: Sequence[str] = ()
) -> Bounds:
    """Read bounds.

    Args:
        groups: Names of the groups, (k,).
        share: Share of each group in the pairs, (k,).
        cap: Largest weight of any group relative to its share.
        floors: Smallest weights, `NAME=SHARE`, or relative to the share of the dataset, `NAME=0.5x`.
        caps: Largest weights, alike; a cap of 0 leaves groups out, and one of more than 1 bounds nothing.

    Raises:
        BalancingError: A bound cannot be read, or no group has the name.
    """
    _once(floors, "floor")
    _once(caps, "cap")
    low, high = torch.zeros_like(share), cap * share
    sums: list[tuple[Tensor, float, float]] = []
    for text in floors:
        inside, value = _bound(text, groups, share)
        if int(inside.sum()) > 1:
            sums.append((inside, value, 1.0))
        else:
            low = torch.where(inside, torch.tensor(value, dtype=share.dtype), low)
            high = torch.maximum(low, high)
    for text in caps:
        inside, value = _bound(text, groups, share, is_cap=True)
        if int(inside.sum()) > 1 and value > 0:
            sums.append((inside, 0.0, value))
        else:
            high = torch.where(inside, high.clamp_max(value), high)
    bounds = Bounds.of_groups(low, high)
    if not sums:
        return bounds
    member, least, most = zip(*sums)
    return bounds._replace(
        member=torch.stack(member),
        least=torch.tensor(least, dtype=share.dtype),
        most=torch.tensor(most, dtype=share.dtype),
    )


def stated_prior(groups: Sequence[str], prior: Tensor, stated: Sequence[str]) -> Tensor:
    """Move a prior, (k,), to the nearest one in relative entropy that has the weights stated.

    Groups of a tag share its weight, and groups of which nothing is said share the rest, in proportion to the prior.

    Args:
        groups: Names of the groups, (k,).
        prior: A point on the simplex, (k,).
        stated: Prior weights, `NAME=WEIGHT`, or relative to the prior, `NAME=2x`. If they name every group once, they
            may add up to 1 as nearly as rounded numbers do.

    Raises:
        BalancingError: One cannot be read or is 0, no group has the name, or they do not add up to 1.
    """
    if not stated:
        return prior
    _once(stated, "prior")
    for text in stated:
        if not 0 < _bound(text, groups, prior)[1] < 1:
            raise BalancingError(
                f"prior weight {text!r} must be above 0 and below 1; --trust NAME=0 leaves groups out altogether"
            )
    read = [_bound(text, groups, prior) for text in stated]
    if bool((torch.stack([inside for inside, _ in read]).sum(dim=0) == 1).all()):
        total = sum(value for _, value in read)
        if abs(total - 1) > ROUNDED * len(read) + NEAR:
            raise BalancingError(f"prior weights {', '.join(stated)} do not add up to 1, but to {total:.4g}")
        parts = [prior * inside * (value / total) / prior[inside].sum() for inside, value in read]
        return torch.stack(parts).sum(dim=0)
    try:
        return bounds_of(groups, prior, inf, stated, stated).confine(prior)
    except BalancingError as error:
        raise BalancingError(f"prior weights {', '.join(stated)} do not add up to 1 with any others") from error


def trust_of(groups: Sequence[str], trust: Sequence[str]) -> Tensor:
    """Trust in each group, (k,): the product over its tags of what `NAME=TRUST` says, 1 where nothing is said.

    Raises:
        BalancingError: A trust cannot be read or is not from 0 to 1, or no group has the name.
    """
    product = torch.ones(len(groups), dtype=torch.float64)
    for name, value in values_of(trust, "trust").items():
        if not 0 <= value <= 1:
            raise BalancingError(f"trust in {name} is {value:g}; it must be from 0 (left out) to 1")
        product = torch.where(named(name, groups), product * value, product)
    return product


def left_out(groups: Sequence[str], trust: Sequence[str], caps: Sequence[str]) -> Tensor:
    """Groups that trust or a cap of 0 leaves out of the balancing, bool, (k,)."""
    out = trust_of(groups, trust) == 0
    for text in caps:
        inside, value = _bound(text, groups, torch.ones(len(groups)), is_cap=True)
        out = out | (inside & (value == 0))
    return out


def values_of(texts: Sequence[str], what: str) -> Mapping[str, float]:
    """Read `NAME=NUMBER`."""
    found: dict[str, float] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            found[name.strip()] = float(number)
        except ValueError as error:
            raise BalancingError(f"{what} {text!r} cannot be read; it is written NAME=NUMBER") from error
    _once(texts, what)
    return found


def _once(texts: Sequence[str], what: str) -> None:
    """Refuse a name of which two things are said."""
    names = [text.rpartition("=")[0].strip() for text in texts]
    for name in names:
        if names.count(name) > 1:
            said = [text for text, other in zip(texts, names) if other == name]
            raise BalancingError(f"{what} of {name} is told {len(said)} times, {', '.join(said)}; say it once")


def named(name: str, groups: Sequence[str]) -> Tensor:
    """Which groups have a name or a tag, bool, (k,).

    Raises:
        BalancingError: None has; the names and tags that exist are listed.
    """
    inside = members(name, groups)
    if not bool(inside.any()):
        tags = sorted({tag for group in groups for tag in group.split("+")})
        raise BalancingError(f"no group is called or tagged {name!r}; there are {', '.join(groups)} with {tags}")
    return inside


def members(name: str, groups: Sequence[str]) -> Tensor:
    """Which groups have a name or a tag, bool, (k,); none where nobody has."""
    return torch.tensor([name == group or name in group.split("+") for group in groups])


def _bound(text: str, groups: Sequence[str], share: Tensor, is_cap: bool = False) -> tuple[Tensor, float]:
    """Groups that a bound is about, and its value as a weight; a multiple of a share may be a cap above 1."""
    name, _, number = text.rpartition("=")
    relative = number.endswith(TIMES)
    try:
        value = float(number.removesuffix(TIMES))
    except ValueError as error:
        raise BalancingError(
            f"bound {text!r} cannot be read; it is written NAME=WEIGHT, or NAME=5{TIMES} for five times its share"
        ) from error
    inside = named(name.strip(), groups)
    value = value * float(share[inside].sum()) if relative else value
    if not 0 <= value <= (inf if relative and is_cap else 1):
        raise BalancingError(f"bound {text!r} is a weight of {value:g}; it must be from 0 to 1")
    return inside, value

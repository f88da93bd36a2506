"""Which pairs are in a batch: drawn by group, by weight, or held out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from balanced_bc.learning.errors import LearningError


@dataclass(frozen=True)
class Members:
    """Pairs of each group, laid one group after another. All on the CPU: draws are the same whatever the device."""

    order: Tensor
    """Pairs sorted by group, (N,)."""
    start: Tensor
    """Where each group starts in `order`, (k,)."""
    count: Tensor
    """Pairs of each group, (k,)."""

    @classmethod
    def of(cls, group: Tensor, groups: int, index: Tensor | None = None) -> Members:
        """Lay out the pairs at `index` (all, if None) of k groups.

        Args:
            group: Group of each pair of the dataset, (N,).
            groups: Number of groups, k.
            index: Pairs that may be drawn, (n,).
        """
        index = torch.arange(len(group)) if index is None else index
        count = torch.bincount(group[index], minlength=groups)
        return cls(index[group[index].argsort(stable=True)], count.cumsum(0) - count, count)

    def draw(self, groups: Tensor, generator: Generator) -> Tensor:
        """One pair from each group named, uniformly and with replacement, (B,) to (B,)."""
        uniform = torch.rand(len(groups), generator=generator, dtype=torch.float64)
        return self.order[self.start[groups] + (uniform * self.count[groups]).long()]

    def of_group(self, group: int) -> Tensor:
        """All pairs of a group."""
        return self.order[self.start[group] : self.start[group] + self.count[group]]


def systematic(weights: Tensor, number: int, generator: Generator) -> Tensor:
    r"""Groups of a batch in proportion to their weights, (B,).

    One uniform number places an even comb over the cumulated weights: group i is named
    :math:`\lfloor \alpha_i B \rfloor` or :math:`\lceil \alpha_i B \rceil` times, :math:`\alpha_i B` in expectation.

    Args:
        weights: :math:`\alpha`, a point on the simplex, (k,).
        number: Pairs in the batch, B.
        generator: Source of the one random number.
    """
    comb = (torch.arange(number) + torch.rand(1, generator=generator, dtype=torch.float64)) / number
    edges = weights.double().cumsum(0)
    return torch.searchsorted(edges / edges[-1], comb, right=True).clamp(max=last_positive(weights))


def last_positive(weights: Tensor) -> int:
    """Last group with a weight above 0: where rounding may not pass."""
    return int(weights.nonzero().max())


def hold_out(
    demonstration: Tensor,
    group: Tensor,
    share: float,
    generator: Generator,
    parts: Tensor | None = None,
    needed: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Split pairs by demonstration, in each group alike.

    At least one demonstration of a group is held out, and at least one stays; a group with a single one keeps it.
    A demonstration of several groups counts for each of them, and stays where one of them needs it.

    Args:
        demonstration: Demonstration of each pair, (N,).
        group: Group of each pair, (N,).
        share: Share of each group's demonstrations to hold out; 0 holds out none.
        generator: Source of the choice.
        parts: Part of its group that each pair is in: what is held out is spread over the parts by their size, (N,).
        needed: Another group of each pair; of these, too, at least one demonstration stays, (N,).

    Returns:
        Pairs to train on, and pairs held out.
    """
    if share == 0:
        return torch.arange(len(group)), torch.arange(0)
    every = _demonstrations(demonstration, group)
    others = [] if needed is None else _demonstrations(demonstration, needed)
    left = [set(names.tolist()) for names in (*every, *others)]
    part = dict(zip(demonstration.tolist(), (group if parts is None else parts).tolist()))
    for own, names in zip(left, every):
        stay = len(names) - min(max(round(share * len(names)), 1), len(names) - 1)
        for name in _spread(names[torch.randperm(len(names), generator=generator)].tolist(), part):
            if len(own) <= stay:
                break
            theirs = [some for some in left if name in some]
            if all(len(some) > 1 for some in theirs):
                for some in theirs:
                    some.remove(name)
    kept = sorted(set[float]().union(*left))
    out = ~torch.isin(demonstration, torch.tensor(kept, dtype=demonstration.dtype))
    return (~out).nonzero().flatten(), out.nonzero().flatten()


def _demonstrations(demonstration: Tensor, group: Tensor) -> list[Tensor]:
    """Demonstrations of each group."""
    return [torch.unique(demonstration[group == i]) for i in torch.unique(group)]


def _spread(names: Sequence[int], part: Mapping[int, int]) -> list[int]:
    """Demonstrations in an order whose every beginning has of each part about its share; otherwise as they were."""
    size, before = Counter(part[name] for name in names), Counter[int]()
    place = {}
    for name in names:
        place[name] = (before[part[name]] + 0.5) / size[part[name]]
        before[part[name]] += 1
    return sorted(names, key=place.__getitem__)


def weights_of(alpha: Mapping[str, float] | None, groups: Sequence[str], proportions: Tensor) -> Tensor:
    r"""Weights of a dataset's groups as a point on the simplex, float64, (k,).

    Args:
        alpha: Weight of each group by name, :math:`\alpha`; None for :math:`\rho`, plain cloning.
        groups: Groups that the dataset has.
        proportions: :math:`\rho`, (k,).

    Raises:
        LearningError: Names differ from the dataset's groups, or values are no weights.
    """
    if alpha is None:
        return proportions.double()
    if set(alpha) != set(groups):
        raise LearningError(f"weights are given for {sorted(alpha)}; the dataset has the groups {sorted(groups)}")
    weights = torch.tensor([alpha[name] for name in groups], dtype=torch.float64)
    if not bool(weights.isfinite().all()) or bool((weights < 0).any()) or weights.sum() <= 0:
        raise LearningError(f"weights are {dict(alpha)}; they must be finite, at least 0, and not all 0")
    return weights / weights.sum()

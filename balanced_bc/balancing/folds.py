"""Which demonstrations are held out, so that no loss is measured on pairs that a network was trained on."""

from __future__ import annotations

import torch
from torch import Generator, Tensor


def deal(demonstration: Tensor, group: Tensor, folds: int, generator: Generator) -> Tensor:
    """Deal whole demonstrations into folds, the demonstrations of every group as evenly as possible.

    Args:
        demonstration: Demonstration of each pair, (N,).
        group: Group of each pair, (N,). A demonstration belongs to the group of its first pair.
        folds: Number of folds.
        generator: Source of the order in which demonstrations are dealt.

    Returns:
        Fold of each pair, (N,).
    """
    names, inverse = torch.unique(demonstration, return_inverse=True)
    first = torch.full((len(names),), len(group), dtype=torch.long)
    first = first.scatter_reduce(0, inverse, torch.arange(len(group)), "amin")
    order = torch.randperm(len(names), generator=generator)
    order = order[group[first[order]].argsort(stable=True)]
    fold = torch.empty(len(names), dtype=torch.long)
    fold[order] = torch.arange(len(names)) % folds
    return fold[inverse]


def counts(index: Tensor, group: Tensor, groups: int) -> Tensor:
    """Count the different values of `index` (demonstrations, or pairs) in each group, (k,).

    Args:
        index: Demonstration or number of each pair, (N,).
        group: Group of each pair, (N,).
        groups: Number of groups, k.
    """
    width = int(index.max()) + 1 if len(index) else 1
    different = torch.unique(group * width + index)
    return torch.bincount(different // width, minlength=groups)


def too_small(demonstration: Tensor, group: Tensor, fold: Tensor, groups: int) -> tuple[int, ...]:
    """List the groups that some fold leaves without a held-out demonstration or without a training one.

    Args:
        demonstration: Demonstration of each pair, (N,).
        group: Group of each pair, (N,).
        fold: Fold of each pair, (N,).
        groups: Number of groups, k.
    """
    lacking = torch.zeros(groups, dtype=torch.bool)
    for held_out in [fold == number for number in range(int(fold.max()) + 1)]:
        for part in (held_out, ~held_out):
            lacking |= counts(demonstration[part], group[part], groups) == 0
    return tuple(lacking.nonzero().flatten().tolist())

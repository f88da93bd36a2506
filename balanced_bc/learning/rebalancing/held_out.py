"""Which pairs balancing trains on and which it measures on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import torch
from torch import Generator, Tensor

from balanced_bc.balancing import folds
from balanced_bc.balancing.comparison import kind_of
from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.methods import staying
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.quality import whole_copies
from balanced_bc.words import listed

FOLDS = 3
"""Parts that demonstrations are dealt into; each is held out in turn."""
SMALL = 10
"""Demonstrations of a group below which every one should be held out once."""
FEW = 2
"""Held-out demonstrations of a group in a fold below which a warning is due."""

LISTED = 10
"""Groups in a warning, at most."""


class Split(NamedTuple):
    """Pairs to train on and pairs to measure on, fold by fold.

    Attributes:
        name: `held-out` or `training`.
        training: Pairs that networks descend on.
        measuring: Pairs on which losses are measured.
        warnings: Why the split is not the one that was asked for, or weak.
        unjudged: Groups that trust leaves out and that have too few demonstrations to hold one out in every fold.
    """

    name: Literal["held-out", "training"]
    training: tuple[Tensor, ...]
    measuring: tuple[Tensor, ...]
    warnings: tuple[str, ...] = ()
    unjudged: tuple[int, ...] = ()


def split_of(pairs: Pairs, config: BalancingConfig) -> Split:
    """Deal demonstrations into folds, or keep them together when the split is the training split.

    Copies of a demonstration go into the same fold: held-out pairs must not have been trained on.

    When a group has too few demonstrations to hold one out in every fold, all groups are measured on the training
    split: losses of different splits must not be compared. Groups that trust leaves out do not count for that.

    Raises:
        BalancingError: Trust leaves fewer than two groups, or names one that does not exist.
    """
    kept = staying(pairs.groups, config)
    everything = torch.arange(len(pairs))
    if config.split == "training":
        return Split("training", (everything,), (everything,))
    same = whole_copies(pairs)
    fold = folds.deal(same, rarest(pairs, kept), FOLDS, Generator().manual_seed(config.seed))
    small = folds.too_small(pairs.demonstration, pairs.group, fold, len(pairs.groups))
    if lacking := tuple(group for group in small if group in kept):
        return Split("training", (everything,), (everything,), (_lacking(pairs, lacking),))
    weak = () if config.method == "minimax" else _weak(pairs, kept)  # which says itself what it was measured on
    weak += _partly(pairs, kept, config.repeats)
    held_out = [fold == number for number in range(min(FOLDS, config.repeats))]
    training, measuring = [everything[~mask] for mask in held_out], [everything[mask] for mask in held_out]
    return Split("held-out", tuple(training), tuple(measuring), weak, small)


def split_to_judge(pairs: Pairs, config: BalancingConfig, split: Split | None) -> tuple[Split | None, tuple[str, ...]]:
    """Held-out demonstrations to compare weights on, None without a comparison; and why there is none.

    Args:
        pairs: The dataset with its groups.
        config: Whether weights are compared.
        split: What the method is run on.
    """
    if kind_of(config) == "none":
        return None, ()
    out = split if split and split.name == "held-out" else split_of(pairs, replace(config, split="held-out"))
    if out.name != "held-out":
        return None, ("not compared with plain cloning, because no demonstrations can be held out",)
    return out, _unjudged(pairs, out.unjudged)


def demonstrations(pairs: Pairs) -> tuple[int, ...]:
    """Count the demonstrations of each group, (k,); one of several groups counts in each."""
    return tuple(folds.counts(pairs.demonstration, pairs.group, len(pairs.groups)).tolist())


def rarest(pairs: Pairs, kept: Sequence[int]) -> Tensor:
    """The kept group with the fewest demonstrations among those of each pair's demonstration, (N,).

    Demonstrations of several groups are dealt into folds by it: the group that has few must be in every fold. A group
    that is left out counts where there is no other.
    """
    groups, number = len(pairs.groups), torch.tensor(demonstrations(pairs))
    out = torch.ones_like(number).index_fill(0, torch.tensor(kept), 0)
    rank = (number + out * len(pairs)) * groups + torch.arange(groups)
    least = torch.full((int(pairs.demonstration.max()) + 1,), int(rank.max()))
    return least.scatter_reduce(0, pairs.demonstration, rank[pairs.group], "amin")[pairs.demonstration] % groups


def _counted(pairs: Pairs, groups: tuple[int, ...]) -> str:
    number = demonstrations(pairs)
    return listed([f"{pairs.groups[group]} ({number[group]})" for group in groups], LISTED)


def _lacking(pairs: Pairs, groups: tuple[int, ...]) -> str:
    names = [pairs.groups[one] for one in groups] if len(groups) <= LISTED else ["NAME"]
    return (
        f"too few demonstrations to hold some out: {_counted(pairs, groups)}; every group needs {FOLDS}, one in each "
        "fold. All losses are measured on the training split, where a network that overfits looks good. Record more, "
        f"group by fewer axes, or leave these out with --trust {' '.join(f'{name}=0' for name in names)}; a policy "
        "trained with the weights then never sees them"
    )


def _unjudged(pairs: Pairs, groups: tuple[int, ...]) -> tuple[str, ...]:
    if not groups:
        return ()
    return (
        "not in the comparison with plain cloning, because trust leaves them out and there are too few demonstrations "
        f"to hold some out: {_counted(pairs, groups)}",
    )


def _partly(pairs: Pairs, groups: Sequence[int], repeats: int) -> tuple[str, ...]:
    """Warn where not every demonstration of a small group is held out once."""
    every = demonstrations(pairs)
    few = [f"{pairs.groups[group]} ({every[group]})" for group in groups if every[group] < SMALL]
    if repeats >= FOLDS or not few:
        return ()
    return (
        f"--repeats {repeats} holds out {repeats} of {FOLDS} parts of the demonstrations, which says little about "
        f"groups with fewer than {SMALL}: {listed(few, LISTED)}; use --repeats {FOLDS}",
    )


def _weak(pairs: Pairs, groups: Sequence[int]) -> tuple[str, ...]:
    few = [
        f"{name} ({number})"
        for group, (name, number) in enumerate(zip(pairs.groups, demonstrations(pairs)))
        if group in groups and number // FOLDS < FEW
    ]
    if not few:
        return ()
    return (f"few demonstrations, so a fold measures one or two of each: {listed(few, LISTED)}",)

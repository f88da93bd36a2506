"""What balancing is given: callables, so that any policy on any data can be balanced."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from balanced_bc.balancing.errors import BalancingError
from balanced_bc.balancing.feedback import Judged

Parameters = Mapping[str, Tensor]
"""Names and values of a policy's parameters, all of one floating type and on one device."""
NegativeLogLikelihood = Callable[[Parameters, Any], Tensor]
"""Negative log-likelihood of each pair of a batch, (parameters, batch) -> (B,), [nat]. What is random in it is drawn
with the batch: the same arguments give the same value."""
Sampler = Callable[[Tensor, Generator], Any]
"""Batch with one pair drawn from each group named, (groups (B,), generator) -> batch of B pairs in that order."""
Pull = Callable[[Parameters, Any], Tensor]
"""Gradient of each pair's loss with respect to its action, (parameters, batch) -> (B, q)."""
Initializer = Callable[[Generator], Parameters]
"""Parameters of a network that has learned nothing yet."""


class Held(NamedTuple):
    """Pairs that are measured one by one, and the demonstrations that they are from.

    Attributes:
        at: Batch of the pairs with these numbers, (B,).
        group: Group of each pair, (n,).
        demonstration: Demonstration of each pair, unique among all folds; one may have pairs of several groups, (n,).
        number: Number of each pair, (n,).
        place: Features of the states of the pairs with these numbers, in which near pairs are in a like situation,
            (B,) -> (B, F); None where nobody knows them.
    """

    at: Callable[[Tensor], Any]
    group: Tensor
    demonstration: Tensor
    number: Tensor
    place: Callable[[Tensor], Tensor] | None = None

    def only(self, kept: Sequence[int]) -> Held:
        """Leave other groups out, and number those that stay anew."""
        place = torch.full((int(self.group.max()) + 1,), -1)
        place[list(kept)] = torch.arange(len(kept))
        inside = place[self.group] >= 0
        group = place[self.group[inside]]
        return Held(self.at, group, self.demonstration[inside], self.number[inside], self.place)


class Fold(NamedTuple):
    """Where one repetition trains and where it measures.

    Attributes:
        training: Draws the pairs that networks descend on.
        measuring: Draws the pairs on which losses and meta-gradients are measured; the same as `training` when the
            split is the training split.
        held: Pairs to measure whose demonstrations are known; None where nobody knows them.
    """

    training: Sampler
    measuring: Sampler
    held: Held | None = None


@dataclass(frozen=True)
class Problem:
    """k groups of pairs, and a policy that can be trained on them."""

    groups: tuple[str, ...]
    """Name of each group, (k,)."""
    pairs: tuple[int, ...]
    """Pairs of each group, (k,)."""
    demonstrations: tuple[int, ...]
    """Demonstrations of each group, (k,)."""
    negative_log_likelihood: NegativeLogLikelihood
    """Loss of each pair."""
    initialize: Initializer
    """A fresh network."""
    folds: tuple[Fold, ...]
    """Training and measuring pairs of each fold; repetition r uses fold r modulo their number. Methods that only count
    need none."""
    pull: Pull | None = None
    """What each pair wants of the policy's action; None where nobody knows, and then there is no conflict report."""
    skill: NegativeLogLikelihood | None = None
    """What policies are compared by: a loss of each pair that noise in other groups does not change. None: the loss
    itself."""
    judged: tuple[Judged, ...] = ()
    """Policies whose success is known."""
    behaviors: tuple[str, ...] = ()
    """Behavior of each group, (k,); empty where groups are not told apart by behavior."""

    def __post_init__(self) -> None:
        """Refuse problems that have nothing to balance."""
        if len(self.groups) < 2:
            raise BalancingError(f"there is one group only, {list(self.groups)}; balancing needs 2 or more")
        if not len(self.groups) == len(self.pairs) == len(self.demonstrations):
            raise BalancingError(
                f"{len(self.groups)} groups have {len(self.pairs)} numbers of pairs and {len(self.demonstrations)} "
                "numbers of demonstrations; each group needs one of both"
            )
        if empty := [name for name, pairs in zip(self.groups, self.pairs) if pairs < 1]:
            raise BalancingError(f"groups without a pair: {empty}; {self.groups} have {self.pairs} pairs")

    def only(self, kept: Sequence[int]) -> Problem:
        """Leave the other groups out; `kept` are numbers of groups in rising order."""
        place = torch.tensor(kept)

        def among(sampler: Sampler) -> Sampler:
            return lambda groups, generator: sampler(place[groups], generator)

        return replace(
            self,
            groups=tuple(self.groups[i] for i in kept),
            pairs=tuple(self.pairs[i] for i in kept),
            demonstrations=tuple(self.demonstrations[i] for i in kept),
            folds=tuple(
                Fold(among(fold.training), among(fold.measuring), fold.held and fold.held.only(kept))
                for fold in self.folds
            ),
            behaviors=tuple(self.behaviors[i] for i in kept) if self.behaviors else (),
            judged=tuple(left for left in (one.only(kept) for one in self.judged) if left is not None),
        )

    def stratified(self, total: int, least: int) -> Tensor:
        """Name each group equally often, `total` names in all but at least `least` of each group, (k n,)."""
        each = max(-(-total // len(self.groups)), least)
        return torch.arange(len(self.groups)).repeat_interleave(each)

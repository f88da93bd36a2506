"""Losses on held-out demonstrations, and when they say that training has gone on for long enough."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.sampling import Members
from balanced_bc.policies.batch import Batch

AT_ONCE = 512
"""Pairs that are measured at once."""
LEAST = 0.1
"""Weight of a behavior from which on it has a say in the early stop, as a share of an equal weight."""


class Validation:
    """Held-out pairs that every report measures: of each behavior, evenly over its demonstrations' ticks."""

    def __init__(self, pairs: Pairs, held_out: Tensor, each: int) -> None:
        names, judged = pairs.by(pairs.judged)
        members = Members.of(judged, len(names), held_out)
        own = [members.of_group(i) for i in range(len(names))]
        chosen = torch.cat([index[:: max(1, len(index) // each)] for index in own])
        parts = {name: chosen[pairs.group[chosen] == i] for i, name in enumerate(pairs.groups)}
        self.index = {name: index for name, index in parts.items() if len(index)}

    @torch.no_grad()
    def losses(self, gather: Callable[[Tensor], Batch], loss: Callable[[Batch], Tensor]) -> dict[str, float]:
        """Measure each group that has held-out pairs, [nat].

        Args:
            gather: Pairs as a batch, without augmentation.
            loss: Loss of each pair, (B,).
        """
        return {name: self._mean(index, gather, loss) for name, index in self.index.items()}

    @staticmethod
    def _mean(index: Tensor, gather: Callable[[Tensor], Batch], loss: Callable[[Batch], Tensor]) -> float:
        parts = torch.split_with_sizes(index, parts_of(len(index)))
        return float(torch.cat([loss(gather(part)) for part in parts]).mean())


class Patience:
    r"""Keeps the policy that is best for the worst behavior, and says when waiting for a better one is over.

    Losses of two behaviors do not compare: one may be noisier by nature. So each is measured against the lowest
    held-out loss that it had in this training, :math:`\ell_i^*`, and a policy by the behavior that is furthest from
    its own, its regret :math:`\max_i (\ell_i - \ell_i^*)`. The policy of a report replaces the one that is kept if its
    regret is not larger, both against the same :math:`\ell^*`. What is hardly trained on has no say: see `deciding`.

    Attributes:
        deciding: Behaviors that have a say.
        best: Lowest loss of each of them so far, [nat].
        losses: Losses of the policy that is kept, [nat].
        step: Step of the policy that is kept.
        waited: Reports since then.
    """

    def __init__(self, reports: int, deciding: Collection[str]) -> None:
        self.reports, self.deciding = reports, deciding
        self.best: dict[str, float] = {}
        self.losses: dict[str, float] = {}
        self.step, self.waited = 0, 0

    @property
    def is_over(self) -> bool:
        """Whether training should end."""
        return self.waited >= self.reports

    def keeps(self, step: int, losses: Mapping[str, float]) -> bool:
        """Look at a report; true if its policy is to be kept in place of the one before."""
        self.best = {name: min(losses[name], self.best.get(name, losses[name])) for name in self.deciding}
        if self.losses and regret(losses, self.best) > regret(self.losses, self.best):
            self.waited += 1
            return False
        self.losses, self.step, self.waited = dict(losses), step, 0
        return True

    def to_dict(self) -> dict[str, Any]:
        """Plain types."""
        return {"best": self.best, "losses": self.losses, "step": self.step, "waited": self.waited}

    def restore(self, plain: Mapping[str, Any]) -> None:
        """Go on from what `to_dict` gave."""
        self.best, self.losses = dict(plain["best"]), dict(plain["losses"])
        self.step, self.waited = plain["step"], plain["waited"]


def deciding(weights: Mapping[str, float]) -> list[str]:
    """Behaviors that are trained on: those with a tenth of an equal weight or more.

    A policy gets worse in the others the better it learns, as in misleading demonstrations that were left out.
    """
    return [name for name, weight in weights.items() if weight * len(weights) >= LEAST]


def parts_of(number: int) -> list[int]:
    """Cut a number into parts of at most `AT_ONCE`."""
    return [min(AT_ONCE, number - begin) for begin in range(0, number, AT_ONCE)]


def regret(losses: Mapping[str, float], best: Mapping[str, float]) -> float:
    r"""How far the worst group is above its best loss, :math:`\max_i (\ell_i - \ell_i^*)`, [nat]."""
    return max(losses[name] - best[name] for name in best)

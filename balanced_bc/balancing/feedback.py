r"""References relaxed to losses at which a task succeeds (section 6.3 of the paper).

A behavior need not be imitated as well as it can be, only as well as it must be:

.. math:: \mathcal{L}_i^\mathrm{ref} = \max(\mathcal{L}_i^\mathrm{min}, \mathcal{L}_i^\mathrm{success})

The success loss is stated, or it is measured: it is the held-out loss of a network that is trained with the weights of
a policy which succeeded, beside the networks that give :math:`\mathcal{L}_i^\mathrm{min}` and on the same pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from balanced_bc.balancing.bounds import named, values_of
from balanced_bc.balancing.errors import BalancingError

STATED = "stated success loss"
"""What a reference that was stated says of where it comes from."""


class Judged(NamedTuple):
    """A policy whose success is known.

    Attributes:
        name: What people call it.
        weights: Weights of the groups that it was trained with, a point on the simplex, (k,).
        good: Groups in which it succeeded often enough, bool, (k,).
        bad: Groups in which it did not, bool, (k,); a group may be neither.
    """

    name: str
    weights: Tensor
    good: Tensor
    bad: Tensor

    def only(self, kept: Sequence[int]) -> Judged | None:
        """Leave other groups out; None where nothing of its weights is left."""
        weights = self.weights[list(kept)]
        if float(weights.sum()) <= 0:
            return None
        return Judged(self.name, weights / weights.sum(), self.good[list(kept)], self.bad[list(kept)])


class Wanted(NamedTuple):
    r"""Losses at which groups succeed.

    Attributes:
        stated: What was stated, NaN where nothing was, (k,), [nat].
        judged: Policies whose success is known.
    """

    stated: Tensor
    judged: tuple[Judged, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any feedback."""
        return bool(self.judged) or not bool(self.stated.isnan().all())

    def rows(self) -> Tensor:
        """Weights of the judged policies, (j, k)."""
        none = self.stated.new_zeros(0, len(self.stated))
        return torch.stack([one.weights for one in self.judged]) if self.judged else none

    def success(self, losses: Tensor) -> Tensor:
        r"""Find :math:`\mathcal{L}_i^\mathrm{success}`: what was stated, else the loosest loss that still succeeded.

        Args:
            losses: Losses of the groups in the lanes of the judged policies, (..., j, k), [nat].

        Returns:
            (..., k), minus infinity where nothing is known.
        """
        loosest = losses.new_full((*losses.shape[:-2], losses.shape[-1]), -torch.inf)
        for lane, one in enumerate(self.judged):
            loosest = torch.where(one.good, torch.maximum(loosest, losses[..., lane, :]), loosest)
        return torch.where(self.stated.isnan(), loosest, self.stated)

    def sources(self, losses: Tensor) -> tuple[str, ...]:
        """Where each success loss comes from, (k,); empty text where nothing is known.

        Args:
            losses: As for `success`, of one moment, (j, k), [nat].
        """
        wanted, found = self.success(losses), [""] * len(self.stated)
        for group, (value, told) in enumerate(zip(wanted.tolist(), self.stated.isnan().logical_not().tolist())):
            names = [one.name for one, own in zip(self.judged, losses[:, group].tolist()) if own == value]
            found[group] = STATED if told else f"success of {names[0]}" if names else ""
        return tuple(found)


class Relaxed(NamedTuple):
    r"""What feedback changed.

    Attributes:
        lowest: :math:`\mathcal{L}^\mathrm{min}`, (k,), [nat].
        success: :math:`\mathcal{L}^\mathrm{success}`, minus infinity where it is not known, (k,), [nat].
        contrary: Groups that a policy is said to have failed in with a lower loss than one that succeeded, bool, (k,).
    """

    lowest: Tensor
    success: Tensor
    contrary: Tensor

    @property
    def references(self) -> Tensor:
        """The references, (k,), [nat]."""
        return relax(self.lowest, self.success)

    @property
    def above(self) -> Tensor:
        """Which references are above the lowest loss, bool, (k,)."""
        return self.success > self.lowest

    @classmethod
    def averaged(cls, parts: Sequence[Relaxed]) -> Relaxed:
        """Average over repetitions."""
        lowest, success, contrary = (torch.stack(values).double().mean(dim=0) for values in zip(*parts))
        return cls(lowest, success, contrary > 0.5)


def relax(lowest: Tensor, success: Tensor) -> Tensor:
    r"""Want no less loss than success needs: :math:`\max(\mathcal{L}^\mathrm{min}, \mathcal{L}^\mathrm{success})`.

    Args:
        lowest: :math:`\mathcal{L}^\mathrm{min}`, (..., k), [nat].
        success: :math:`\mathcal{L}^\mathrm{success}`, minus infinity where it is not known, (..., k), [nat].
    """
    return torch.maximum(lowest, success)


def contrary(judged: Sequence[Judged], losses: Tensor) -> Tensor:
    """Groups in which a policy failed whose lane has a lower loss than that of one which succeeded, bool, (k,).

    Args:
        judged: The policies.
        losses: Losses of the groups in their lanes, (j, k), [nat].
    """
    found = torch.zeros(losses.shape[-1], dtype=torch.bool)
    for one, own in zip(judged, losses):
        for other, theirs in zip(judged, losses):
            found |= one.bad & other.good & (own < theirs)
    return found


def success_losses(groups: Sequence[str], texts: Sequence[str]) -> Tensor:
    """Read what was stated, (k,), [nat]; NaN where nothing was.

    Args:
        groups: Names of the groups, (k,).
        texts: Each `NAME=NATS`; NAME is a group, or a tag, whose groups all have this success loss.

    Raises:
        BalancingError: One cannot be read or is not finite, or no group has the name.
    """
    stated = torch.full((len(groups),), torch.nan, dtype=torch.float64)
    for name, value in values_of(texts, "success loss").items():
        if not abs(value) < torch.inf:
            raise BalancingError(f"the success loss of {name} is {value}; it must be a finite number of nats")
        stated = torch.where(named(name, groups), value, stated)
    return stated


def told(groups: Sequence[str], wanted: Wanted, found: Relaxed) -> tuple[str, ...]:
    """Warn where feedback says what cannot be, or says nothing."""
    notes = []
    for index, name in enumerate(groups):
        stated, low, success = (float(values[index]) for values in (wanted.stated, found.lowest, found.success))
        if stated < low:
            notes.append(
                f"the success loss of {name} is stated as {stated:.3f}; the lowest that was reached is {low:.3f}, and "
                "that is its reference. Where success needs less, no weights give it: record more"
            )
        elif wanted.judged and success == -torch.inf:
            notes.append(f"no judged policy succeeded often enough in {name}: its reference stays the lowest loss")
        elif bool(found.contrary[index]):
            notes.append(
                f"a judged policy failed in {name} and has a lower loss there than one that succeeded: the loss does "
                f"not tell success in {name}"
            )
    return tuple(notes)

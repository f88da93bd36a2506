"""What balancing says while it runs, and what it answers."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

WAITING = "waiting"
"""Phase of a process that waits for another."""
SO_FAR = "so far"
"""Phase of weights that are the answer of the repetitions so far."""
LIKELIHOOD = "negative log-likelihood"
"""What networks are trained with: the quantity of most references."""
SKILL = "error of the chosen action"
"""What networks are judged by where the problem tells it, see `Problem.skill`; not on the scale of a likelihood."""


@dataclass(frozen=True)
class Reference:
    """A reference loss and where it comes from; references of different provenance must never be compared."""

    loss: float
    r""":math:`\mathcal{L}_i^\mathrm{ref}`, [nat] per pair."""
    standard_error: float | None
    """Over the repetitions, or over demonstrations; None when there is one only."""
    split: str
    """`held-out`, `training`, or `none` for references of 0."""
    steps: int
    """Descent steps of the network that reached it."""
    reduction: str
    """How it was reduced to one number."""
    lane: str
    """Weights that reached it (`meta`, `specialist`, `proportions`, `equal`), or where it comes from."""
    quantity: str
    """What the loss is, `LIKELIHOOD` or `SKILL`."""


class Compared(NamedTuple):
    r"""How well a policy is learned with some weights, on held-out demonstrations.

    Attributes:
        method: Whose weights; `plain cloning` for the shares of the dataset.
        weights: They, (k,).
        losses: Loss of each group, (k,), [nat]; NaN for one that could not be judged. It is the problem's `skill`, not
            the scale of references.
        difference: From plain cloning, negative where the weights are better, (k,), [nat].
        standard_error: Of the difference, paired over demonstrations, (k,), [nat]; NaN for a single demonstration.
    """

    method: str
    weights: Tensor
    losses: Tensor
    difference: Tensor
    standard_error: Tensor

    def among(self, groups: int, kept: Sequence[int]) -> Compared:
        """The same for all groups, when only those numbered `kept` were judged; the others weigh nothing there."""
        return Compared(
            method=self.method,
            weights=spread(self.weights, kept, groups),
            losses=spread(self.losses, kept, groups, torch.nan),
            difference=spread(self.difference, kept, groups, torch.nan),
            standard_error=spread(self.standard_error, kept, groups, torch.nan),
        )


class Balance(NamedTuple):
    r"""The answer of a method.

    Attributes:
        method: Its name.
        groups: Names of the groups, (k,).
        weights: :math:`\alpha`, a point on the simplex, (k,).
        standard_error: Of the weights over the repetitions, or from what they would be without each fold, (k,); None
            when there is one only.
        references: Reference of each group, None where it was left out; empty for methods that have none.
        diagnostics: Further numbers by name, such as the signal-to-noise ratio of the meta-gradient, (k,) or (k, k).
        warnings: What a person should know before using the weights.
        comparison: The weights beside others on held-out demonstrations, of all groups; empty where none was made.
    """

    method: str
    groups: tuple[str, ...]
    weights: Tensor
    standard_error: Tensor | None
    references: tuple[Reference | None, ...]
    diagnostics: dict[str, Tensor]
    warnings: tuple[str, ...]
    comparison: tuple[Compared, ...] = ()

    def among(self, groups: tuple[str, ...], kept: Sequence[int]) -> Balance:
        """The answer for all groups, when only those numbered `kept` were balanced: the others weigh nothing."""
        here = dict(zip(kept, self.references))
        return self._replace(
            groups=groups,
            weights=spread(self.weights, kept, len(groups)),
            standard_error=None if self.standard_error is None else spread(self.standard_error, kept, len(groups)),
            references=tuple(here.get(i) for i in range(len(groups))) if here else (),
            diagnostics={name: square(values, kept, len(groups)) for name, values in self.diagnostics.items()},
        )


def spread(values: Tensor, kept: Sequence[int], groups: int, fill: float = 0.0) -> Tensor:
    """Put the last dimension of some groups among that of all, (..., n) to (..., k)."""
    out = values.new_full((*values.shape[:-1], groups), fill)
    out[..., list(kept)] = values
    return out


def square(values: Tensor, kept: Sequence[int], groups: int) -> Tensor:
    """Put numbers of some groups, (n,) or (n, n), among those of all, (k,) or (k, k), as NaN where nothing is known."""
    columns = spread(values, kept, groups, torch.nan)
    return columns if values.ndim < 2 else spread(columns.T, kept, groups, torch.nan).T


class Progress(NamedTuple):
    r"""One moment of a run.

    Attributes:
        phase: `references`, `lanes`, `reference policy`, `weights`, `conflicts` or `comparison`; `so far` for weights
            of the repetitions so far, where a method knows them only then; `waiting` for another process.
        repetition: Number of the repetition, from 0.
        step: Descent steps taken in this phase.
        steps: Descent steps of this phase.
        done: Share of the whole run that is done, 0 to 1.
        weights: Weights of the min-max step, (k,), or of each lane, (m, k).
        losses: Loss of each group, (k,), or of each group in each lane, (m, k), [nat].
        result: The answer; on the last progress only, and while the answer is compared.
    """

    phase: str
    repetition: int
    step: int
    steps: int
    done: float
    weights: Tensor
    losses: Tensor
    result: Balance | None = None

    @classmethod
    def of(cls, phase: str, step: int, steps: int, weights: Tensor, losses: Tensor) -> Progress:
        """Report step number `step`, counted from 0, of a phase that knows nothing of the whole run."""
        return cls(phase, 0, step + 1, steps, (step + 1) / steps, weights, losses)

    @classmethod
    def waiting(cls) -> Progress:
        """Report that this process has done its part and waits for another."""
        return cls(WAITING, 0, 0, 1, 1.0, torch.zeros(0), torch.zeros(0))

    @property
    def of_groups(self) -> Progress:
        """The moment without its lanes: the lowest loss of each group, and weights that are NaN, (k,) each.

        Nothing is left of lanes that are measured on some of the groups only.
        """
        if self.weights.ndim == 1:
            return self
        if self.losses.shape != self.weights.shape:
            return self._replace(weights=self.weights.new_zeros(0), losses=self.losses.new_zeros(0))
        nothing = torch.full_like(self.weights[0], torch.nan)
        return self._replace(weights=nothing, losses=self.losses.amin(dim=0))

    def among(self, groups: tuple[str, ...], kept: Sequence[int]) -> Progress:
        """The moment for all groups, when only those numbered `kept` are balanced; see `Balance.among`."""
        known, weighed = self.losses.numel() > 0, self.weights.numel() > 0
        left_out = torch.nan if bool(self.weights.isnan().any()) else 0.0
        return self._replace(
            weights=spread(self.weights, kept, len(groups), left_out) if weighed else self.weights,
            losses=spread(self.losses, kept, len(groups), torch.nan) if known else self.losses,
            result=None if self.result is None else self.result.among(groups, kept),
        )


T = TypeVar("T")
Run = Generator[Progress, None, T]
"""A long run: yields progress and returns its answer to `yield from`."""

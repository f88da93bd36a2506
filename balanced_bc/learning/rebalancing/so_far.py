"""The best weights so far of a run that is stopped."""

from __future__ import annotations

import torch
from torch import Tensor

from balanced_bc.balancing.result import SO_FAR, Progress
from balanced_bc.balancing.search import last_half

WEIGHTS = "weights"
"""Phase in which weights of groups move."""


class SoFar:
    r"""Hears a run and knows what it would answer now.

    The answer of a repetition is an average over its last half, because the weights of a single moment swing; so is
    the answer of a part of one. Each repetition counts with the steps that it has taken, so one that has hardly begun,
    whose weights still lie near the prior, hardly counts.

    Args:
        prior: Weights before anything is known, (k,).
        whole: Whether the method answers with the average over all steps, as Re-Mix does.
    """

    def __init__(self, prior: Tensor, whole: bool = False) -> None:
        self._prior, self._whole = prior, whole
        self._paths: dict[int, list[Tensor]] = {}
        self._told: Tensor | None = None

    def hear(self, progress: Progress) -> None:
        """Take a moment into account."""
        if progress.phase == SO_FAR:
            self._told = progress.weights
        elif progress.phase == WEIGHTS:
            self._paths.setdefault(progress.repetition, []).append(progress.weights)

    @property
    def weights(self) -> Tensor:
        """The best weights so far, a point on the simplex, (k,)."""
        if not self._paths:
            return self._prior if self._told is None else self._told
        sums = [len(path) * self._answer(path) for path in self._paths.values()]
        return torch.stack(sums).sum(dim=0) / sum(map(len, self._paths.values()))

    @property
    def origin(self) -> str:
        """What they are, in words."""
        if self._paths:
            what = "all steps" if self._whole else "the last half"
            number = len(self._paths)
            return f"averaged over {what} of {number} repetition{'s' * (number > 1)} so far"
        return "the prior, for no weights were found yet" if self._told is None else "those of the repetitions so far"

    def _answer(self, path: list[Tensor]) -> Tensor:
        return torch.stack(path).mean(dim=0) if self._whole else last_half(path)

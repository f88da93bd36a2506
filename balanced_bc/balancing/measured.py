"""Held-out losses of lanes with fixed weights, demonstration by demonstration, and how sure their differences are."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from balanced_bc.balancing.lanes import refuse_broken
from balanced_bc.balancing.repetition import Repetition
from balanced_bc.balancing.result import Progress, Run
from balanced_bc.balancing.training import descended

MEASURED = 25
"""Measurements over a run."""
MEMORY = 0.5
"""Share of the past in the average of a demonstration's loss over time."""


class Measured(NamedTuple):
    r"""Held-out losses of demonstrations in every lane.

    Attributes:
        losses: Mean loss of each demonstration in each lane, at the moment when that lane knew its group best; NaN
            where it was not measured, (m, d), [nat].
        group: Group of each demonstration, (d,).
        demonstration: Name of each demonstration, (d,).
    """

    losses: Tensor
    group: Tensor
    demonstration: Tensor

    @classmethod
    def pooled(cls, parts: list[Measured]) -> Measured:
        """Join the folds; a demonstration that was measured more than once counts with its mean."""
        names, at = torch.unique(torch.cat([part.demonstration for part in parts]), return_inverse=True)
        losses, group = torch.cat([part.losses for part in parts], dim=1), torch.cat([part.group for part in parts])
        sums = losses.new_zeros(len(losses), len(names)).index_add(1, at, losses)
        return cls(sums / torch.bincount(at), group.new_zeros(len(names)).scatter(0, at, group), names)

    def among(self, demonstrations: Tensor) -> Tensor:
        """Losses of these among more demonstrations, in rising order, (m, d) to (m, D), NaN for all others."""
        every = self.losses.new_full((len(self.losses), len(demonstrations)), torch.nan)
        return every.index_copy(1, torch.searchsorted(demonstrations, self.demonstration), self.losses)

    def lanes(self, start: int, end: int | None = None) -> Measured:
        """Some of the lanes only."""
        return self._replace(losses=self.losses[start:end])

    def means(self, groups: int) -> Tensor:
        """Mean loss of each of k groups in each lane, (m, k), [nat]."""
        return group_means(self.losses, self.group, groups)


class Best(NamedTuple):
    """Losses at the moment when each lane knew each group best.

    Attributes:
        smooth: Losses averaged over time, (m, d), [nat].
        losses: Those of the best moment, (m, d), [nat].
        means: Their mean over each group, (m, k), [nat].
    """

    smooth: Tensor
    losses: Tensor
    means: Tensor

    @classmethod
    def after(cls, before: Best | None, losses: Tensor, group: Tensor, groups: int) -> Best:
        """Take a measurement, (m, d), into account."""
        smooth = losses if before is None else torch.lerp(losses, before.smooth, MEMORY)
        means = group_means(smooth, group, groups)
        if before is None:
            return cls(smooth, smooth, means)
        better = means < before.means
        return cls(
            smooth, torch.where(better[:, group], smooth, before.losses), torch.where(better, means, before.means)
        )


def measure_lanes(repetition: Repetition, weights: Tensor, phase: str) -> Run[Measured]:
    """Train a network on each lane's weights; measure its skill on held-out demonstrations as training goes on.

    Args:
        repetition: Network, fold and batches.
        weights: One row for each lane, (m, k).
        phase: Name of the phase in the progress.
    """
    watched, steps, best = repetition.watch(), repetition.config.steps, None
    there = repetition.watched_groups()
    names = tuple(repetition.groups[group] for group in there.tolist())
    by = repetition.skill or repetition.lanes.negative_log_likelihood
    lanes = repetition.lanes._replace(negative_log_likelihood=by)
    every = max(1, steps // MEASURED)
    for step, theta in descended(repetition, weights, phase):
        if (step + 1) % every == 0 or step + 1 == steps:
            best = Best.after(best, watched.losses(lanes, theta), watched.group, len(repetition.groups))
            refuse_broken(best.means[:, there], names, phase, step)
            yield Progress.of(phase, step, steps, weights, best.means[:, there])
    assert best is not None, "a run measures at its end"
    return Measured(best.losses, watched.group, watched.demonstration)


def group_means(values: Tensor, group: Tensor, groups: int) -> Tensor:
    """Mean over the demonstrations of each of k groups, (..., d) to (..., k)."""
    sums = values.new_zeros(*values.shape[:-1], groups).index_add(-1, group, values)
    return sums / torch.bincount(group, minlength=groups)


def moments(values: Tensor, group: Tensor, number: Tensor) -> tuple[Tensor, Tensor]:
    """Mean over the demonstrations of each group, and its squared standard error.

    Args:
        values: One value for each demonstration, (..., d).
        group: Group of each demonstration, (d,).
        number: Demonstrations of each group, (k,).

    Returns:
        Two of (..., k).
    """
    mean = group_means(values, group, len(number))
    square = torch.zeros_like(mean).index_add(-1, group, (values - mean[..., group]).square())
    return mean, square / (number * (number - 1).clamp_min(1))


def known_errors(square: Tensor, number: Tensor) -> Tensor:
    """Standard errors from their squares, (..., k); NaN for groups with one demonstration only."""
    return torch.where(number > 1, square.sqrt(), torch.nan)


def accidents(parts: list[Measured], groups: int) -> Tensor:
    r"""How little a difference can be known, because the demonstrations of a fold share the accidents of a training.

    It is the squared standard error, over repetitions, of a group's mean difference from the first lane, pooled over
    the other lanes, (k,), [nat^2]. It holds the spread of the demonstrations too, so it is not to be added to that of
    `moments`: the larger of both is the error.
    """
    means = torch.stack([group_means(part.losses[1:] - part.losses[0], part.group, groups) for part in parts])
    return means.var(dim=0).nanmean(dim=0) / len(parts)

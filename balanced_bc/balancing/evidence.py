"""What the lanes of `minimax` say of each target group."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from balanced_bc.balancing.measured import Measured, accidents, group_means, known_errors, moments
from balanced_bc.balancing.simplex import shifted
from balanced_bc.balancing.surrogate import SparseSurrogate, Surrogate, through


class Evidence(NamedTuple):
    r"""What lanes say of each target group.

    Attributes:
        surrogate: Interpolates between lanes.
        difference: Loss of each demonstration in each lane minus that in the prior's lane, 0 where it was not measured,
            for what was not tried is taken to change nothing, (m, d), [nat].
        measured: Whether a lane was measured on a group, bool, (m, k).
        group: Group of each demonstration, (d,).
        number: Demonstrations of each group, (k,).
        reference: Coefficients of the lane that each group is learned best in, as the surrogate has it: the lowest of
            what was measured would be the luck of a lane, (k, m).
        floor: Smallest squared standard errors: what the accidents of training leave, which the demonstrations of a
            fold share, (k,), [nat^2].
        slack: How far the reference is above that lane's loss, (k,), [nat].
    """

    surrogate: Surrogate | SparseSurrogate
    difference: Tensor
    measured: Tensor
    group: Tensor
    number: Tensor
    reference: Tensor
    floor: Tensor
    slack: Tensor

    @classmethod
    def of(cls, lanes: Tensor, parts: list[Measured], crowded: bool = False) -> Evidence:
        """Sum up repetitions of lanes, (1 + m, k), the first of them the prior's; see `surrogate.through`."""
        surrogate, measured = through(lanes[0], lanes[1:], crowded), Measured.pooled(parts)
        number = torch.bincount(measured.group, minlength=lanes.shape[1])
        zero = torch.zeros(lanes.shape[1], len(lanes) - 1, dtype=lanes.dtype)
        difference = measured.losses[1:] - measured.losses[0]
        there = group_means(difference.isfinite().double(), measured.group, lanes.shape[1]) > 0
        difference = difference.nan_to_num(0.0)
        blank = cls(surrogate, difference, there, measured.group, number, zero, zero[:, 0], zero[:, 0])
        tried = surrogate.mixture(lanes)
        means, squares = blank._moments(tried @ difference)
        floor = accidents(parts, lanes.shape[1]) if len(parts) > 1 else squares[1:].mean(dim=0)
        return blank._replace(reference=tried[means.argmin(dim=0)], floor=floor)

    def difference_of(self, coefficients: Tensor) -> tuple[Tensor, Tensor]:
        """Mean over the demonstrations of each group, and its squared standard error, (k,) each.

        Args:
            coefficients: Of the lanes, one row for each group, (k, m).
        """
        return self._moments((coefficients[self.group] * self.difference.T).sum(dim=1))

    def losses(self, measured: Measured, coefficients: Tensor) -> tuple[Tensor, Tensor]:
        """Loss of each group for coefficients as of `difference_of`, and its standard error, (k,) each, [nat]."""
        mean, square = self._moments(measured.losses[0] + (coefficients[self.group] * self.difference.T).sum(dim=1))
        return mean, known_errors(square, self.number)

    def excess(self, weights: Tensor, at_reference: Tensor | None = None) -> Tensor:
        r"""Standard errors by which each group is above its reference, :math:`z(a)`, (..., k) to (..., k).

        Args:
            weights: a, (..., k).
            at_reference: What `at_reference` gives, for whoever asks often.
        """
        values = self.surrogate.mixture(weights) @ self.difference
        mean, square = self._moments(values - (self.at_reference() if at_reference is None else at_reference))
        error = torch.maximum(square, self.floor).clamp_min(1e-12).sqrt()
        return (mean - self.slack) / torch.where(self.number > 1, error, torch.inf)

    def at_reference(self) -> Tensor:
        """Difference of each demonstration with the coefficients of its group's reference, (d,)."""
        return (self.reference @ self.difference).gather(0, self.group[None])[0]

    def _moments(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Mean over the demonstrations of each group, and its squared standard error, (..., d) to two of (..., k)."""
        return moments(values, self.group, self.number)

    def transfer(self, factor: float) -> tuple[Tensor, Tensor]:
        """How the loss of group i changes when the odds of group j grow by a factor, and its standard error, (k, k).

        NaN where none of j's lanes was measured on i.
        """
        prior = self.surrogate.prior
        rows = [self.surrogate.mixture(shifted(prior, j, factor)) for j in range(len(prior))]
        means, squares = self._moments(torch.stack(rows) @ self.difference)
        errors = known_errors(squares, self.number)
        if bool(self.measured.all()):
            return means.T, errors.T
        known = self.measured.view(len(prior), -1, len(prior)).all(dim=1)
        return means.where(known, torch.nan).T, errors.where(known, torch.nan).T

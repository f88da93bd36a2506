r"""What held-out losses would be for weights that no network was trained with: a smooth function through a few lanes.

A lane's place is :math:`x_j = \mathrm{logit}(a_j) - \mathrm{logit}(\alpha^0_j)`, how far each weight is from its prior
:math:`\alpha^0`. The loss as a function of it is a Gaussian process that is a sum over the coordinates and is pinned at
the prior: what was not tried is taken to change nothing, and the cost grows linearly with the number of groups.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

LENGTH = 2.0
"""Distance over which the loss changes smoothly: odds times e^2."""
NUGGET = 0.1
"""Variance of a lane's own accidents relative to that of the loss along one coordinate."""


class Surrogate(NamedTuple):
    r"""Interpolates what was measured in m lanes.

    Attributes:
        prior: :math:`\alpha^0`, (k,).
        places: Places of the lanes, (m, k).
        inverse: Inverse of the lanes' covariance, (m, m).
    """

    prior: Tensor
    places: Tensor
    inverse: Tensor

    @classmethod
    def through(cls, prior: Tensor, lanes: Tensor) -> Surrogate:
        """Prepare to interpolate between lanes.

        Args:
            prior: Weights of the lane that differences are taken from, (k,).
            lanes: Weights of the other lanes, (m, k).
        """
        places = place(lanes, prior)
        covariance = pinned_kernel(places, places) + NUGGET * torch.eye(len(places), dtype=places.dtype)
        return cls(prior, places, torch.linalg.inv(covariance))

    def mixture(self, weights: Tensor) -> Tensor:
        r"""Coefficients c of the lanes, so that :math:`\sum_m c_m (\ell_m - \ell_0)` is the expected difference.

        Args:
            weights: Points on the simplex, (..., k).

        Returns:
            (..., m).
        """
        return pinned_kernel(place(weights, self.prior), self.places) @ self.inverse


class SparseSurrogate(NamedTuple):
    r"""The same where each of m lanes moved one of many groups: lanes of two groups then tell nothing of each other.

    The shares that the others lose to the group are neglected: with 65 groups of equal share and odds times e^3 their
    odds fall by a fifth, a tenth of `LENGTH`. So covariances are those of one coordinate, and time and memory grow
    linearly with k.

    Attributes:
        prior: :math:`\alpha^0`, (k,).
        places: Places of each group's lanes on its coordinate, (k, n), with m = k n.
        inverse: Inverses of their covariances, (k, n, n).
    """

    prior: Tensor
    places: Tensor
    inverse: Tensor

    @classmethod
    def through(cls, prior: Tensor, lanes: Tensor) -> SparseSurrogate:
        """Prepare to interpolate between lanes, (m, k), group after group; see `Surrogate.through`."""
        own = place(lanes, prior).view(len(prior), -1, len(prior)).diagonal(dim1=0, dim2=2).T.contiguous()
        covariance = torch.stack([pinned_kernel(row[:, None], row[:, None]) for row in own])
        return cls(prior, own, torch.linalg.inv(covariance + NUGGET * torch.eye(own.shape[1], dtype=own.dtype)))

    def mixture(self, weights: Tensor) -> Tensor:
        """See `Surrogate.mixture`."""
        here = place(weights, self.prior)[..., None]
        kernel = _kernel(here - self.places) - _kernel(here) - _kernel(self.places) + 1
        return torch.einsum("...kn,knl->...kl", kernel, self.inverse).flatten(-2)


def through(prior: Tensor, lanes: Tensor, crowded: bool) -> Surrogate | SparseSurrogate:
    """Interpolate between lanes: exactly, or among many groups as if each lane had moved one."""
    return (SparseSurrogate if crowded else Surrogate).through(prior, lanes)


def place(weights: Tensor, prior: Tensor) -> Tensor:
    r"""How far weights are from the prior, :math:`\mathrm{logit}(a_j) - \mathrm{logit}(\alpha^0_j)`, (..., k)."""
    return torch.logit(weights, eps=1e-9) - torch.logit(prior, eps=1e-9)


def pinned_kernel(left: Tensor, right: Tensor) -> Tensor:
    r"""Covariance of the differences of a sum of smooth functions from its value at 0.

    .. math:: \kappa(x, y) = \sum_j k(x_j - y_j) - k(x_j) - k(y_j) + 1, \quad k(d) = \exp(-d^2 / 2 \ell^2)

    Args:
        left: x, (..., k).
        right: y, (m, k).

    Returns:
        (..., m).
    """
    apart = _kernel(left.unsqueeze(-2) - right)
    return (apart - _kernel(left).unsqueeze(-2) - _kernel(right) + 1).sum(dim=-1)


def _kernel(distance: Tensor) -> Tensor:
    return (-0.5 * (distance / LENGTH).square()).exp()

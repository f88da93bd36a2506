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


AT_ONCE = 64
"""Coordinates that are computed at once: differences between all lanes take much memory."""


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
    if left.requires_grad or left.shape[-1] <= AT_ONCE:
        return _pinned(left, right)
    return sum(
        (_pinned(left[..., i : i + AT_ONCE], right[..., i : i + AT_ONCE]) for i in range(0, left.shape[-1], AT_ONCE)),
        start=torch.zeros((), dtype=left.dtype),
    )


def _pinned(left: Tensor, right: Tensor) -> Tensor:
    """`pinned_kernel` of some coordinates."""
    apart = _kernel(left.unsqueeze(-2) - right)
    return (apart - _kernel(left).unsqueeze(-2) - _kernel(right) + 1).sum(dim=-1)


def _kernel(distance: Tensor) -> Tensor:
    return (-0.5 * (distance / LENGTH).square()).exp()

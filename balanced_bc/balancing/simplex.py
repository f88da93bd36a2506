r"""Weights :math:`\alpha` on the simplex: how they move, and how they stay there."""

from __future__ import annotations

import torch
from torch import Tensor

from balanced_bc.balancing.errors import BalancingError

ROUNDING = 1e-12
"""What rounding may add to a weight."""


def ascend(weights: Tensor, gradient: Tensor, step_size: float) -> Tensor:
    r"""Move weight toward the larger entries of a gradient and stay inside the simplex (exponentiated gradient).

    .. math:: \alpha_i' \propto \alpha_i \exp(\eta \, g_i)

    Args:
        weights: :math:`\alpha`, points on the simplex, (..., k).
        gradient: :math:`g`, direction of ascent; a constant added to all entries changes nothing, (..., k).
        step_size: :math:`\eta` > 0.
    """
    return torch.softmax(weights.log() + step_size * gradient, dim=-1)


def ascend_projected(weights: Tensor, gradient: Tensor, step_size: float) -> Tensor:
    r"""Take the step of Eq. 13 to the letter, then go back to the nearest point of the simplex.

    .. math:: \alpha' = \Pi_\Delta\big(\alpha + \eta \, (g - \tfrac{1}{k} \textstyle\sum_i g_i)\big)

    Args:
        weights: :math:`\alpha`, points on the simplex, (..., k).
        gradient: :math:`g`, direction of ascent, (..., k).
        step_size: :math:`\eta` > 0.
    """
    return project(weights + step_size * (gradient - gradient.mean(dim=-1, keepdim=True)))


def project(point: Tensor) -> Tensor:
    r"""Find the nearest point of the simplex (Euclidean).

    .. math:: \Pi_\Delta(v)_i = \max(v_i - \tau, 0), \quad \textstyle\sum_i \Pi_\Delta(v)_i = 1

    Args:
        point: :math:`v`, any real numbers, (..., k).
    """
    descending = point.sort(dim=-1, descending=True).values
    excess = descending.cumsum(dim=-1) - 1.0
    rank = torch.arange(1, point.shape[-1] + 1, dtype=point.dtype, device=point.device)
    positive = (descending * rank > excess).sum(dim=-1, keepdim=True)
    threshold = excess.gather(-1, positive - 1) / positive
    return (point - threshold).clamp_min(0.0)


def mix(weights: Tensor, prior: Tensor, share: float) -> Tensor:
    r"""Lean toward a prior: :math:`(1 - c) \, \alpha + c \, \alpha^0`.

    Args:
        weights: :math:`\alpha`, points on the simplex, (..., k).
        prior: :math:`\alpha^0`, a point on the simplex, (k,).
        share: :math:`c`, from 0 to 1.
    """
    return (1.0 - share) * weights + share * prior


def cap(weights: Tensor, upper: Tensor) -> Tensor:
    r"""Bound every weight from above; what is cut off goes to the others in proportion to their weights.

    .. math:: \alpha_i' = \min(u_i, \lambda \alpha_i), \quad \textstyle\sum_i \alpha_i' = 1

    Args:
        weights: :math:`\alpha`, a point on the simplex, (k,).
        upper: :math:`u`, largest weights, (k,); they must add up to 1 or more.

    Raises:
        BalancingError: The largest weights leave no point of the simplex.
    """
    if float(upper.sum()) < 1.0 - ROUNDING:
        raise BalancingError(f"weights of at most {upper.tolist()} cannot add up to 1")
    full = torch.zeros_like(weights, dtype=torch.bool)
    capped = weights.clone()
    while bool((capped > upper + ROUNDING).any()):
        full |= capped >= upper
        room = 1.0 - upper[full].sum()
        rest = torch.where(full, 0.0, weights)
        capped = torch.where(full, upper, _spread(rest, full, room))
    return capped


def _spread(rest: Tensor, full: Tensor, room: Tensor) -> Tensor:
    """Give `room` to the groups that are not full, in proportion to `rest`, or evenly if all of it is 0."""
    total = rest.sum()
    return rest * room / total if float(total) > 0 else torch.where(full, 0.0, room / (~full).sum().clamp_min(1))

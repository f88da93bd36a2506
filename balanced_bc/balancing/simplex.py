r"""Weights :math:`\alpha` on the simplex: how they move, and how they stay there."""

from __future__ import annotations

import torch
from torch import Tensor

from balanced_bc.balancing.errors import BalancingError

ROUNDING = 1e-12
"""What rounding may add to a weight."""
BISECTIONS = 60
"""Halvings of the interval of a logarithm: enough for a weight to be exact to rounding."""


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


def clip(weights: Tensor, low: Tensor, high: Tensor) -> Tensor:
    r"""Hold every weight between two bounds: the nearest such point in relative entropy, which keeps proportions.

    .. math:: \alpha_i' = \min(\max(\lambda \alpha_i, l_i), u_i), \quad \textstyle\sum_i \alpha_i' = 1

    Args:
        weights: :math:`\alpha`, a point on the simplex, (k,).
        low: :math:`l`, smallest weights, (k,); they must add up to 1 or less.
        high: :math:`u`, largest weights, (k,); they must add up to 1 or more.

    Raises:
        BalancingError: The bounds leave no point of the simplex.
    """
    if float(low.sum()) > 1.0 + ROUNDING or float(high.sum()) < 1.0 - ROUNDING or bool((low > high + ROUNDING).any()):
        raise BalancingError(
            f"weights of at least {low.tolist()} and at most {high.tolist()} cannot add up to 1, or cross each other"
        )
    some = weights.clamp_min(ROUNDING)
    least, most = torch.tensor((-40.0, 40.0), dtype=weights.dtype)
    for _ in range(BISECTIONS):
        middle = (least + most) / 2
        total = torch.clamp(middle.exp() * some, low, high).sum()
        least, most = torch.where(total < 1.0, middle, least), torch.where(total < 1.0, most, middle)
    return torch.clamp(((least + most) / 2).exp() * some, low, high)


def shifted(prior: Tensor, group: int, factor: float) -> Tensor:
    """Weights with the odds of one group multiplied; the others keep their proportions, (k,)."""
    share = torch.sigmoid(torch.logit(prior[group]) + torch.tensor(factor, dtype=prior.dtype).log())
    rest = torch.where(torch.arange(len(prior)) == group, 0.0, prior)
    return torch.where(torch.arange(len(prior)) == group, share, rest * (1 - share) / rest.sum())

r"""Shares :math:`\rho` of a dataset, and what weights mean for it (Eq. 3-4, 7, 8, 11)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from balanced_bc.balancing.errors import BalancingError


def proportions(counts: Sequence[int]) -> Tensor:
    r"""Weigh every pair alike, as plain behavior cloning does (Eq. 4).

    .. math:: \rho_i = |\mathcal{D}_i| / \textstyle\sum_j |\mathcal{D}_j|

    Args:
        counts: Pairs (or demonstrations) of each group, (k,).
    """
    numbers = torch.tensor(counts, dtype=torch.float64)
    return numbers / numbers.sum()


def equal(groups: int) -> Tensor:
    r"""Weigh every behavior alike (Eq. 8): :math:`\alpha_i = 1/k`."""
    if groups < 1:
        raise BalancingError(f"there are {groups} groups to weigh; there must be at least 1")
    return torch.full((groups,), 1.0 / groups, dtype=torch.float64)


def alike(share: Tensor, behaviors: Sequence[str]) -> Tensor:
    r"""Weigh every behavior alike and keep proportions within it (qualities, operators).

    .. math:: \alpha_i = \frac{1}{b} \frac{\rho_i}{\sum_{j \in B_i} \rho_j}

    with b behaviors, and :math:`B_i` the groups of the same behavior as i.

    Args:
        share: :math:`\rho`, (k,).
        behaviors: Behavior of each group, (k,).
    """
    names = sorted(set(behaviors))
    member = torch.tensor([names.index(name) for name in behaviors])
    totals = share.new_zeros(len(names)).index_add(0, member, share)
    return share / totals[member] / len(names)


def tempered(share: Tensor, temperature: float) -> Tensor:
    r"""Flatten the shares of a dataset (temperature sampling).

    .. math:: \alpha_i = \rho_i^{1/T} / \textstyle\sum_j \rho_j^{1/T}

    Args:
        share: :math:`\rho`, (k,).
        temperature: T; 1 leaves the shares as they are, and with a large one all behaviors weigh alike.
    """
    return torch.softmax(share.log() / temperature, dim=0)


def worst_loss(loss: float, weights: Tensor) -> Tensor:
    r"""Bound each behavior's loss when the weighted loss is known (Eq. 7; Eq. 11 with equal weights).

    .. math:: \mathcal{L}_i \le \mathcal{L} / \alpha_i

    Args:
        loss: :math:`\mathcal{L} = \sum_i \alpha_i \mathcal{L}_i`, with every :math:`\mathcal{L}_i \ge 0`, [nat].
        weights: :math:`\alpha`, a point on the simplex, (k,).
    """
    return loss / weights


def effective_sample_size(weights: Tensor, pairs: Tensor) -> float:
    r"""Number of equally weighted pairs that would carry as much information (Kish).

    .. math:: N_\mathrm{eff} = \big(\textstyle\sum_n w_n\big)^2 / \textstyle\sum_n w_n^2
        = 1 / \textstyle\sum_i \alpha_i^2 / N_i, \quad w_n = \alpha_i / N_i

    Args:
        weights: :math:`\alpha`, a point on the simplex, (k,).
        pairs: :math:`N_i`, pairs of each group, (k,).
    """
    return float(1.0 / (weights.square() / pairs).sum())

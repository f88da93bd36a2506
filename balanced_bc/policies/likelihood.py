"""How likely demonstrated actions are: one function per equation."""

from __future__ import annotations

from math import log, pi

import torch.nn.functional as F  # noqa: N812
from torch import Tensor


def gaussian(error: Tensor, log_sigma: Tensor) -> Tensor:
    r"""Negative log-likelihood of independent Gaussians, [nat].

    .. math:: \sum_d \tfrac12 (e_d / \sigma_d)^2 + \log \sigma_d + \tfrac12 \log 2 \pi

    Args:
        error: :math:`e`, action minus mean, (..., D).
        log_sigma: :math:`\log \sigma`, (D,).
    """
    return (0.5 * (error * (-log_sigma).exp()).square() + log_sigma + 0.5 * log(2 * pi)).sum(dim=-1)


def bernoulli(logit: Tensor, gripper: Tensor) -> Tensor:
    r"""Negative log-likelihood of a gripper command, [nat].

    .. math:: \log (1 + \exp(-g z))

    Args:
        logit: :math:`z`, (...).
        gripper: :math:`g`, +1 open or -1 close; its sign counts, (...).
    """
    return F.softplus(-logit * gripper.sign())


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the last dimension of what the mask leaves, (..., C) to (...)."""
    return (values * mask).sum(dim=-1) / mask.sum(dim=-1).clamp(min=1)

r"""Weights that move over a training, from the shares of the dataset to the weights that are wanted.

Temperature sampling is warmed like this: a policy sees the dataset as it is at first, and rare groups more and more
often toward the end (arXiv 2510.19373).
"""

from __future__ import annotations

from math import cos, pi

import torch
from torch import Tensor

from balanced_bc.learning.config import TrainingConfig
from balanced_bc.learning.errors import LearningError


def warmth(step: int, steps: int) -> float:
    r"""How far the weights have moved, :math:`s_t = (1 - \cos(\pi t / T)) / 2`, from 0 to 1.

    Args:
        step: Steps done, t.
        steps: Steps of the training, T.
    """
    return (1 - cos(pi * step / steps)) / 2


def warmed(shares: Tensor, weights: Tensor, moved: float) -> Tensor:
    r"""Weights on the way from shares to weights; a group of weight 0 has none from the start.

    .. math:: w_i \propto \rho_i^{1 - s} \alpha_i^s

    For :math:`\alpha_i \propto \rho_i^{1/\tau}`, temperature sampling, the exponent of :math:`\rho_i` falls from 1 to
    :math:`1/\tau` as s rises.

    Args:
        shares: :math:`\rho`, float64, (k,).
        weights: :math:`\alpha`, float64, (k,).
        moved: s, from 0 to 1.
    """
    between = torch.where(weights > 0, shares.pow(1 - moved) * weights.pow(moved), 0.0)
    return between / between.sum()


def require_weights(config: TrainingConfig, given: bool) -> None:
    """Refuse to warm what is not there.

    Args:
        config: Training.
        given: Whether there are weights.

    Raises:
        LearningError: Weights are to move, and there are none.
    """
    if config.warming != "none" and not given:
        raise LearningError(
            f"warming is {config.warming}, but there are no weights to move to: give weights (a balance.yaml), or set "
            "warming to none for plain cloning"
        )

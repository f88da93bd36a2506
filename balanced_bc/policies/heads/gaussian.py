"""A Gaussian with one learned sigma per dimension of the twist, the same for all observations."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.heads.head import TWIST, Head
from balanced_bc.policies.likelihood import gaussian, masked_mean


class GaussianHead(Head):
    r"""Independent Gaussians with :math:`\log \sigma = \mathrm{floor} + \mathrm{softplus}(\mathrm{spread})`, (6,)."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.floor, self.chunk = config.log_sigma_floor, config.chunk
        self.mean = nn.Linear(config.hidden, TWIST * config.chunk)
        self.spread = nn.Parameter(initial_spread(config.log_sigma_floor, TWIST))

    @property
    def log_sigma(self) -> Tensor:
        """Logarithm of sigma, kept above its floor with a gradient everywhere, (6,)."""
        return self.floor + F.softplus(self.spread)

    def negative_log_likelihood(self, features: Tensor, twist: Tensor, mask: Tensor) -> Tensor:
        """See `Head`."""
        return masked_mean(gaussian(twist - self.mode(features).to(twist.dtype), self.log_sigma), mask)

    def mode(self, features: Tensor) -> Tensor:
        """See `Head`."""
        mean: Tensor = self.mean(features)
        return mean.view(-1, self.chunk, TWIST)


def initial_spread(floor: float, *shape: int) -> Tensor:
    """The parameter that starts every sigma at 1 (or just above a floor that is higher)."""
    return torch.full(shape, max(-floor, 0.1)).expm1().log()

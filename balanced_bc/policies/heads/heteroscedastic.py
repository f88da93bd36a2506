"""A Gaussian whose sigma depends on the observation."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.heads.head import TWIST, Head
from balanced_bc.policies.likelihood import gaussian, masked_mean


class HeteroscedasticHead(Head):
    r"""Independent Gaussians with :math:`\log \sigma(s) = \mathrm{floor} + \mathrm{softplus}(f(s))`.

    Where sigma may become very small, the likelihood is won by a few easy pairs and the policy fails in rollouts: so
    its floor is far above that of one learned sigma.
    """

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.floor, self.chunk = config.adaptive_log_sigma_floor, config.chunk
        self.mean = nn.Linear(config.hidden, TWIST * config.chunk)
        self.spread_of = nn.Linear(config.hidden, TWIST * config.chunk)

    def negative_log_likelihood(self, features: Tensor, twist: Tensor, mask: Tensor) -> Tensor:
        """See `Head`."""
        spread = self.spread_of(features).to(twist.dtype).view(-1, self.chunk, TWIST)
        log_sigma = self.floor + F.softplus(spread)
        return masked_mean(gaussian(twist - self.mode(features).to(twist.dtype), log_sigma), mask)

    def mode(self, features: Tensor) -> Tensor:
        """See `Head`."""
        mean: Tensor = self.mean(features)
        return mean.view(-1, self.chunk, TWIST)

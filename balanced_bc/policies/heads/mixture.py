"""A small mixture of Gaussians over whole chunks: several ways to go on from one observation."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.heads.gaussian import initial_spread
from balanced_bc.policies.heads.head import TWIST, Head
from balanced_bc.policies.likelihood import gaussian


class MixtureHead(Head):
    r"""A chunk belongs to one of K components as a whole, :math:`p(a) = \sum_k w_k \prod_c N(a_c; \mu_{kc}, \sigma_k)`.

    Each component has one learned sigma per dimension, the same for all observations.
    """

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.floor, self.chunk, self.components = config.log_sigma_floor, config.chunk, config.components
        self.weight = nn.Linear(config.hidden, config.components)
        self.mean = nn.Linear(config.hidden, config.components * config.chunk * TWIST)
        self.spread = nn.Parameter(initial_spread(config.log_sigma_floor, config.components, 1, TWIST))

    def negative_log_likelihood(self, features: Tensor, twist: Tensor, mask: Tensor) -> Tensor:
        """See `Head`."""
        log_sigma = self.floor + F.softplus(self.spread)
        error = twist.unsqueeze(-3) - self._means(features).to(twist.dtype)
        of_component = (gaussian(error, log_sigma) * mask.unsqueeze(-2)).sum(dim=-1)
        log_weight: Tensor = self.weight(features).to(twist.dtype).log_softmax(dim=-1)
        return -(log_weight - of_component).logsumexp(dim=-1) / mask.sum(dim=-1).clamp(min=1)

    def mode(self, features: Tensor) -> Tensor:
        """See `Head`: the mean of the component with the largest weight."""
        heaviest = self.weight(features).argmax(dim=-1)
        means = self._means(features)
        index = heaviest.view(-1, 1, 1, 1).expand(-1, 1, *means.shape[2:])
        return means.gather(1, index).squeeze(1)

    def _means(self, features: Tensor) -> Tensor:
        """Mean of each component, (B, K, C, 6)."""
        means: Tensor = self.mean(features)
        return means.view(-1, self.components, self.chunk, TWIST)

"""Twists in bins, as Re-Mix has them: a categorical distribution for each dimension."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor, nn

from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.heads.head import TWIST, Head
from balanced_bc.policies.likelihood import masked_mean

REACH = 3.0
"""The bins cover this many standard deviations on either side of the mean; what is farther falls into the last bin."""


class BinsHead(Head):
    """Independent categorical distributions over bins of equal width, as densities."""

    centers: Tensor

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.bins, self.chunk, self.width = config.bins, config.chunk, 2 * REACH / config.bins
        self.logits = nn.Linear(config.hidden, TWIST * config.chunk * config.bins)
        centers = -REACH + self.width * (torch.arange(config.bins) + 0.5)
        self.register_buffer("centers", centers, persistent=False)

    def negative_log_likelihood(self, features: Tensor, twist: Tensor, mask: Tensor) -> Tensor:
        r"""See `Head`; a bin's probability over its width is a density: :math:`-\log p_b + \log w`."""
        bin_of = ((twist + REACH) / self.width).floor().long().clamp(0, self.bins - 1)
        log_share = self._logits(features).to(twist.dtype).log_softmax(dim=-1)
        chosen = log_share.gather(-1, bin_of.unsqueeze(-1)).squeeze(-1)
        return masked_mean((log(self.width) - chosen).sum(dim=-1), mask)

    def mode(self, features: Tensor) -> Tensor:
        """See `Head`: the center of the most likely bin."""
        return self.centers[self._logits(features).argmax(dim=-1)]

    def _logits(self, features: Tensor) -> Tensor:
        logits: Tensor = self.logits(features)
        return logits.view(-1, self.chunk, TWIST, self.bins)

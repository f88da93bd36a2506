"""What every distribution over chunks of twists can do."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

TWIST = 6
"""Components of a twist."""


class Head(nn.Module, ABC):
    """A distribution over chunks of normalized twists, given the trunk's features.

    No state, no randomness and no branches on data: torch.func may call, map and differentiate it twice.
    """

    @abstractmethod
    def negative_log_likelihood(self, features: Tensor, twist: Tensor, mask: Tensor) -> Tensor:
        """Negative logarithm of the density of each chunk, the mean over its given actions, [nat], (B,).

        Args:
            features: Of the trunk, (B, hidden).
            twist: Normalized twists, (B, C, 6).
            mask: 1 for an action that was given, 0 for padding, (B, C).
        """

    @abstractmethod
    def mode(self, features: Tensor) -> Tensor:
        """Most likely normalized twists, (B, hidden) to (B, C, 6)."""

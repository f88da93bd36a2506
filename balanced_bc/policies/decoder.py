"""From the trunk's features to a distribution over chunks: a head for twists, a Bernoulli for the gripper."""

from __future__ import annotations

from torch import Tensor, nn

from balanced_bc.policies import likelihood
from balanced_bc.policies.config import HeadName, PolicyConfig
from balanced_bc.policies.heads.bins import BinsHead
from balanced_bc.policies.heads.gaussian import GaussianHead
from balanced_bc.policies.heads.head import Head
from balanced_bc.policies.heads.heteroscedastic import HeteroscedasticHead
from balanced_bc.policies.heads.mixture import MixtureHead

HEADS: dict[HeadName, type[Head]] = {
    "gaussian": GaussianHead,
    "heteroscedastic": HeteroscedasticHead,
    "bins": BinsHead,
    "mixture": MixtureHead,
}
"""Heads by name."""


class Decoder(nn.Module):
    """A distribution over chunks of normalized twists and gripper commands."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.head = HEADS[config.head](config)
        self.gripper = nn.Linear(config.hidden, config.chunk)

    def negative_log_likelihood(self, features: Tensor, twist: Tensor, gripper: Tensor, mask: Tensor) -> Tensor:
        """Negative log-likelihood of each chunk, the mean over its given actions, [nat], (B,).

        Args:
            features: Of the trunk, (B, hidden).
            twist: Normalized twists, (B, C, 6).
            gripper: +1 open or -1 close, (B, C).
            mask: 1 for an action that was given, 0 for padding, (B, C).
        """
        of_twist = self.head.negative_log_likelihood(features, twist, mask)
        return of_twist + self.of_gripper(features, gripper, mask)

    def of_gripper(self, features: Tensor, gripper: Tensor, mask: Tensor) -> Tensor:
        """The gripper's part of it, [nat], (B,)."""
        return likelihood.masked_mean(likelihood.bernoulli(self.gripper(features).to(mask.dtype), gripper), mask)

    def mode(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Most likely normalized twists, (B, C, 6), and logits of opening the gripper, (B, C)."""
        return self.head.mode(features), self.gripper(features)

"""The policy of this package: encoders of the cameras, a trunk, and a decoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from balanced_bc.policies import features as features_of
from balanced_bc.policies.batch import Batch
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.decoder import Decoder
from balanced_bc.policies.encoder import ImageEncoder
from balanced_bc.policies.errors import PolicyError
from balanced_bc.policies.normalization import FARTHEST, Normalization
from balanced_bc.policies.policy import Policy
from balanced_bc.policies.pretrained import PretrainedEncoder
from balanced_bc.policies.trunk import trunk


class CloningPolicy(Policy):
    """A distribution over chunks of twists and gripper commands.

    The forward pass has no state, no randomness and no branches on data: torch.func may call, map and
    differentiate it twice.
    """

    def __init__(
        self, config: PolicyConfig, cameras: Sequence[str], normalization: Normalization | None = None
    ) -> None:
        super().__init__(config, cameras, normalization)
        encoder = PretrainedEncoder if config.backbone else ImageEncoder
        self.encoders = nn.ModuleDict({name: encoder(config) for name in self.cameras})
        frame = features_of.size(config) + 3 * config.keypoints * len(self.cameras)
        self.trunk = trunk(config.history * frame, config.hidden, config.layers)
        self.decoder = Decoder(config)

    def begin(self) -> None:
        """See `Policy`: read the weights of the backbones, if there are any."""
        if self.encoders and self.config.backbone and not self.config.backbone_weights:
            raise PolicyError(f"the backbone {self.config.backbone} wants backbone_weights, a safetensors file")
        for encoder in self.encoders.values():
            if isinstance(encoder, PretrainedEncoder):
                encoder.read(Path(self.config.backbone_weights))

    def negative_log_likelihood(self, batch: Batch) -> Tensor:
        """Negative log-likelihood of each pair's chunk, the mean over its given actions, [nat], (B,).

        The density is over normalized twists. So losses of two policies compare only if they share normalization.
        """
        twist = (batch.action[..., :6] - self.twist_mean) / self.twist_deviation
        features = self.features(batch.images, batch.state, batch.scene)
        return self.decoder.negative_log_likelihood(features, twist, batch.action[..., 6], batch.mask)

    def best(self, images: Mapping[str, Tensor], state: Tensor, scene: Tensor) -> Tensor:
        """Most likely next actions in physical units, (B, C, 7); arguments as in `Batch`."""
        return self.in_units(*self.decoder.mode(self.features(images, state, scene)))

    def features(self, images: Mapping[str, Tensor], state: Tensor, scene: Tensor) -> Tensor:
        """What the decoder is told of the last H observations, (B, hidden); arguments as in `Batch`."""
        known = features_of.features(self.config, state, scene)
        normal = ((known - self.feature_mean) / self.feature_deviation).clamp(-FARTHEST, FARTHEST)
        seen = (self.encoded(name, images[name]).to(state.dtype) for name in self.cameras)
        told: Tensor = self.trunk(torch.cat((normal, *seen), dim=-1).flatten(-2))
        return told

    def encoded(self, camera: str, images: Tensor) -> Tensor:
        """Features of a camera's images, (B, H, 3, size, size) to (B, H, 3 K)."""
        # Color first in memory: GroupNorm is 1.4 times as fast on a CPU as with color last.
        pixels = images.flatten(0, 1).contiguous().to(self.feature_mean.dtype) / 255 - 0.5
        features: Tensor = self.encoders[camera](pixels)
        return features.view(*images.shape[:2], -1)

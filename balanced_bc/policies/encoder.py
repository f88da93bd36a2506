"""What a policy sees: convolutions and a spatial softmax over one camera's images."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from balanced_bc.policies.config import PolicyConfig

GROUP = 8
"""Channels normalized together by GroupNorm, where they divide by it."""


class ImageEncoder(nn.Module):
    """Keypoints of an image: where K learned features are, and how strong.

    GroupNorm keeps no running statistics, and nothing here depends on the mode: what trains is what acts.
    """

    grid: Tensor

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before, size = 3, config.image_size
        for index, after in enumerate(config.channels):
            kernel, stride = (5 if index == 0 else 3), (2 if index < 2 else 1)
            layers += [nn.Conv2d(before, after, kernel, stride, kernel // 2), group_norm(after), nn.ReLU()]
            before, size = after, -(-size // stride)
        self.convolutions = nn.Sequential(*layers)
        self.features = nn.Conv2d(before, config.keypoints, 1)
        self.register_buffer("grid", coordinates(size), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Encode images.

        Args:
            images: RGB in [-0.5, 0.5], (B, 3, size, size).

        Returns:
            (B, 3 K).
        """
        features: Tensor = self.features(self.convolutions(images))
        return spatial_softmax(features.flatten(-2).to(self.grid.dtype), self.grid)


def group_norm(channels: int) -> nn.GroupNorm:
    """GroupNorm over groups of 8 channels, or over all where they do not divide."""
    return nn.GroupNorm(channels // GROUP if channels % GROUP == 0 else 1, channels)


def coordinates(size: int) -> Tensor:
    """Position (x, y) of each pixel of a square image, row by row, from -1 to 1, (size^2, 2)."""
    axis = torch.linspace(-1, 1, size)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack((x.flatten(), y.flatten()), dim=-1)


def spatial_softmax(features: Tensor, grid: Tensor) -> Tensor:
    r"""Expected position and value of each feature under its own softmax.

    .. math:: p = \mathrm{softmax}(f), \quad (\sum_i p_i x_i, \sum_i p_i y_i, \sum_i p_i f_i)

    Args:
        features: :math:`f`, (B, K, P).
        grid: :math:`(x, y)` of each pixel, (P, 2).

    Returns:
        (B, 3 K).
    """
    attention = features.softmax(dim=-1)
    strength = (attention * features).sum(dim=-1)
    return torch.cat(((attention @ grid).flatten(-2), strength), dim=-1)

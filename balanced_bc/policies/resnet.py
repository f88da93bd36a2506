"""ResNets of basic blocks in plain torch, with the names of parameters that torchvision's and timm's weights have."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

BLOCKS: dict[str, tuple[int, ...]] = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}
"""Blocks of each stage, by name."""
CHANNELS = (64, 64, 128, 256, 512)
"""Channels of the stem and of the stages."""


class BasicBlock(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.downsample = nn.Sequential()
        if stride != 1 or before != after:
            self.downsample = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, images: Tensor) -> Tensor:
        """Features of features, (B, before, H, W) to (B, after, H / stride, W / stride)."""
        inner = self.bn2(self.conv2(self.bn1(self.conv1(images)).relu()))
        features: Tensor = (inner + self.downsample(images)).relu()
        return features


class ResNet(nn.Module):
    """A ResNet up to the stage that has a certain stride."""

    def __init__(self, name: str, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, CHANNELS[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(CHANNELS[0])
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.stages: list[str] = []
        for number, blocks in enumerate(BLOCKS[name][: stride.bit_length() - 2], start=1):
            first, after = (1 if number == 1 else 2), CHANNELS[number]
            widths = pairwise((CHANNELS[number - 1], *[after] * blocks))
            parts = (BasicBlock(*width, stride=first if index == 0 else 1) for index, width in enumerate(widths))
            self.stages.append(f"layer{number}")
            self.add_module(self.stages[-1], nn.Sequential(*parts))
        self.channels = after

    def forward(self, images: Tensor) -> Tensor:
        """Features, (B, 3, size, size) to (B, channels, size / stride, size / stride)."""
        features: Tensor = self.maxpool(self.bn1(self.conv1(images)).relu())
        for name in self.stages:
            features = self.get_submodule(name)(features)
        return features

"""What is drawn for each batch, from one generator: which pairs, and how far their images are shifted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from balanced_bc.learning import sampling
from balanced_bc.learning.batches import Pairs
from balanced_bc.learning.config import TrainingConfig
from balanced_bc.learning.training.augmentation import draw_offsets


class Draw(NamedTuple):
    """A batch before it is gathered, on the CPU.

    Attributes:
        pairs: Pairs, (B,).
        groups: Their groups, (B,).
        offsets: Camera to the shift of each pair's images, (2, B); empty without augmentation.
    """

    pairs: Tensor
    groups: Tensor
    offsets: Mapping[str, Tensor]

    def part(self, number: int, parts: int) -> Draw:
        """One of several parts of the batch; their sizes differ by one at most."""
        offsets = {name: each[:, number::parts] for name, each in self.offsets.items()}
        return Draw(self.pairs[number::parts], self.groups[number::parts], offsets)


class Drawing:
    r"""Draws batches by the weights of the groups.

    Whoever has the same pairs, configuration and weights draws the same batches, whatever computes on them.

    Attributes:
        train: Pairs to train on, (n,).
        held_out: Pairs to measure on, (h,).
        alpha: Weight of each group, :math:`\alpha`, float64, (k,).
        pair_weight: What the loss of a pair of each group counts, float32, (k,).
    """

    def __init__(self, pairs: Pairs, config: TrainingConfig, alpha: Mapping[str, float] | None) -> None:
        self.batch_size, self.pixels, self.cameras = config.batch_size, config.shift, tuple(pairs.images)
        self.generator = Generator().manual_seed(config.seed)
        split = sampling.hold_out(pairs.demonstration, pairs.group, config.held_out, self.generator)
        self.train, self.held_out = split
        self.members = sampling.Members.of(pairs.group, len(pairs.groups), self.train)
        proportions = self.members.count.double() / len(self.train)
        self.alpha = sampling.weights_of(alpha, pairs.groups, proportions)
        self.drawn = self.alpha if config.apply == "sampling" else proportions
        self.pair_weight = (self.alpha / self.drawn.clamp(min=1e-12)).float()

    def draw(self) -> Draw:
        """Draw the next batch."""
        groups = sampling.systematic(self.drawn, self.batch_size, self.generator)
        pairs = self.members.draw(groups, self.generator)
        return Draw(pairs, groups, draw_offsets(self.cameras, self.batch_size, self.pixels, self.generator))


def joined(draws: list[Draw]) -> Draw:
    """Several batches as one, one after another."""
    cameras = draws[0].offsets
    offsets = {name: torch.cat([draw.offsets[name] for draw in draws], dim=1) for name in cameras}
    return Draw(torch.cat([draw.pairs for draw in draws]), torch.cat([draw.groups for draw in draws]), offsets)

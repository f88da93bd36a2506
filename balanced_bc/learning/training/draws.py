"""What is drawn for each batch, from one generator: which pairs, and how far their images are shifted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from balanced_bc.learning import sampling
from balanced_bc.learning.config import TrainingConfig
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.quality import whole_copies
from balanced_bc.learning.training.augmentation import draw_offsets
from balanced_bc.learning.training.warming import require_weights, warmed, warmth


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
    r"""Draws batches by weights.

    The k groups of the pairs may be parts of K groups that are weighed: they share a weight by their pairs to train
    on. Demonstrations are held out of each behavior alike, copies together, of what has no weight in it apart, and
    every group that is weighed keeps some. Whoever has the same pairs, configuration and weights draws the same
    batches, whatever computes on them.

    Attributes:
        train: Pairs to train on, (n,).
        held_out: Pairs to measure on, (h,).
        shares: Share of each weighed group in the pairs to train on, :math:`\rho`, float64, (K,).
        alpha: Weight of each of them, with warming at the end of training, :math:`\alpha`, float64, (K,).
        of_groups: Weight of each group, then, float64, (k,).
        reweighs: Whether what a loss counts changes from step to step.
    """

    def __init__(self, pairs: Pairs, config: TrainingConfig, alpha: Mapping[str, float] | None) -> None:
        require_weights(config, alpha is not None)
        self.batch_size, self.pixels, self.cameras = config.batch_size, config.shift, tuple(pairs.images)
        self.generator = Generator().manual_seed(config.seed)
        names, weighed = pairs.by(pairs.weighed)
        left_out = torch.tensor([(alpha or {}).get(name, 1.0) == 0 for name in pairs.weighed])[pairs.group]
        alike = 2 * pairs.by(pairs.judged)[1] + left_out
        by = {"parts": pairs.group, "needed": weighed}
        whole = whole_copies(pairs) if config.held_out else pairs.demonstration
        split = sampling.hold_out(whole, alike, config.held_out, self.generator, **by)
        self.train, self.held_out = split
        self.members = sampling.Members.of(weighed, len(names), self.train)
        self.shares = self.members.count.double() / len(self.train)
        self.alpha = sampling.weights_of(alpha, names, self.shares)
        self._group, self._whole = pairs.group, torch.tensor([names.index(name) for name in pairs.weighed])
        counts = torch.bincount(pairs.group[self.train], minlength=len(pairs.groups))
        self.of_groups = self.alpha[self._whole] * counts / self.members.count[self._whole]
        self.samples, self.warms, self.steps = config.apply == "sampling", config.warming == "cosine", config.steps
        self.reweighs = self.warms and not self.samples

    def weights(self, step: int) -> Tensor:
        """Weight of each weighed group at a step, float64, (K,)."""
        return warmed(self.shares, self.alpha, warmth(step, self.steps)) if self.warms else self.alpha

    def drawn(self, step: int) -> Tensor:
        """How often each weighed group is drawn at a step, float64, (K,)."""
        return self.weights(step) if self.samples else self.shares

    def pair_weight(self, step: int) -> Tensor:
        """What the loss of a pair of each group counts at a step, float32, (k,)."""
        return (self.weights(step) / self.drawn(step).clamp(min=1e-12)).float()[self._whole]

    def draw(self, step: int) -> Draw:
        """Draw the batch of a step; batches are drawn in their order."""
        weighed = sampling.systematic(self.drawn(step), self.batch_size, self.generator)
        pairs = self.members.draw(weighed, self.generator)
        return Draw(pairs, self._group[pairs], draw_offsets(self.cameras, self.batch_size, self.pixels, self.generator))


class PairWeight:
    """What the loss of a pair counts by its group, on a device: moved there once, or at each step where it changes."""

    def __init__(self, drawings: Sequence[Drawing], device: torch.device) -> None:
        self.drawings, self.device = drawings, device
        self.reweighs = any(drawing.reweighs for drawing in drawings)
        self._now = self._moved(0)

    def at(self, step: int) -> Tensor:
        """For the groups of all drawings, one drawing after another, float32, (m k,)."""
        if self.reweighs:
            self._now = self._moved(step)
        return self._now

    def _moved(self, step: int) -> Tensor:
        return torch.cat([drawing.pair_weight(step) for drawing in self.drawings]).to(self.device)


def joined(draws: list[Draw]) -> Draw:
    """Several batches as one, one after another."""
    cameras = draws[0].offsets
    offsets = {name: torch.cat([draw.offsets[name] for draw in draws], dim=1) for name in cameras}
    return Draw(torch.cat([draw.pairs for draw in draws]), torch.cat([draw.groups for draw in draws]), offsets)

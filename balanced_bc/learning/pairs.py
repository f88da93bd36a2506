"""Pairs of a whole dataset in memory, and batches of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from balanced_bc.demonstrations.tags import behaviors_of
from balanced_bc.policies import features
from balanced_bc.policies.batch import Batch
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.normalization import Normalization

MOVED = 0.02
"""A block that a demonstration moves by more than this has to do with what it shows, [m]."""
COUNTED = range(2**31)
"""Numbers of demonstrations that are in no dataset."""


@dataclass(frozen=True)
class Pairs:
    """N state-action pairs, each with its group and its demonstration.

    Images are kept at the policy's size as uint8, color last: one pixel is 3 bytes that move together.
    """

    images: Mapping[str, Tensor]
    """Camera name to RGB images, uint8, (N, size, size, 3)."""
    state: Tensor
    """Robot states, float32, (N, 8)."""
    scene: Tensor
    """Privileged scenes, float32, (N, 21); (N, 0) where there is none."""
    action: Tensor
    """Chunks of actions, float32, (N, C, 7)."""
    mask: Tensor
    """1 for an action that was given, 0 for padding, float32, (N, C)."""
    group: Tensor
    """Index into `groups` of each pair, int64, (N,)."""
    demonstration: Tensor
    """Number of the demonstration of each pair, in the order in which they were loaded, int64, (N,)."""
    first: Tensor
    """First pair of the stretch without a gap that each pair is in, int64, (N,)."""
    groups: tuple[str, ...]
    """Names of the groups, sorted."""
    axes: tuple[str, ...] = ()
    """Axes of tags whose product makes the groups; empty where nobody knows them."""
    parts_of: tuple[str, ...] = ()
    """Group of the weights that each group is a part of; empty where each is one itself."""
    episodes: Sequence[int] = COUNTED
    """Number of each demonstration in its dataset."""
    history: int = 1
    """H, pairs whose observations a policy sees at once."""
    mapped: bool = False
    """Whether images are mapped from the disk and read as they are drawn."""

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.state)

    @property
    def behaviors(self) -> tuple[str, ...]:
        """Behavior of each group; empty where groups are not told apart by behavior."""
        return behaviors_of(self.groups, self.axes)

    @property
    def judged(self) -> tuple[str, ...]:
        """What each group is judged as: its behavior, or itself where nobody tells behaviors apart."""
        return self.behaviors or self.groups

    @property
    def weighed(self) -> tuple[str, ...]:
        """What each group is weighed as."""
        return self.parts_of or self.groups

    def by(self, wholes: Sequence[str]) -> tuple[tuple[str, ...], Tensor]:
        """Take groups together.

        Args:
            wholes: What each group is a part of.

        Returns:
            Names of the wholes, sorted, and the index into them of each pair, int64, (N,).
        """
        names = tuple(sorted(set(wholes)))
        return names, torch.tensor([names.index(name) for name in wholes])[self.group]

    def batch(self, index: Tensor) -> Batch:
        """The pairs at `index`, (B,)."""
        window = self.window(index)
        images = {
            name: pixels.index_select(0, window.flatten()).view(*window.shape, *pixels.shape[1:]).permute(0, 1, 4, 2, 3)
            for name, pixels in self.images.items()
        }
        return Batch(images, self.state[window], self.scene[window], self.action[index], self.mask[index])

    def window(self, index: Tensor) -> Tensor:
        """The pairs at `index` and the H - 1 before each, the newest last, (B,) to (B, H).

        What would lie before a demonstration's beginning, or before a gap, is the first pair after it.
        """
        back = torch.arange(1 - self.history, 1, device=index.device)
        return torch.maximum(index[:, None] + back, self.first[index][:, None])

    def to(self, device: torch.device) -> Pairs:
        """The same pairs in another device's memory."""
        images = {name: pixels.to(device) for name, pixels in self.images.items()}
        names = ("state", "scene", "action", "mask", "group", "demonstration", "first")
        return replace(self, images=images, **{name: getattr(self, name).to(device) for name in names})

    def counts(self) -> Tensor:
        """Pairs of each group, int64, (k,)."""
        return torch.bincount(self.group, minlength=len(self.groups))

    def proportions(self) -> Tensor:
        r"""Share of each group in the pairs, :math:`\rho`, float64, (k,)."""
        return self.counts().double() / len(self)

    def normalization(self, config: PolicyConfig, index: Tensor | None = None) -> Normalization:
        """Units for a policy that learns from the pairs at `index`; all, if None.

        A state policy is not told of a block that nobody moves, unless it is to know what is untouched.
        """
        index = torch.arange(len(self), device=self.state.device) if index is None else index
        known = features.features(config, self.state[index], self.scene[index])
        units = Normalization.of(known, self.action[index], self.mask[index])
        if config.policy == "image" or config.untouched or self.moves_block():
            return units
        return units.without(features.of_block(config).to(known.device))

    def moves_block(self) -> bool:
        """Whether any demonstration moves the block by more than `MOVED`."""
        block, at = self.scene[:, features.BLOCK][:, :3], self.demonstration[:, None].expand(-1, 3)
        none = block.new_zeros(int(self.demonstration.max()) + 1, 3)
        least, most = (none.scatter_reduce(0, at, block, end, include_self=False) for end in ("amin", "amax"))
        return bool((most - least).max() > MOVED)

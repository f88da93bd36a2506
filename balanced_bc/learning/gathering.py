"""Demonstrations turned into pairs at the size that a policy wants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from balanced_bc.demonstrations.contract import Camera, RobotContract
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.observation import ACTION_SIZE, SCENE_SIZE, STATE_SIZE, Demonstration
from balanced_bc.demonstrations.segments import FrameGroups, names_of
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.pixels import mapped as mapped_images
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.resample import shrink_all


class Grouped(NamedTuple):
    """A demonstration, the group it belongs to or those of its frames, and what it is called in errors."""

    name: str
    group: str | FrameGroups
    demonstration: Demonstration


def load_pairs(dataset: Dataset, axes: Sequence[str], config: PolicyConfig, mapped: bool = False) -> Pairs:
    """Load every demonstration of a dataset.

    Args:
        dataset: Where the demonstrations are.
        axes: Tags that make the groups, such as `("behavior",)` or `("behavior", "quality")`.
        config: Policy that will learn: its inputs, image size and chunk decide what is loaded.
        mapped: Whether images are mapped from the disk instead of read into memory.

    Raises:
        LearningError: The dataset is empty, or an episode holds numbers that no policy can learn from.
    """
    groups = dataset.frame_groups(axes)
    found = (
        Grouped(f"episode {record.index}", groups[record.index], dataset.demonstration(record.index))
        for record in dataset.episodes
    )
    on_disk = mapped and config.policy == "image"
    pairs = gather(found, config, dataset.contract, images=not on_disk)
    pairs = replace(pairs, axes=tuple(axes), episodes=[record.index for record in dataset.episodes])
    if not on_disk:
        return pairs
    return replace(pairs, images=mapped_images(dataset, config.image_size, len(pairs)), mapped=True)


def size_of_images(dataset: Dataset, config: PolicyConfig) -> int:
    """What the images of all episodes take at the policy's size, [byte]."""
    if config.policy == "state":
        return 0
    return sum(record.pairs for record in dataset.episodes) * len(dataset.contract.cameras) * config.image_size**2 * 3


def gather(
    demonstrations: Iterable[Grouped], config: PolicyConfig, contract: RobotContract, images: bool = True
) -> Pairs:
    """Turn demonstrations into pairs at the policy's size; `images` may stay away, for they take most of the memory."""
    cameras = contract.cameras if config.policy == "image" else ()
    parts = [_Part.of(item, config, contract, cameras if images else ()) for item in demonstrations]
    if not parts:
        raise LearningError("the dataset has no demonstrations; record or collect some first")
    groups = names_of(part.groups for part in parts)
    lengths = torch.tensor([len(part.state) for part in parts])
    return Pairs(
        images={name: _join([part.images.pop(name) for part in parts]) for name in tuple(parts[0].images)},
        state=_join([part.state for part in parts]),
        scene=_join([part.scene for part in parts]),
        action=_join([part.action for part in parts]),
        mask=_join([part.mask for part in parts]),
        group=member_of([part.groups for part in parts], groups, lengths),
        demonstration=torch.arange(len(parts)).repeat_interleave(lengths),
        first=torch.from_numpy(np.concatenate([part.first for part in parts]))
        + (lengths.cumsum(0) - lengths).repeat_interleave(lengths),
        groups=groups,
        history=config.history,
    )


def member_of(found: Iterable[FrameGroups], groups: Sequence[str], lengths: Tensor) -> Tensor:
    """Index into `groups` of each pair, demonstration after demonstration, int64, (N,).

    Args:
        found: Groups of the frames of each demonstration.
        groups: Names of all groups.
        lengths: Pairs of each demonstration.
    """
    return torch.from_numpy(np.concatenate([one.numbered(groups, t) for one, t in zip(found, lengths.tolist())]))


def chunks(
    action: NDArray[np.float32], ticks: NDArray[np.int64], period: float, size: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Each tick's next actions, and which of them followed without a gap.

    What lies after a gap or the end of the demonstration is under a mask of 0.

    Args:
        action: (T, 7).
        ticks: Time of each action, [ns], (T,).
        period: Time between two ticks that have no gap between them, [s].
        size: Actions in a chunk, C.

    Returns:
        Chunks (T, C, 7) and mask (T, C).
    """
    ahead = np.arange(len(action))[:, None] + np.arange(size)
    inside = np.minimum(ahead, len(action) - 1)
    first = stretches(ticks, period)
    mask = (ahead < len(action)) & (first[inside] == first[:, None])
    return action[inside].astype(np.float32), mask.astype(np.float32)


def stretches(ticks: NDArray[np.int64], period: float) -> NDArray[np.int64]:
    """First tick of the stretch without a gap that each tick is in, (T,).

    Args:
        ticks: Time of each tick, [ns], (T,).
        period: Time between two ticks that have no gap between them, [s].
    """
    begins = np.concatenate(([True], np.diff(ticks) > 1.5e9 * period))
    return np.maximum.accumulate(np.where(begins, np.arange(len(ticks)), 0))


class _Part(NamedTuple):
    """One demonstration at the policy's size."""

    groups: FrameGroups
    images: dict[str, NDArray[np.uint8]]
    state: NDArray[np.float32]
    scene: NDArray[np.float32]
    action: NDArray[np.float32]
    mask: NDArray[np.float32]
    first: NDArray[np.int64]

    @classmethod
    def of(cls, item: Grouped, config: PolicyConfig, contract: RobotContract, cameras: Sequence[Camera]) -> _Part:
        """Check and resample."""
        demonstration = item.demonstration
        scene = _scene(item, config)
        _check_numbers(item, state=(demonstration.state, STATE_SIZE), action=(demonstration.action, ACTION_SIZE))
        _check_numbers(item, scene=(scene, SCENE_SIZE if scene.size else 0))
        images = {
            camera.name: shrink_all(_camera(item, camera.name, camera.shape), config.image_size) for camera in cameras
        }
        chunk, mask = chunks(demonstration.action, demonstration.ticks, contract.period, config.chunk)
        first = stretches(demonstration.ticks, contract.period)
        groups = FrameGroups((item.group,)) if isinstance(item.group, str) else item.group
        return cls(groups, images, demonstration.state, scene, chunk, mask, first)


def _join(parts: Sequence[NDArray[np.uint8] | NDArray[np.float32]]) -> Tensor:
    return torch.from_numpy(np.concatenate(parts))


def _scene(item: Grouped, config: PolicyConfig) -> NDArray[np.float32]:
    """The privileged scene of a demonstration, (T, 21), or (T, 0) where there is none and none is needed."""
    scene = item.demonstration.scene
    if scene is not None:
        return scene
    if config.policy == "state":
        raise LearningError(f"{item.name} has no scene: a state policy learns from a simulator's; use the policy image")
    return np.zeros((len(item.demonstration.state), 0), np.float32)


def _camera(item: Grouped, name: str, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """A camera's images, of the contract's size and one per tick."""
    images = item.demonstration.images
    if name not in images:
        raise LearningError(f"{item.name} has no images of camera {name!r}; it has {sorted(images)}")
    pixels, wanted = images[name], (len(item.demonstration.state), *shape)
    if pixels.shape != wanted or pixels.dtype != np.uint8:
        raise LearningError(
            f"{item.name} has {name} images of {pixels.dtype} {pixels.shape}; the contract says uint8 {wanted}"
        )
    return pixels


def _check_numbers(item: Grouped, **values: tuple[NDArray[np.float32], int]) -> None:
    """Refuse arrays of another shape and numbers that are not finite."""
    ticks = len(item.demonstration.state)
    for name, (array, width) in values.items():
        if array.shape != (ticks, width) or ticks == 0:
            raise LearningError(
                f"{item.name} has {name} of shape {array.shape}; wanted is ({ticks}, {width}), not empty"
            )
        if not np.isfinite(array).all():
            tick = int(np.flatnonzero(~np.isfinite(array).all(axis=-1))[0])
            raise LearningError(f"{item.name} has {name} that is not finite at tick {tick}: {array[tick].tolist()}")

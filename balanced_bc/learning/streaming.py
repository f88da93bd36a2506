"""Pairs of a whole dataset in files that are mapped into memory, for datasets that do not fit into it.

DATASET/cache/pairs-KEY/COLUMN.bin     state, scene, action, mask float32 and first int64, episode after episode;
DATASET/cache/pairs-KEY/length.bin     pairs of each episode, int64. Derived and disposable.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from balanced_bc.demonstrations.alignment import ALIGNMENT_VERSION
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.observation import ACTION_SIZE, SCENE_SIZE, STATE_SIZE
from balanced_bc.demonstrations.segments import names_of
from balanced_bc.learning.derived import make
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.gathering import Grouped, gather, member_of
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.pixels import mapped as mapped_images
from balanced_bc.policies.config import PolicyConfig

STREAM_VERSION = 1
"""Version of the files' layout."""
KEY_LENGTH = 16
LENGTH = "length"


def stream_pairs(dataset: Dataset, axes: Sequence[str], config: PolicyConfig) -> Pairs:
    """Map the pairs of all episodes, after writing them if they are missing or stale.

    In memory are two integers for each pair, its group and its demonstration.

    Args:
        dataset: Where the demonstrations are.
        axes: Tags that make the groups.
        config: Policy that will learn.

    Raises:
        LearningError: The dataset is empty, an episode holds numbers that no policy can learn from, or the cache folder
            cannot be written.
    """
    found = dataset.frame_groups(axes).values()
    if not found:
        raise LearningError("the dataset has no demonstrations; record or collect some first")
    folder = dataset.path / "cache" / f"pairs-{key_of(dataset, config)}"
    if not (folder / f"{LENGTH}.bin").is_file():
        make(folder, lambda into: _write_columns(dataset, config, into), "pairs")
    length = mapped(folder / f"{LENGTH}.bin", (len(found),), np.int64)
    number, groups = int(length.sum()), names_of(found)
    images = mapped_images(dataset, config.image_size, number) if config.policy == "image" else {}
    return Pairs(
        images=images,
        **columns(folder, number, config.chunk),
        group=member_of(found, groups, length),
        demonstration=torch.arange(len(found)).repeat_interleave(length),
        groups=groups,
        axes=tuple(axes),
        parts_of=(),
        episodes=[record.index for record in dataset.episodes],
        history=config.history,
        mapped=True,
    )


def columns(folder: Path, number: int, chunk: int) -> dict[str, Tensor]:
    """Map the columns of N pairs whose chunks have C actions."""
    scene = (folder / "scene.bin").stat().st_size // (4 * number)
    shapes = {
        "state": (number, STATE_SIZE),
        "scene": (number, scene),
        "action": (number, chunk, ACTION_SIZE),
        "mask": (number, chunk),
    }
    found = {name: mapped(folder / f"{name}.bin", shape, np.float32) for name, shape in shapes.items()}
    return {**found, "first": mapped(folder / "first.bin", (number,), np.int64)}


def mapped(path: Path, shape: tuple[int, ...], kind: type[np.generic]) -> Tensor:
    """Map a file; nobody writes to it."""
    if not prod(shape):
        return torch.zeros(shape, dtype=torch.from_numpy(np.zeros(1, kind)).dtype)
    with warnings.catch_warnings():  # torch would rather have memory that can be written
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(np.memmap(path, kind, "r", shape=shape))


def key_of(dataset: Dataset, config: PolicyConfig) -> str:
    """Hash of all that the files depend on."""
    bags = [(record.index, record.bag) for record in dataset.episodes]
    what: list[Any] = [bags, dataset.contract.to_dict(), ALIGNMENT_VERSION, STREAM_VERSION, config.policy, config.chunk]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:KEY_LENGTH]


def size_of_pairs(dataset: Dataset, config: PolicyConfig) -> int:
    """What all pairs take without images, and about as much again as features, [byte]."""
    each = STATE_SIZE + SCENE_SIZE + config.chunk * (ACTION_SIZE + 1)
    return sum(record.pairs for record in dataset.episodes) * 2 * 4 * each


def _write_columns(dataset: Dataset, config: PolicyConfig, folder: Path) -> None:
    """Append one demonstration after another."""
    before = 0
    with ExitStack() as stack:
        names = ("state", "scene", "action", "mask", "first", LENGTH)
        streams = {name: stack.enter_context((folder / f"{name}.bin").open("wb")) for name in names}
        for record, demonstration in dataset.demonstrations():
            item = Grouped(f"episode {record.index}", "", demonstration)
            pairs = gather([item], config, dataset.contract, images=False)
            values = {name: getattr(pairs, name) for name in ("state", "scene", "action", "mask")}
            values.update(first=pairs.first + before, length=torch.tensor([len(pairs)]))
            for name, value in values.items():
                streams[name].write(value.numpy().tobytes())
            before += len(pairs)

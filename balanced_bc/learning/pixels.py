"""Images of a whole dataset at a policy's size, in one file per camera that is mapped into memory.

DATASET/cache/pixels-SIZE-KEY/CAMERA.rgb    uint8, (N, size, size, 3), episode after episode; derived and disposable
"""

from __future__ import annotations

import hashlib
import json
import shutil
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from balanced_bc.demonstrations.alignment import ALIGNMENT_VERSION
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.learning.derived import make
from balanced_bc.policies.resample import RESAMPLE_VERSION, shrink_all

KEY_LENGTH = 16


def mapped(dataset: Dataset, size: int, number: int) -> dict[str, Tensor]:
    """Map the images of all episodes, after writing them if they are missing, stale or damaged.

    Args:
        dataset: Where the demonstrations are.
        size: Rows and columns, [px].
        number: Pairs in the dataset, N.

    Returns:
        Camera to images, uint8, (N, size, size, 3).

    Raises:
        LearningError: The cache folder cannot be written.
    """
    folder = dataset.path / "cache" / f"pixels-{size}-{key_of(dataset, size)}"
    shape = (number, size, size, 3)
    files = {camera.name: folder / f"{camera.name}.rgb" for camera in dataset.contract.cameras}
    if not all(path.is_file() and path.stat().st_size == prod(shape) for path in files.values()):
        _remove_other(folder)
        make(folder, lambda into: _write(dataset, size, into), "images")
    # Copy-on-write: torch wants memory that could be written, and nobody writes.
    return {name: torch.from_numpy(np.memmap(path, np.uint8, "c", shape=shape)) for name, path in files.items()}


def key_of(dataset: Dataset, size: int) -> str:
    """Hash of all that the files depend on: bags, contract, the rules of alignment and of resampling, the size."""
    bags = [(record.index, record.bag) for record in dataset.episodes]
    parts = [bags, dataset.contract.to_dict(), ALIGNMENT_VERSION, RESAMPLE_VERSION, size]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:KEY_LENGTH]


def _write(dataset: Dataset, size: int, folder: Path) -> None:
    """Write a file for each camera, one demonstration after another."""
    for camera in dataset.contract.cameras:
        with (folder / f"{camera.name}.rgb").open("wb") as stream:
            for _, demonstration in dataset.demonstrations():
                stream.write(shrink_all(demonstration.images[camera.name], size).tobytes())


def _remove_other(folder: Path) -> None:
    """Remove this size's files of other keys, and damaged ones; whoever has them mapped keeps them."""
    prefix = folder.name[:-KEY_LENGTH]
    for other in folder.parent.glob(f"{prefix}*"):
        shutil.rmtree(other, ignore_errors=True)

"""The same pairs as a LeRobot dataset v3.0 with videos, read as LeRobot's training reads them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, default_collate

from balanced_bc.learning.pairs import Pairs
from balanced_bc.policies.batch import Batch
from balanced_bc.policies.torchvision_operators import import_torchvision
from benchmarks.rivals.learner import AbsentError, Batches

IMAGES, STATE, ACTION = "observation.images.", "observation.state", "action"
NAME = "benchmark/pairs"


def lerobot(cache: Path) -> Any:
    """LeRobot's module of datasets, which asks no server and keeps its cache in a folder.

    Raises:
        AbsentError: It cannot be imported.
    """
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HOME": str(cache), "HF_LEROBOT_HOME": str(cache)}
    try:
        import_torchvision()
        import torchcodec  # noqa: F401
        from lerobot.datasets import lerobot_dataset
    except (ImportError, RuntimeError, OSError) as error:
        raise AbsentError(f"LeRobot: {str(error).splitlines()[0]}") from error
    return lerobot_dataset


class Videos:
    """A LeRobot dataset in a folder; written if it is not there.

    Args:
        pairs: What is written, at the size that it has there.
        folder: Where the dataset is.
        codec: `libsvtav1`, its default, or `h264`; all else is its default.
        rate: Frames per second.
    """

    def __init__(self, pairs: Pairs, folder: Path, codec: str, rate: float) -> None:
        module = lerobot(folder.parent / "cache")
        if not folder.exists():
            _write(module, pairs, folder, codec, rate)
        ahead = [step / rate for step in range(pairs.action.shape[1])]
        self.dataset = module.LeRobotDataset(NAME, root=folder, delta_timestamps={ACTION: ahead})
        self.cameras = tuple(pairs.images)

    def at(self, index: Sequence[int]) -> Batch:
        """The pairs with these numbers."""
        return self._batch(default_collate([self.dataset[each] for each in index]))

    def batches(self, size: int, workers: int) -> Batches:
        """Batches without end: torch's loader with the arguments of LeRobot's training."""
        _forget_decoders()
        ahead = 2 if workers else None
        loader = DataLoader(self.dataset, size, shuffle=True, num_workers=workers, prefetch_factor=ahead)
        while True:
            for item in loader:
                yield self._batch(item)

    def _batch(self, item: Mapping[str, Any]) -> Batch:
        """As the network wants it: a history of one, colors from 0 to 255."""
        images = {name: item[IMAGES + name].mul_(255)[:, None] for name in self.cameras}
        state: Tensor = item[STATE][:, None]
        mask = (~item[f"{ACTION}_is_pad"]).float()
        return Batch(images, state, torch.empty(len(state), 1, 0), item[ACTION], mask)


def _forget_decoders() -> None:
    """Close what this process has opened: an open decoder does not work in the loader's processes."""
    from lerobot.datasets import video_utils

    video_utils._default_decoder_cache.clear()


def _write(module: Any, pairs: Pairs, folder: Path, codec: str, rate: float) -> None:
    """All demonstrations, one episode each; the folder is there when all of it is written."""
    partial = folder.with_name(f".{folder.name}")
    shutil.rmtree(partial, ignore_errors=True)
    dataset = module.LeRobotDataset.create(
        NAME, int(rate), _features(pairs), root=partial, use_videos=True, vcodec=codec
    )
    for number in range(int(pairs.demonstration[-1]) + 1):
        for row in (pairs.demonstration == number).nonzero().flatten().tolist():
            dataset.add_frame(_frame(pairs, row))
        dataset.save_episode()
    dataset.finalize()
    partial.rename(folder)


def _features(pairs: Pairs) -> dict[str, dict[str, Any]]:
    names = ["height", "width", "channels"]
    cameras = {
        IMAGES + name: {"dtype": "video", "shape": tuple(pixels.shape[1:]), "names": names}
        for name, pixels in pairs.images.items()
    }
    numbers = {STATE: pairs.state.shape[-1], ACTION: pairs.action.shape[-1]}
    return cameras | {name: {"dtype": "float32", "shape": (size,), "names": None} for name, size in numbers.items()}


def _frame(pairs: Pairs, row: int) -> dict[str, Any]:
    images = {IMAGES + name: pixels[row].numpy() for name, pixels in pairs.images.items()}
    numbers = {STATE: pairs.state[row].numpy(), ACTION: pairs.action[row, 0].numpy()}
    return {**images, **numbers, "task": pairs.groups[int(pairs.group[row])]}

"""The same pairs as robomimic's HDF5 file, read by its dataset with everything cached."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, default_collate

from balanced_bc.learning.batches import Pairs
from balanced_bc.policies.batch import Batch
from benchmarks.rivals.learner import AbsentError, Batches
from benchmarks.rivals.torchvision_operators import import_torchvision

STATE, ACTIONS, MASK = "state", "actions", "mask"


def robomimic() -> Any:
    """Robomimic's module of datasets.

    Raises:
        AbsentError: It cannot be imported.
    """
    try:
        import_torchvision()
        with redirect_stdout(sys.stderr):
            from robomimic.utils import dataset
    except (ImportError, RuntimeError, OSError) as error:
        raise AbsentError(f"robomimic: {str(error).splitlines()[0]}") from error
    return dataset


class File:
    """A robomimic dataset that `export` wrote.

    robomimic reads chunks of actions together with an image for each. Here a chunk is stored as one long action, which
    spares it seven images of eight.

    Args:
        pairs: What was written.
        path: Where the file is.
    """

    def __init__(self, pairs: Pairs, path: Path) -> None:
        module = robomimic()
        self.cameras, self.chunk = tuple(pairs.images), tuple(pairs.action.shape[1:])
        with redirect_stdout(sys.stderr):
            self.dataset = module.SequenceDataset(
                str(path), (*self.cameras, STATE), (ACTIONS, MASK), hdf5_cache_mode="all", load_next_obs=False
            )

    def at(self, index: Sequence[int]) -> Batch:
        """The pairs with these numbers."""
        return self._batch(default_collate([self.dataset[each] for each in index]))

    def loader(self, size: int, workers: int = 0) -> DataLoader[Any]:
        """Torch's loader with the arguments of robomimic's training."""
        return DataLoader(self.dataset, size, shuffle=True, num_workers=workers, drop_last=True)

    def batches(self, size: int, workers: int) -> Batches:
        """Batches without end."""
        loader = self.loader(size, workers)
        while True:
            for item in loader:
                yield self._batch(item)

    def _batch(self, item: Mapping[str, Any]) -> Batch:
        """As the network wants it: a history of one, colors first."""
        images = {name: item["obs"][name].permute(0, 1, 4, 2, 3) for name in self.cameras}
        state: Tensor = item["obs"][STATE]
        actions = item[ACTIONS].view(-1, *self.chunk)
        return Batch(images, state, torch.empty(len(state), 1, 0), actions, item[MASK][:, 0])


def export(pairs: Pairs, path: Path, scale: Tensor | None = None) -> Path:
    """Write all demonstrations, if they are not there; the file is there when all of it is written.

    Args:
        pairs: What is written, at the size that it has there.
        path: Where.
        scale: What actions are divided by, (7,).
    """
    robomimic()
    import h5py

    if path.exists():
        return path
    partial = path.with_name(f".{path.name}")
    actions = (pairs.action if scale is None else pairs.action / scale).flatten(1)
    with h5py.File(partial, "w") as file:
        data = file.create_group("data")
        data.attrs["total"] = len(pairs)
        data.attrs["env_args"] = json.dumps({"env_name": "balanced_bc", "type": 1, "env_kwargs": {}})
        for number in range(int(pairs.demonstration[-1]) + 1):
            rows = (pairs.demonstration == number).nonzero().flatten()
            group = data.create_group(f"demo_{number}")
            group.attrs["num_samples"] = len(rows)
            for name, values in {ACTIONS: actions, MASK: pairs.mask}.items():
                group.create_dataset(name, data=values[rows].numpy())
            for name, values in {**pairs.images, STATE: pairs.state}.items():
                group.create_dataset(f"obs/{name}", data=values[rows].numpy())
    partial.rename(path)
    return path

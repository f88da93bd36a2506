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

from balanced_bc.learning.pairs import Pairs
from balanced_bc.policies.batch import Batch
from balanced_bc.policies.torchvision_operators import import_torchvision
from benchmarks.rivals.learner import AbsentError, Batches

STATE, ACTION, CHUNK, MASK = "state", "action", "actions", "mask"
"""Names in the file: robot state, an action, a chunk of actions as one long one, which of them were given."""


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

    Read as sequences, as its own policies with chunks do, robomimic copies an observation with each action of a chunk.
    Without, a chunk is read as one long action, which spares it seven images of eight.

    Args:
        pairs: What was written.
        path: Where the file is.
        sequences: Whether chunks are read as sequences.
    """

    def __init__(self, pairs: Pairs, path: Path, sequences: bool = False) -> None:
        module = robomimic()
        self.cameras, self.chunk, self.sequences = tuple(pairs.images), tuple(pairs.action.shape[1:]), sequences
        with redirect_stdout(sys.stderr):
            self.dataset = module.SequenceDataset(
                str(path),
                (*self.cameras, STATE),
                (ACTION,) if sequences else (CHUNK, MASK),
                seq_length=self.chunk[0] if sequences else 1,
                get_pad_mask=sequences,
                hdf5_cache_mode="all",
                load_next_obs=False,
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
        images = {name: item["obs"][name][:, :1].permute(0, 1, 4, 2, 3) for name in self.cameras}
        state: Tensor = item["obs"][STATE][:, :1]
        actions = item[ACTION] if self.sequences else item[CHUNK].view(-1, *self.chunk)
        mask = item["pad_mask"][..., 0].to(state.dtype) if self.sequences else item[MASK][:, 0]
        return Batch(images, state, torch.empty(len(state), 1, 0), actions, mask)


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
    scaled = pairs.action if scale is None else pairs.action / scale
    columns = {CHUNK: scaled.flatten(1), ACTION: scaled[:, 0], MASK: pairs.mask}
    with h5py.File(partial, "w") as file:
        data = file.create_group("data")
        data.attrs["total"] = len(pairs)
        data.attrs["env_args"] = json.dumps({"env_name": "balanced_bc", "type": 1, "env_kwargs": {}})
        for number in range(int(pairs.demonstration[-1]) + 1):
            rows = (pairs.demonstration == number).nonzero().flatten()
            group = data.create_group(f"demo_{number}")
            group.attrs["num_samples"] = len(rows)
            for name, values in columns.items():
                group.create_dataset(name, data=values[rows].numpy())
            for name, values in {**pairs.images, STATE: pairs.state}.items():
                group.create_dataset(f"obs/{name}", data=values[rows].numpy())
    partial.rename(path)
    return path

"""A training on disk, while it runs: what is needed to go on after it was stopped or killed.

OUTPUT.training/training.yaml          which training it is; a differing one is refused
OUTPUT.training/state.safetensors      parameters, average, optimizer, generator; replaced as a whole
OUTPUT.training/lock                   held by the process that trains
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from balanced_bc.demonstrations.durable import sync
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.keeping import RunFolder

FORMAT = 1
"""Version of the files above. 1 is the first."""
DESCRIPTION = "training.yaml"
STATE = "state.safetensors"


class State(NamedTuple):
    """A training between two steps.

    Attributes:
        tensors: All that is a tensor, by name, on the CPU.
        numbers: The rest, plain types.
    """

    tensors: dict[str, Tensor]
    numbers: dict[str, Any]


class Store(RunFolder):
    """Keeps one training beside its output.

    Args:
        output: Folder of the checkpoint that the training will end with.
        training: Plain types that tell this training from every other one.
    """

    def __init__(self, output: Path, training: Mapping[str, Any]) -> None:
        super().__init__(folder_of(output), DESCRIPTION, {"format": FORMAT, **training}, "trains", "training")

    @property
    def has_state(self) -> bool:
        """Whether there is something to go on from."""
        return (self.folder / STATE).exists()

    def open(self) -> State | None:
        """Begin to keep the training; the state to go on from, if there is one.

        Raises:
            LearningError: Another process trains there, the state is damaged, or it is of another training.
        """
        self.take()
        if not self.has_state:
            self.begin()
            return None
        self.require_same()
        return self._read()

    def write(self, state: State) -> None:
        """Replace the state on disk."""
        numbers = json.dumps({**state.numbers, "checksum": checksum(state.tensors)})
        unfinished = self.folder / f".{STATE}"
        save_file({name: value.contiguous() for name, value in state.tensors.items()}, unfinished, {"numbers": numbers})
        sync(unfinished)
        unfinished.replace(self.folder / STATE)
        sync(self.folder)

    def _read(self) -> State:
        path = self.folder / STATE
        try:
            with safe_open(path, framework="pt") as file:
                numbers = json.loads(file.metadata()["numbers"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if (found := checksum(tensors)) != numbers.pop("checksum"):
                raise ValueError(f"its checksum is {found}")
        except Exception as error:
            raise damaged(path, error) from error
        return State(tensors, numbers)


def damaged(path: Path, error: Exception) -> LearningError:
    """What to say of a state that cannot be read."""
    return LearningError(
        f"{path} is damaged ({error}), so the training cannot go on from it; remove {path.parent} to start afresh"
    )


def folder_of(output: Path) -> Path:
    """Where the training of a checkpoint is kept while it runs."""
    return output.with_name(f"{output.name}.training")


def checksum(tensors: Mapping[str, Tensor]) -> int:
    """CRC-32 of all tensors, by name."""
    total = 0
    for name in sorted(tensors):
        flat: Any = tensors[name].contiguous().flatten().view(torch.uint8).numpy()
        total = zlib.crc32(flat, total)
    return total

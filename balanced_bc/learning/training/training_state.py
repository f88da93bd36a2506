"""A training on disk, while it runs: what is needed to go on after it was stopped or killed.

OUTPUT.training/training.yaml          which training it is; a differing one is refused
OUTPUT.training/state.safetensors      parameters, average, optimizer, generator; replaced as a whole
OUTPUT.training/lock                   held by the process that trains
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from balanced_bc.learning.keeping import RunFolder
from balanced_bc.policies import tensors

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
        """Replace the state on disk.

        Raises:
            LearningError: It cannot be written; the one before is kept.
        """
        beside = {"numbers": json.dumps(state.numbers)}
        with self.writing():
            tensors.write(self.folder / STATE, state.tensors, beside, self.folder / f".{STATE}")

    def _read(self) -> State:
        path = self.folder / STATE
        try:
            found, beside = tensors.read(path)
            return State(found, json.loads(beside["numbers"]))
        except (OSError, ValueError, KeyError) as error:
            raise self.damaged(path, error) from error


def folder_of(output: Path) -> Path:
    """Where the training of a checkpoint is kept while it runs."""
    return output.with_name(f"{output.name}.training")

"""A training on disk, while it runs: what is needed to go on after it was stopped or killed.

OUTPUT.training/training.yaml          which training it is; a differing one is refused
OUTPUT.training/state.safetensors      parameters, average, optimizer, generator; replaced as a whole
OUTPUT.training/lock                   held by the process that trains
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

from torch import Tensor

from balanced_bc.demonstrations.durable import read_yaml, sync, write_yaml
from balanced_bc.learning.errors import LearningError
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


class Store:
    """Keeps one training beside its output.

    Args:
        output: Folder of the checkpoint that the training will end with.
        training: Plain types that tell this training from every other one.
    """

    def __init__(self, output: Path, training: Mapping[str, Any]) -> None:
        self.folder = folder_of(output)
        self.training = {"format": FORMAT, **training}
        self._lock: IO[bytes] | None = None

    @property
    def has_state(self) -> bool:
        """Whether there is something to go on from."""
        return (self.folder / STATE).exists()

    def open(self) -> State | None:
        """Begin to keep the training; the state to go on from, if there is one.

        Raises:
            LearningError: Another process trains there, the state is damaged, or it is of another training.
        """
        self._take_lock()
        if not self.has_state:
            write_yaml(self.folder / DESCRIPTION, self.training)
            return None
        self._require_same(read_yaml(self.folder / DESCRIPTION))
        return self._read()

    def write(self, state: State) -> None:
        """Replace the state on disk."""
        unfinished = self.folder / f".{STATE}"
        tensors.write(unfinished, state.tensors, {"numbers": json.dumps(state.numbers)})
        unfinished.replace(self.folder / STATE)
        sync(self.folder)

    def remove(self) -> None:
        """Forget the training: it is done."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.close()

    def close(self) -> None:
        """Let others go on with the training."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _take_lock(self) -> None:
        """Held until this process ends, however it ends."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self.folder / "lock").open("ab")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            raise LearningError(f"another process trains in {self.folder}; wait for it, or choose another") from None

    def _require_same(self, found: Mapping[str, Any]) -> None:
        if listed := differences(found, self.training):
            text = "\n".join(f"  {line}" for line in listed)
            raise LearningError(
                f"{self.folder} holds a training that was interrupted, and this is another one:\n{text}\n"
                f"Give the options that it had to go on with it, or remove {self.folder} to start afresh"
            )

    def _read(self) -> State:
        path = self.folder / STATE
        try:
            found, beside = tensors.read(path)
            return State(found, json.loads(beside["numbers"]))
        except (OSError, ValueError, KeyError) as error:
            raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> LearningError:
    """What to say of a state that cannot be read."""
    return LearningError(
        f"{path} is damaged ({error}), so the training cannot go on from it; remove {path.parent} to start afresh"
    )


def folder_of(output: Path) -> Path:
    """Where the training of a checkpoint is kept while it runs."""
    return output.with_name(f"{output.name}.training")


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """What two descriptions disagree on, a line each."""
    there, here = (dict(_flat(plain)) for plain in (found, wanted))
    names = [*here, *(name for name in there if name not in here)]
    lacking = "nothing"
    return [
        f"{name}: {there.get(name, lacking)} there, {here.get(name, lacking)} here"
        for name in names
        if there.get(name, lacking) != here.get(name, lacking)
    ]


def _flat(plain: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in plain.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value

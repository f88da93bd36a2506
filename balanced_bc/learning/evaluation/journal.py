"""Rollouts that are over, kept in a file while an evaluation goes on, so that one that was interrupted can go on."""

from __future__ import annotations

import base64
import fcntl
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from balanced_bc.demonstrations.observation import ACTION_SIZE
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.evaluation.rollout import Job, Played, Rollout

FORMAT = 2
"""Version of the file: a line of JSON that says what is evaluated, then one for each rollout and what was done in it.
1 was without what was done; a file of it begins anew."""


def journal_of(output: Path) -> Path:
    """The file beside an output."""
    return output.with_name(f".{output.name}.journal")


class Journal:
    """Keeps each rollout as a line, as soon as it is over; a last line that is not whole is as good as not there."""

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        """Go on with a file, or begin anew if it is about something else.

        Args:
            path: The file; its folder is made.
            about: Everything that a rollout depends on beside its behavior and seed, in plain types.

        Raises:
            LearningError: The file is about this, and a line of it is damaged; or it cannot be written.
        """
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = _locked(path)
        except OSError as error:
            raise LearningError(f"{path} cannot be written: {error.strerror}") from error
        whole, _, _ = self._file.read().rpartition(b"\n")
        head, lines = json.dumps({"format": FORMAT, **about}), whole.decode(errors="replace").split("\n")
        self.kept: dict[Job, Played] = {}
        if lines[0] == head:
            self.kept = {one.rollout.job: one for one in _read(path, lines[1:])}
            self._file.truncate(len(whole) + 1)
        else:
            self._file.truncate(0)
            self._write(head)

    def keep(self, played: Played) -> None:
        """One more is over."""
        actions = base64.b64encode(played.actions.astype("<f4").tobytes()).decode()
        self._write(json.dumps({**played.rollout._asdict(), "actions": actions}))

    def close(self) -> None:
        """Let others go on with the file; what could not be written was told before."""
        with suppress(OSError):
            self._file.close()

    def _write(self, line: str) -> None:
        try:
            self._file.write(f"{line}\n".encode())
            self._file.flush()
        except OSError as error:
            raise LearningError(
                f"{self._path} cannot be written: {error.strerror}. Make room, if that is what it lacks; the same "
                "command then goes on"
            ) from error


def _read(path: Path, lines: Sequence[str]) -> list[Played]:
    try:
        return [_played(**json.loads(line)) for line in lines]
    except (ValueError, TypeError) as error:
        raise LearningError(f"{path} is damaged ({error}); remove it to begin anew") from error


def _played(actions: str, **rollout: Any) -> Played:
    """What `Journal.keep` wrote."""
    done = np.frombuffer(base64.b64decode(actions), "<f4").astype(np.float32)
    return Played(Rollout(**rollout), done.reshape(-1, ACTION_SIZE))


def _locked(path: Path) -> IO[bytes]:
    """The file, open until this process ends or `close`; writing goes to its end.

    Raises:
        LearningError: Another process has it.
    """
    file = path.open("a+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise LearningError(f"another evaluation writes to {path}; wait for it, or name another output") from None
    file.seek(0)
    return file

"""A folder beside an output in which a run is kept while it goes on: one process at a time, and one run at a time."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from balanced_bc.demonstrations.durable import read_yaml, write_yaml
from balanced_bc.demonstrations.errors import DemonstrationError
from balanced_bc.learning.errors import LearningError


class RunFolder:
    """Keeps one run.

    Args:
        folder: Where to; made when it is opened.
        description: Name of the file that says which run it is.
        run: Plain types that tell this run from every other one.
        doing: What a process does there, such as "trains".
        noun: What is done there, such as "training".
    """

    def __init__(self, folder: Path, description: str, run: Mapping[str, Any], doing: str, noun: str) -> None:
        self.folder, self._description, self._run = folder, description, run
        self._doing, self._noun = doing, noun
        self._lock: IO[bytes] | None = None

    def take(self) -> None:
        """Become the one process that works here; held until this process ends, however it ends.

        Raises:
            LearningError: Another process works here, or the folder cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = (self.folder / "lock").open("ab")
        except OSError as error:
            raise LearningError(f"{self.folder} cannot be made: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            raise LearningError(
                f"another process {self._doing} in {self.folder}; wait for it, or choose another"
            ) from None

    def begin(self) -> None:
        """Say which run is kept here.

        Raises:
            LearningError: It cannot be written.
        """
        with self.writing():
            write_yaml(self.folder / self._description, dict(self._run))

    def require_same(self) -> None:
        """Refuse to go on with another run.

        Raises:
            LearningError: Another run is kept here; what differs is listed. Or nobody can read which one it is.
        """
        try:
            kept = read_yaml(self.folder / self._description)
        except DemonstrationError as error:
            raise LearningError(f"{error}; remove {self.folder} to start afresh") from error
        if listed := differences(kept, self._run):
            text = "\n".join(f"  {line}" for line in listed)
            raise LearningError(
                f"{self.folder} holds a {self._noun} that was interrupted, and this is another one:\n{text}\n"
                f"Give the options that it had to go on with it, or remove {self.folder} to start afresh"
            )

    def damaged(self, path: Path, error: Exception) -> LearningError:
        """What to say of a file here that cannot be read."""
        return LearningError(
            f"{path} is damaged ({error}), so the {self._noun} cannot go on from it; remove {self.folder} to start "
            "afresh"
        )

    @contextmanager
    def writing(self, result: Path | None = None) -> Iterator[None]:
        """While something of the run is written here, or its result.

        Args:
            result: What is written under another name first; None for what errors name rightly.

        Raises:
            LearningError: It cannot be; the run is still kept.
        """
        try:
            yield
        except OSError as error:
            what = result or error.filename or self.folder
            raise LearningError(
                f"{what} cannot be written: {error.strerror}. Make room, if that is what it lacks; the same command "
                f"then goes on with the {self._noun} that is kept in {self.folder}"
            ) from error

    def remove(self) -> None:
        """Forget the run: it is done."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.close()

    def close(self) -> None:
        """Let others go on with the run."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None


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

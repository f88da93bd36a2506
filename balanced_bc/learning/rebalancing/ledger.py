"""Pieces of balancing that are done: kept on the disk against an interruption, and told to other processes.

OUTPUT.balancing/balancing.yaml        which balancing it is; a differing one is refused
OUTPUT.balancing/PIECE.safetensors     what a piece found, such as `repetition-0.references-0`; written whole
OUTPUT.balancing/features-FOLD/        features of all pairs, mapped into memory, where they are kept on the disk
OUTPUT.balancing/lock                  held by the process that balances
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balanced_bc.balancing.work import Kept, Work
from balanced_bc.demonstrations.durable import write_bytes
from balanced_bc.errors import BalancedBCError
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.keeping import RunFolder
from balanced_bc.learning.rebalancing.packed import pack, unpack
from balanced_bc.learning.training.parallel import Team

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store

FORMAT = 1
"""Version of the files above. 1 is the first."""
DESCRIPTION = "balancing.yaml"
SUFFIX = "safetensors"
LOOK_EVERY = 0.1
"""How often a process looks what others have done, [s]."""
FAILED, NUMBER = "failed", "number"
"""Names in the store: what a process died of, and how many pieces are done."""
INTERRUPTED = "interrupted"
"""What a process died of that a person or its machine told to end."""


class Files(RunFolder):
    """Pieces on the disk.

    Args:
        output: Folder of the weights that the balancing will end with.
        balancing: Plain types that tell this balancing from every other one.
    """

    def __init__(self, output: Path, balancing: Mapping[str, Any]) -> None:
        run = {"format": FORMAT, **balancing}
        super().__init__(folder_of(output), DESCRIPTION, run, "balances", "balancing")

    def open(self) -> None:
        """Begin to keep the balancing, or go on with it.

        Raises:
            LearningError: Another process balances there, or the pieces are of another balancing.
        """
        self.take()
        if self.names():
            self.require_same()
        else:
            self.begin()

    def names(self) -> tuple[str, ...]:
        """Pieces that are done."""
        return tuple(sorted(path.name.removesuffix(SUFFIX) for path in self.folder.glob(f"[!.]*.{SUFFIX}")))

    def find(self, name: str) -> Kept | None:
        """See `Ledger`.

        Raises:
            LearningError: The piece is damaged.
        """
        content = self.read(name)
        try:
            return None if content is None else unpack(content)
        except Exception as error:
            raise self.damaged(self.folder / f"{name}{SUFFIX}", error) from error

    def keep(self, name: str, piece: Kept) -> None:
        """See `Ledger`."""
        self.write(name, pack(piece))

    def pause(self) -> None:
        """See `Ledger`: there is nobody to wait for."""
        raise RuntimeError("one process does all pieces, so it waits for none")

    def read(self, name: str) -> bytes | None:
        """A piece as bytes."""
        path = self.folder / f"{name}{SUFFIX}"
        return path.read_bytes() if path.is_file() else None

    def write(self, name: str, content: bytes) -> None:
        """Write a piece whole or not at all.

        Raises:
            LearningError: It cannot be written.
        """
        with self.writing():
            write_bytes(self.folder / f"{name}{SUFFIX}", content, self.folder / f".{name}{SUFFIX}")


class Shared:
    """Pieces of several processes, which tell each other what they have done; the first one keeps all on the disk.

    Args:
        store: Where they tell it.
        team: This process among them.
        files: Where pieces are kept; None but for the first process.
        stop: Asked while waiting; raises to end the process.
    """

    def __init__(self, store: Store, team: Team, files: Files | None, stop: Callable[[], bool]) -> None:
        self._store, self._team, self._files, self._stop = store, team, files, stop
        self._written, self._looked = 0, 0.0
        for name in files.names() if files else ():
            self._tell(name, files.read(name) or b"")  # type: ignore[union-attr]
        self._written = int(store.add(NUMBER, 0)) if files else 0
        team.greatest(0)  # all wait here until the first has told what there is

    def find(self, name: str) -> Kept | None:
        """See `Ledger`."""
        key = f"piece/{name}"
        return unpack(self._store.get(key)) if self._store.check([key]) else None

    def keep(self, name: str, piece: Kept) -> None:
        """See `Ledger`."""
        self._tell(name, pack(piece))
        self.look()

    def pause(self) -> None:
        """See `Ledger`."""
        time.sleep(LOOK_EVERY)
        self._stop()
        self.look()

    def look(self) -> None:
        """Take over what others have done.

        Raises:
            LearningError: Another process failed.
        """
        if self._store.check([FAILED]):
            if (told := self._store.get(FAILED).decode()) == INTERRUPTED:
                raise KeyboardInterrupt
            raise LearningError(told)
        while self._files and self._store.check([key := f"name/{self._written + 1}"]):
            name = self._store.get(key).decode()
            self._files.write(name, self._store.get(f"piece/{name}"))
            self._written += 1

    def done(self, own: float) -> float:
        """Share of the whole run that is done, when this process has done so much of its part."""
        if time.monotonic() - self._looked > LOOK_EVERY or own == 1.0:
            self._looked = time.monotonic()
            self._store.set(f"done/{self._team.rank}", repr(own))
            self.look()
        if not self._team.leads:
            return own
        others = [f"done/{rank}" for rank in range(1, self._team.size)]
        told = [float(self._store.get(key)) if self._store.check([key]) else 0.0 for key in others]
        return (own + sum(told)) / self._team.size

    def fail(self, error: BaseException) -> None:
        """Tell the others why this process ends."""
        if not self._store.check([FAILED]):
            failed = f"process {self._team.rank} of {self._team.size} failed: {_said(error)}"
            self._store.set(FAILED, INTERRUPTED if isinstance(error, KeyboardInterrupt) else failed)

    def leave(self) -> None:
        """End: the first process, which may hold the store, waits for the others."""
        self._store.set(f"left/{self._team.rank}", "")
        while self._team.leads and not self._store.check([f"left/{rank}" for rank in range(self._team.size)]):
            self.pause()

    def _tell(self, name: str, content: bytes) -> None:
        self._store.set(f"piece/{name}", content)  # type: ignore[arg-type]  # bytes are taken too
        self._store.set(f"name/{self._store.add(NUMBER, 1)}", name)


@contextmanager
def kept(team: Team, files: Files, stop: Callable[[], bool]) -> Iterator[tuple[Work, Callable[[float], float]]]:
    """Keep a balancing while it runs, for one process or several.

    It is left on the disk when it is interrupted or fails, and removed when it ends.

    Args:
        team: This process among those that balance.
        files: Where pieces are kept; used by the first process only.
        stop: Asked while waiting; raises to end the process.

    Returns:
        The whole work; the share of the whole run that is done, from this process's own share.
    """
    if team.leads:
        files.open()
    try:
        if team.store is None:
            yield Work(files), lambda done: done
        else:
            yield from _shared(team, files if team.leads else None, stop)
        if team.leads:
            files.remove()
    finally:
        files.close()


def _shared(
    team: Team, files: Files | None, stop: Callable[[], bool]
) -> Iterator[tuple[Work, Callable[[float], float]]]:
    assert team.store is not None, "several processes have a store"
    shared = Shared(team.store, team, files, stop)
    try:
        yield Work(shared, "", team.rank, team.size), shared.done
        shared.leave()
    except BaseException as error:
        shared.fail(error)
        raise


def folder_of(output: Path) -> Path:
    """Where a balancing is kept while it runs."""
    output = output.absolute()
    return output.with_name(f"{output.name}.balancing")


def _said(error: BaseException) -> str:
    return str(error) if isinstance(error, BalancedBCError) else f"{type(error).__name__} {error}".strip()

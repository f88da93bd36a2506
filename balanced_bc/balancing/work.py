"""Who does which piece of a run, so that processes can share it and an interrupted one can go on.

A run is a tree of named pieces: repetitions, in them phases, in them blocks of lanes. A piece follows from the problem
and the configuration alone, so it does not matter which process does it, or when. All processes walk the whole tree;
each does its own pieces, and takes what others have done, or what was done before an interruption, from a ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

from balanced_bc.balancing.errors import BalancingError
from balanced_bc.balancing.result import Progress, Run

T = TypeVar("T")


class Kept(NamedTuple):
    """A piece that is done.

    Attributes:
        value: What it found.
        told: Its progress, without lanes (see `Progress.of_groups`), to be told again.
    """

    value: Any
    told: tuple[Progress, ...]


class Broken(NamedTuple):
    """What is kept of a piece that cannot be done: whoever waits for it must hear that.

    Attributes:
        why: What its `BalancingError` says.
    """

    why: str


class Ledger(Protocol):
    """Where pieces that are done are kept, by name, for this process and others."""

    def find(self, name: str) -> Kept | None:
        """The piece of this name, if it is done."""

    def keep(self, name: str, piece: Kept) -> None:
        """Keep a piece."""

    def pause(self) -> None:
        """Wait a little for another process; raise if it failed."""


class Forgetful:
    """A ledger for one process that will not be interrupted."""

    def find(self, name: str) -> Kept | None:  # noqa: ARG002
        """Nothing was done before."""
        return None

    def keep(self, name: str, piece: Kept) -> None:
        """Nobody will ask."""

    def pause(self) -> None:
        """Nobody is waited for."""
        raise RuntimeError("one process does all pieces, so it waits for none")


class Work(NamedTuple):
    """A part of a run, and this process's place among those that do it.

    Attributes:
        ledger: Where pieces are kept.
        name: Of the part; the names of its pieces begin with it.
        rank: Number of this process among those that do this part.
        size: Number of processes that do this part.
    """

    ledger: Ledger = Forgetful()
    name: str = ""
    rank: int = 0
    size: int = 1

    def part(self, name: str) -> Work:
        """The same processes in a part of this part."""
        return self._replace(name=f"{self.name}{name}.")

    def does(self, number: int, pieces: int) -> bool:
        """Whether this process does piece `number` of so many, alone or with others."""
        return (number - self.rank) % min(pieces, self.size) == 0

    def piece(self, name: str, number: int, pieces: int) -> Work:
        """This process's place in a piece that it does: where there are more processes than pieces, some share one."""
        teams = min(pieces, self.size)
        members = len(range(number % teams, self.size, teams))
        return Work(self.ledger, f"{self.name}{name}-{number}.", self.rank // teams, members)


ALONE = Work()
"""One process that keeps nothing."""
Piece = Callable[[Work], Run[Any]]
"""Does a piece."""


def together(work: Work, name: str, pieces: Sequence[Piece]) -> Run[list[Any]]:
    """Do pieces that are independent of each other; what all of them found, in their order.

    Args:
        work: The part of the run that they are in.
        name: What they are.
        pieces: To be done once each.

    Raises:
        BalancingError: A piece cannot be done; all processes hear of it.
    """
    own = [number for number in range(len(pieces)) if work.does(number, len(pieces))]
    found: dict[int, Any] = {}
    for place, number in enumerate(own):
        run = _done(work.piece(name, number, len(pieces)), pieces[number])
        found[number] = yield from placed(run, lambda done, place=place: (place + done) / len(own))  # type: ignore[misc]
    for number in range(len(pieces)):
        if number not in found:
            found[number] = yield from _awaited(work, work.piece(name, number, len(pieces)).name)
    return [found[number] for number in range(len(pieces))]


def once(work: Work, name: str, piece: Callable[[], Run[T]]) -> Run[T]:
    """Do one piece; what it found."""
    found: list[T] = yield from together(work, name, [lambda _: piece()])
    return found[0]


def placed(run: Run[T], place: Callable[[float], float]) -> Run[T]:
    """Tell the progress of a run as that of a longer one; `place` turns the one's share done into the other's."""
    return retold(run, lambda now: now._replace(done=place(now.done)))


def retold(run: Run[T], tell: Callable[[Progress], Progress]) -> Run[T]:
    """Do a run and tell its progress in other words."""
    while True:
        try:
            now = next(run)
        except StopIteration as end:
            value: T = end.value
            return value
        yield tell(now)


def _done(work: Work, piece: Piece) -> Run[Any]:
    """Do a piece, or take it from the ledger and tell its progress again."""
    if (kept := work.ledger.find(work.name)) is None:
        told = list[Progress]()
        try:
            kept = Kept((yield from retold(piece(work), partial(_remembered, told))), tuple(told))
        except BalancingError as error:
            kept = Kept(Broken(str(error)), tuple(told))
        if work.rank == 0:
            work.ledger.keep(work.name, kept)
    else:
        yield from kept.told
    return _whole(kept)


def _remembered(told: list[Progress], now: Progress) -> Progress:
    """Remember a moment as far as it tells of groups."""
    if (kept := now.of_groups).weights.numel():
        told.append(kept)
    return now


def _awaited(work: Work, name: str) -> Run[Any]:
    """Wait for a piece that another process does."""
    while (kept := work.ledger.find(name)) is None:
        yield Progress.waiting()
        work.ledger.pause()
    for now in kept.told:
        yield now._replace(done=1.0)
    return _whole(kept)


def _whole(kept: Kept) -> Any:
    """What a piece found."""
    if isinstance(kept.value, Broken):
        raise BalancingError(kept.value.why)
    return kept.value


def blocks(number: int, size: int) -> tuple[range, ...]:
    """Cut 0 to `number` - 1 into parts of at most `size`: the same whatever the number of processes."""
    return tuple(range(start, min(start + size, number)) for start in range(0, number, size))

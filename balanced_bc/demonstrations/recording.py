"""Recording one episode into a dataset: from the first message to saved and durable, or to the trash."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from math import isinf
from pathlib import Path
from typing import Any

import numpy as np

from balanced_bc.demonstrations.alignment import Stamps, align
from balanced_bc.demonstrations.bag import BagWriter
from balanced_bc.demonstrations.cdr import stamp
from balanced_bc.demonstrations.contract import RobotContract, Stream
from balanced_bc.demonstrations.durable import content_hash, sync
from balanced_bc.demonstrations.episode import (
    EPISODE_FILE,
    EpisodeRecord,
    StreamRecord,
    folder_name,
    write_episode,
)
from balanced_bc.demonstrations.errors import DemonstrationError
from balanced_bc.demonstrations.rosbag2 import LATCHED, Offer
from balanced_bc.demonstrations.stamps import seconds
from balanced_bc.demonstrations.tags import checked


class EpisodeWriter:
    """Records one episode.

    As a context manager it moves what was recorded to the trash if the block is left without `save`, also by an error.
    A process that is killed leaves the folder as it is: without episode.yaml it counts as unfinished.
    """

    def __init__(
        self, episodes: Path, trash: Path, contract: RobotContract, offers: Mapping[str, Offer] | None = None
    ) -> None:
        """Begin an episode in a new folder.

        Args:
            episodes: Folder of all episodes.
            trash: Folder for what is discarded.
            contract: The streams that are recorded.
            offers: Topic to the quality of service that its publisher offers, where that is known.

        Raises:
            DemonstrationError: The folder cannot be made.
        """
        self.contract = contract
        with named(episodes, "takes no new episode"):
            self.folder = new_folder(episodes)
            self._bag = BagWriter(self.folder)
        self._trash = trash
        self._offers = dict(offers or {})
        self._stamps: dict[str, list[int]] = {}
        self._open = True

    @property
    def open(self) -> bool:
        """Whether the episode has neither been saved nor discarded."""
        return self._open

    @property
    def index(self) -> int:
        """Number that the episode will have."""
        return int(self.folder.name)

    @property
    def counts(self) -> dict[str, int]:
        """Messages of each stream so far."""
        return {topic: len(stamps) for topic, stamps in self._stamps.items()}

    def write(self, topic: str, log_time: int, cdr: bytes) -> None:
        """Record a message as it is.

        Args:
            topic: Topic of one of the contract's streams.
            log_time: Time of reception, [ns], on the clock of the header stamps.
            cdr: The message.

        Raises:
            DemonstrationError: The contract has no such stream, the episode has ended, or the disk is full.
        """
        self._require_open()
        stream = self.contract.stream(topic)
        with named(self._bag.file, "cannot be written"):
            self._bag.write(stream.topic, stream.type, log_time, cdr, self._offer(stream))
        self._stamps.setdefault(stream.topic, []).append(stamp(stream.type, cdr, log_time))

    def save(self, tags: Mapping[str, str], provenance: Mapping[str, Any] | None = None) -> EpisodeRecord:
        """End the episode and keep it; when this returns it is on the disk.

        Args:
            tags: Axis to value.
            provenance: Who or what recorded it, in plain types.

        Raises:
            DemonstrationError: A tag is malformed, or what was recorded is no demonstration, because a stream never
                spoke or at no time spoke with the others. The episode is still open then. Or the disk is full: then the
                episode has ended and is in the trash, with as much of its bag as found room.
        """
        self._require_open()
        tags = checked(tags)
        measured = measure(self.contract, {topic: np.array(s, dtype=np.int64) for topic, s in self._stamps.items()})
        try:
            with named(self.folder, f"cannot be saved and goes to {self._trash}"):
                record = self._keep({"tags": tags, "provenance": dict(provenance or {}), **measured})
        except DemonstrationError:
            self.discard()
            raise
        self._open = False
        return record

    def discard(self) -> Path | None:
        """End the episode and move it to the trash.

        Returns:
            Where it is now; None if nothing had been recorded, so that nothing is kept. On a full disk its bag is as
            long as found room.

        Raises:
            DemonstrationError: It cannot be moved; the folder stays, unfinished.
        """
        self._require_open()
        self._open = False
        with suppress(OSError):
            self._bag.close()
        with named(self.folder, f"cannot be moved to {self._trash}"):
            if self._stamps:
                return to_trash(self.folder, self._trash)
            shutil.rmtree(self.folder)
        return None

    def __enter__(self) -> EpisodeWriter:
        return self

    def __exit__(self, *_: object) -> None:
        # An interruption may come between episode.yaml's rename and the end of `save`: such an episode is saved.
        if self._open and not (self.folder / EPISODE_FILE).exists():
            self.discard()

    def _keep(self, fields: Mapping[str, Any]) -> EpisodeRecord:
        self._bag.close()
        record = EpisodeRecord(index=self.index, segments=(), bag=content_hash(self._bag.file), **fields)
        write_episode(self.folder, record)
        return record

    def _offer(self, stream: Stream) -> Offer:
        return self._offers.get(stream.topic, LATCHED if isinf(stream.max_age) else Offer())

    def _require_open(self) -> None:
        if not self._open:
            raise DemonstrationError(f"episode {self.folder.name} has been saved or discarded; begin another one")


@contextmanager
def named(path: Path, what: str) -> Iterator[None]:
    """Turn what the disk refuses into an error that names the path and the reason."""
    try:
        yield
    except OSError as error:
        raise DemonstrationError(f"{path} {what}: {error.strerror or error}") from error


def measure(contract: RobotContract, stamps: Mapping[str, Stamps]) -> dict[str, Any]:
    """Fields of an `EpisodeRecord` that follow from the times of its messages.

    Raises:
        DemonstrationError: A stream never spoke, or no tick has all of them.
    """
    alignment = align(contract, stamps)
    ticks = alignment.ticks
    return {
        "pairs": len(ticks),
        "gaps": alignment.gaps,
        "start": int(ticks[0]),
        "duration": round(seconds(int(ticks[-1] - ticks[0])), 6),
        "streams": {topic: _stream_record(times) for topic, times in sorted(stamps.items())},
    }


def _stream_record(stamps: Stamps) -> StreamRecord:
    span = seconds(int(stamps.max() - stamps.min()))
    return StreamRecord(len(stamps), round((len(stamps) - 1) / span, 3) if span > 0 else 0.0)


def new_folder(episodes: Path) -> Path:
    """Make the next free episode folder; safe if several processes do it at once."""
    while True:
        taken = [int(entry.name) for entry in episodes.iterdir() if entry.name.isdigit()]
        folder = episodes / folder_name(max(taken, default=-1) + 1)
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder


def to_trash(folder: Path, trash: Path) -> Path:
    """Move an episode's folder to the trash under a name that is free there."""
    trash.mkdir(exist_ok=True)
    target, copy = trash / folder.name, 0
    while target.exists():
        copy += 1
        target = trash / f"{folder.name}-{copy}"
    folder.rename(target)
    sync(folder.parent)
    return target

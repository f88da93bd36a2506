"""A rosbag2 folder with one MCAP file: written message by message as raw CDR, and read back.

`ros2 bag info`, `ros2 bag play`, Foxglove and any MCAP reader understand it: message definitions are inside the file.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import zstandard
from mcap.exceptions import McapError
from mcap.reader import make_reader
from mcap.writer import Writer

from balanced_bc.demonstrations.cdr import definition
from balanced_bc.demonstrations.durable import dump_yaml, sync, write_yaml
from balanced_bc.demonstrations.errors import DemonstrationError
from balanced_bc.demonstrations.rosbag2 import Offer, Topic, metadata, qos_of

METADATA = "metadata.yaml"
FLUSH_PERIOD = 0.5
"""How long messages may wait in memory, [s]: what a killed process loses, at most."""


_DAMAGE = (McapError, zstandard.ZstdError, struct.error, OSError, EOFError, ValueError, LookupError)
"""What a reader raises on bytes that are no MCAP."""


class RawMessage(NamedTuple):
    """One message of a bag.

    Attributes:
        topic: Topic name without leading slash.
        type: Message type, `package/msg/Name`.
        received: Log time, [ns].
        cdr: The message.
    """

    topic: str
    type: str
    received: int
    cdr: bytes


class BagWriter:
    """Writes one bag. Chunks are compressed with zstd and flushed every `FLUSH_PERIOD`.

    As a context manager it closes the bag on every way out.
    """

    def __init__(self, path: Path) -> None:
        """Begin a bag.

        Args:
            path: Folder of the bag; it exists and holds no bag yet.

        Raises:
            DemonstrationError: There is a bag in the folder already.
        """
        self.path = path
        self.file = path / f"{path.name}.mcap"
        try:
            self._stream = self.file.open("xb")
        except FileExistsError:
            raise DemonstrationError(f"{self.file} exists already and is not overwritten") from None
        self._writer = Writer(self._stream)
        self._writer.start(profile="ros2", library="balanced_bc")
        self._schemas: dict[str, int] = {}
        self._channels: dict[str, int] = {}
        self._topics: dict[str, Topic] = {}
        self._start, self._end = 2**63 - 1, 0
        self._flushed = time.monotonic()
        self.closed = False

    @property
    def count(self) -> int:
        """Messages written so far."""
        return sum(topic.messages for topic in self._topics.values())

    def write(self, topic: str, type_name: str, received: int, cdr: bytes, offer: Offer = Offer()) -> None:  # noqa: B008
        """Write a message as it is.

        Args:
            topic: Topic name.
            type_name: Message type, `package/msg/Name`.
            received: Time of reception, [ns].
            cdr: The message.
            offer: Quality of service of the topic; counts with the topic's first message.
        """
        if topic not in self._channels:
            self._add(topic, type_name, offer)
        self._writer.add_message(self._channels[topic], received, cdr, received)
        entry = self._topics[topic]
        self._topics[topic] = entry._replace(messages=entry.messages + 1)
        self._start, self._end = min(self._start, received), max(self._end, received)
        if time.monotonic() - self._flushed > FLUSH_PERIOD:
            self.flush()

    def flush(self) -> None:
        """Hand everything written so far to the operating system, so that it outlives this process."""
        self._writer.flush()  # type: ignore[no-untyped-call]
        self._flushed = time.monotonic()

    def close(self) -> None:
        """Write the index and metadata.yaml, and wait until all of it is on the disk."""
        if self.closed:
            return
        self.closed = True
        start = self._start if self.count else 0
        information = metadata(self.file.name, tuple(self._topics.values()), start, self._end)
        with self._stream:
            self._writer.add_metadata("rosbag2", {"serialized_metadata": dump_yaml(information)})
            self._writer.finish()  # type: ignore[no-untyped-call]
        sync(self.file)
        write_yaml(self.path / METADATA, {"rosbag2_bagfile_information": information})

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _add(self, topic: str, type_name: str, offer: Offer) -> None:
        described = definition(type_name)
        if type_name not in self._schemas:
            self._schemas[type_name] = self._writer.register_schema(type_name, "ros2msg", described.text.encode())
        about = {"offered_qos_profiles": dump_yaml(qos_of(offer)), "topic_type_hash": described.digest}
        self._channels[topic] = self._writer.register_channel(topic, "cdr", self._schemas[type_name], about)
        self._topics[topic] = Topic(topic, type_name, described.digest, offer, 0)


def read_bag(path: Path, topics: Collection[str] | None = None) -> Iterator[RawMessage]:
    """Yield the messages of a bag in order of their log time, holding about one chunk in memory.

    Args:
        path: Folder of the bag.
        topics: Topics wanted, without leading slash; None for all.

    Raises:
        DemonstrationError: The bag is missing, unfinished or damaged.
    """
    file = _only_file(path)
    try:
        with file.open("rb") as stream:
            for schema, channel, message in make_reader(stream, validate_crcs=True).iter_messages(_spellings(topics)):
                if schema is not None:
                    topic = channel.topic.removeprefix("/")
                    yield RawMessage(topic, schema.name, message.log_time, message.data)
    except _DAMAGE as error:
        raise DemonstrationError(f"{file} is unfinished or damaged: {type(error).__name__} {error}") from error


def _only_file(path: Path) -> Path:
    files = sorted(path.glob("*.mcap"))
    if len(files) != 1:
        held = sorted(entry.name for entry in path.iterdir()) if path.is_dir() else "no folder"
        raise DemonstrationError(f"{path} should hold one .mcap file; it holds {held}")
    return files[0]


def _spellings(topics: Collection[str] | None) -> list[str] | None:
    """Names with and without leading slash: rosbag2's own recorder writes it, we do not."""
    return None if topics is None else [name for topic in topics for name in (topic, f"/{topic}")]

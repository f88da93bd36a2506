"""What is known about a saved episode: the content of episode.yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from balanced_bc.demonstrations.durable import read_yaml, write_yaml
from balanced_bc.demonstrations.errors import DemonstrationError
from balanced_bc.demonstrations.tags import checked

EPISODE_FILE = "episode.yaml"


class StreamRecord(NamedTuple):
    """What one stream said in an episode.

    Attributes:
        messages: Number of messages.
        rate: Messages per second between the first and the last, [Hz]; 0 with fewer than two.
    """

    messages: int
    rate: float


class Segment(NamedTuple):
    """A part of an episode with tags of its own.

    Attributes:
        start: First moment, [ns], on the clock of the header stamps.
        end: Last moment, [ns]; both belong to the segment.
        tags: Tags that hold there, on top of the episode's.
    """

    start: int
    end: int
    tags: Mapping[str, str]


@dataclass(frozen=True)
class EpisodeRecord:
    """A saved episode. Everything but the tags is measured once, when it is saved."""

    index: int
    """Number of the episode: the name of its folder. Numbers may be missing after an undo."""
    tags: Mapping[str, str]
    """Axis to value, for the whole episode."""
    segments: tuple[Segment, ...]
    """Parts with tags of their own; where they overlap, the later one counts (`demonstrations.segments`)."""
    pairs: int
    """State-action pairs, that is frames, after alignment."""
    gaps: int
    """Ticks left out because a stream was stale."""
    start: int
    """Time of the first frame, [ns]."""
    duration: float
    """From the first frame to the last, [s]."""
    streams: Mapping[str, StreamRecord]
    """Topic to what it said."""
    bag: str
    """Hash of the bag's content: the same for a copy on another machine."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Who or what recorded it, and from what."""

    @property
    def name(self) -> str:
        """Name of the episode's folder."""
        return folder_name(self.index)

    def on(self, axes: Sequence[str]) -> EpisodeRecord:
        """The record with its tags on these axes only, and without segments that have none."""
        segments = [s._replace(tags=_on(s.tags, axes)) for s in self.segments]
        return replace(self, tags=_on(self.tags, axes), segments=tuple(s for s in segments if s.tags))

    def to_dict(self) -> dict[str, Any]:
        """Plain types, as written into episode.yaml."""
        return {
            "tags": dict(self.tags),
            "segments": [{"start": s.start, "end": s.end, "tags": dict(s.tags)} for s in self.segments],
            "pairs": self.pairs,
            "gaps": self.gaps,
            "start": self.start,
            "duration": self.duration,
            "streams": {topic: record._asdict() for topic, record in self.streams.items()},
            "bag": self.bag,
            "provenance": dict(self.provenance),
        }


def folder_name(index: int) -> str:
    """Name of an episode's folder."""
    return f"{index:06d}"


def write_episode(folder: Path, record: EpisodeRecord) -> None:
    """Write episode.yaml durably: once it is there, the episode is saved."""
    write_yaml(folder / EPISODE_FILE, record.to_dict())


def read_episode(folder: Path) -> EpisodeRecord:
    """Read episode.yaml.

    Raises:
        DemonstrationError: It is missing or damaged.
    """
    path = folder / EPISODE_FILE
    plain = read_yaml(path)
    try:
        return EpisodeRecord(
            index=int(folder.name),
            tags=checked(plain["tags"] or {}),
            segments=tuple(_segment(entry) for entry in plain["segments"] or ()),
            pairs=int(plain["pairs"]),
            gaps=int(plain["gaps"]),
            start=int(plain["start"]),
            duration=float(plain["duration"]),
            streams={
                topic: StreamRecord(int(s["messages"]), float(s["rate"])) for topic, s in plain["streams"].items()
            },
            bag=str(plain["bag"]),
            provenance=dict(plain["provenance"] or {}),
        )
    except KeyError as error:
        raise DemonstrationError(f"{path} is damaged: it has no {error}; it has {sorted(plain)}") from error
    except (TypeError, ValueError, AttributeError, DemonstrationError) as error:
        raise DemonstrationError(f"{path} is damaged: {error}") from error


def _on(tags: Mapping[str, str], axes: Sequence[str]) -> Mapping[str, str]:
    return {axis: value for axis, value in tags.items() if axis in axes}


def _segment(entry: Mapping[str, Any]) -> Segment:
    segment = Segment(int(entry["start"]), int(entry["end"]), checked(entry["tags"] or {}))
    if segment.end < segment.start:
        raise DemonstrationError(f"a segment goes from {segment.start} to {segment.end} ns; it ends before it starts")
    return segment

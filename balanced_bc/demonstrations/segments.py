"""Which group each frame of an episode is in, where tags may hold for a part of it.

A segment's tags hold at the ticks from its start to its end, both included, in place of the episode's tags on the same
axes. Where segments overlap, the one that is listed later counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from balanced_bc.demonstrations.alignment import Indices, Stamps
from balanced_bc.demonstrations.episode import EpisodeRecord, Segment
from balanced_bc.demonstrations.errors import DemonstrationError
from balanced_bc.demonstrations.stamps import NANOSECONDS
from balanced_bc.demonstrations.tags import group_of, spelled

ONE = np.zeros(1, np.int64)
"""For all frames of an episode the same."""
TOLD = 10
"""Stretches of one kind in an error, at most."""


class FrameGroups(NamedTuple):
    """Groups of an episode's frames.

    Attributes:
        names: Groups that have frames of it.
        which: Index into `names` of each frame, (T,); (1,) where all frames are in one group.
    """

    names: tuple[str, ...]
    which: Indices = ONE

    def numbered(self, groups: Sequence[str], frames: int) -> Indices:
        """Index into `groups` of each of T frames, (T,)."""
        numbers = np.array([groups.index(name) for name in self.names], np.int64)
        return np.broadcast_to(numbers[self.which], frames)


class Tagged(NamedTuple):
    """Tags of an episode's frames.

    Attributes:
        tags: Sets of tags that hold somewhere in it.
        which: Index into `tags` of each frame, (T,); (1,) where one set holds at all frames.
        ticks: Time of each frame, [ns], (T,); nobody asked for it, (1,), where one set holds.
    """

    tags: tuple[Mapping[str, str], ...]
    which: Indices
    ticks: Stamps

    @classmethod
    def of(cls, record: EpisodeRecord, axes: Sequence[str], ticks: Callable[[int], Stamps]) -> Tagged:
        """Find the tags at each tick of an episode; ticks are asked for if a segment has a tag on one of the axes."""
        segments = [segment for segment in record.segments if not set(axes).isdisjoint(segment.tags)]
        if not segments:
            return cls((record.tags,), ONE, ONE)
        times = ticks(record.index)
        inside = np.array([_inside(segment, times, record.index) for segment in segments])
        patterns, which = np.unique(inside, axis=1, return_inverse=True)
        held = [[segment.tags for segment, here in zip(segments, pattern) if here] for pattern in patterns.T]
        return cls(tuple(_merged([record.tags, *tags]) for tags in held), which.reshape(-1), times)

    def groups(self, axes: Sequence[str]) -> FrameGroups:
        """Groups of the frames."""
        found = [group_of(tags, axes) for tags in self.tags]
        names = tuple(sorted(set(found)))
        return FrameGroups(names, np.array([names.index(name) for name in found])[self.which])

    def lacks(self, axis: str) -> NDArray[np.bool_]:
        """Whether no tag on an axis holds, for each frame."""
        return np.array([axis not in tags for tags in self.tags])[self.which]


def frame_groups(
    records: Iterable[EpisodeRecord], axes: Sequence[str], ticks: Callable[[int], Stamps]
) -> dict[int, FrameGroups]:
    """Groups of the frames of each episode.

    Args:
        records: Episodes.
        axes: Axes whose product makes the groups.
        ticks: Episode to the time of each frame, [ns], (T,); asked for where segments have tags on these axes.

    Raises:
        DemonstrationError: Frames lack an axis, an axis is named twice, or a segment lies outside of its episode.
    """
    if not axes:
        raise DemonstrationError("no axis to group by was given; behavior is the usual one")
    if len(set(axes)) < len(axes):
        raise DemonstrationError(f"groups are by {', '.join(axes)}; name each axis once")
    tagged = {record.index: Tagged.of(record, axes, ticks) for record in records}
    for axis in axes:
        _require(axis, tagged)
    return {episode: one.groups(axes) for episode, one in tagged.items()}


def names_of(found: Iterable[FrameGroups]) -> tuple[str, ...]:
    """All groups, sorted."""
    return tuple(sorted({name for groups in found for name in groups.names}))


def segment_of(record: EpisodeRecord, tags: Mapping[str, str], first: float, last: float, rate: float) -> Segment:
    """A segment of an episode from the tick nearest to one moment to the tick nearest to another.

    Args:
        record: The episode.
        tags: Tags that hold there.
        first: [s] after the first frame.
        last: The same; what is later than the last frame is that frame.
        rate: Ticks per second, [Hz].

    Raises:
        DemonstrationError: The episode has no such part.
    """
    final = min(last, record.duration)
    if not 0 <= first <= final:
        raise DemonstrationError(
            f"episode {record.index} has no part from {first} s to {last} s; its frames go from 0 s to "
            f"{record.duration:.3f} s"
        )
    start, end = (record.start + ceil(round(moment * rate) * NANOSECONDS / rate) for moment in (first, final))
    return Segment(start, end, tags)


def _inside(segment: Segment, ticks: Stamps, episode: int) -> NDArray[np.bool_]:
    if segment.end < ticks[0] or segment.start > ticks[-1]:
        raise DemonstrationError(
            f"the segment {dict(segment.tags)} of episode {episode} goes from {segment.start} to {segment.end} ns and "
            f"holds nowhere: the frames of the episode go from {ticks[0]} to {ticks[-1]} ns"
        )
    return (segment.start <= ticks) & (ticks <= segment.end)


def _merged(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Tags of all, the later ones in place of the earlier ones."""
    return {axis: value for each in tags for axis, value in each.items()}


def _require(axis: str, tagged: Mapping[int, Tagged]) -> None:
    """Refuse frames without a tag on an axis: list whole episodes, the stretches of others, and the axes that exist."""
    lacking = {episode: lacks for episode, one in tagged.items() if (lacks := one.lacks(axis)).any()}
    if not lacking:
        return
    whole = [episode for episode, lacks in lacking.items() if lacks.all()]
    parts = [_stretches(episode, tagged[episode].ticks, lacks) for episode, lacks in lacking.items() if not lacks.all()]
    where = [f"in episodes {spelled(whole)} (of {len(tagged)})"] if whole else []
    where += parts[:TOLD] + ([f"in parts of {len(parts) - TOLD} more"] if len(parts) > TOLD else [])
    known = sorted({known for one in tagged.values() for tags in one.tags for known in tags})
    raise DemonstrationError(f"no tag on {axis!r} {'; '.join(where)}; there are tags on {known}")


def _stretches(episode: int, ticks: Stamps, lacks: NDArray[np.bool_]) -> str:
    """Where an episode lacks a tag, in seconds after its first frame."""
    edges = np.diff(lacks.astype(np.int8), prepend=0, append=0)
    seconds = (ticks - ticks[0]) / NANOSECONDS
    runs = list(zip(np.flatnonzero(edges > 0), np.flatnonzero(edges < 0) - 1))
    told = [f"from {seconds[first]:.3f} s to {seconds[last]:.3f} s" for first, last in runs[:TOLD]]
    more = [f"{len(runs) - TOLD} more times"] if len(runs) > TOLD else []
    return f"in episode {episode} {', '.join(told + more)}"

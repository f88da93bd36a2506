"""What a dataset holds, group by group: the table that `balanced-bc inspect` prints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.episode import EpisodeRecord
from balanced_bc.demonstrations.segments import FrameGroups
from balanced_bc.demonstrations.stamps import NANOSECONDS
from balanced_bc.demonstrations.tags import BEHAVIOR

HEADINGS = ("group", "demonstrations", "pairs", "share", "duration [s]", "gaps", "slowest stream")


class Row(NamedTuple):
    """One group of demonstrations. What an episode with segments has of several groups is told of each.

    Attributes:
        group: Name of the group, `left+optimal`.
        demonstrations: Number of demonstrations that have pairs of it.
        pairs: Number of state-action pairs.
        share: Share of the dataset's pairs, rho.
        duration: Time from first to last frame, summed, [s].
        gaps: Ticks left out because a stream was stale, summed.
        slowest: Topic and rate [Hz] of the slowest stream of any demonstration, among those with a maximum age.
    """

    group: str
    demonstrations: int
    pairs: int
    share: float
    duration: float
    gaps: int
    slowest: tuple[str, float]


def summary(dataset: Dataset, axes: Sequence[str] = (BEHAVIOR,)) -> tuple[Row, ...]:
    """Sum up each group of a dataset, groups in alphabetical order.

    Raises:
        DemonstrationError: Frames lack an axis; where, and the axes that exist, is told.
    """
    paced = {stream.topic for stream in dataset.contract.streams if stream.max_age < float("inf")}
    parts: dict[str, list[EpisodeRecord]] = {}
    for index, groups in dataset.frame_groups(axes).items():
        for name, part in _parts(dataset, dataset.episode(index), groups):
            parts.setdefault(name, []).append(part)
    total = sum(part.pairs for own in parts.values() for part in own)
    return tuple(_row(name, parts[name], total, paced) for name in sorted(parts))


def table(rows: Iterable[Row], demonstrations: int | None = None) -> list[tuple[str, ...]]:
    """Rows as text, with headings and a last row of totals.

    Args:
        rows: Groups.
        demonstrations: Number of all; the sum of the rows', if None, which counts one of two groups twice.
    """
    rows = tuple(rows)
    return [HEADINGS, *(_cells(row) for row in rows), *((_cells(_total(rows, demonstrations)),) if rows else ())]


def _parts(dataset: Dataset, record: EpisodeRecord, groups: FrameGroups) -> Iterator[tuple[str, EpisodeRecord]]:
    """What each group has of an episode; the time from a frame to the next one goes to the group of the first."""
    if len(groups.names) == 1:
        yield groups.names[0], record
        return
    between = np.append(np.diff(dataset.demonstration(record.index).ticks), 0) / NANOSECONDS
    gaps = (between * dataset.contract.rate).round().clip(1) - 1
    for number, name in enumerate(groups.names):
        own = groups.which == number
        yield name, replace(record, pairs=int(own.sum()), duration=between[own].sum(), gaps=int(gaps[own].sum()))


def _row(name: str, records: Sequence[EpisodeRecord], total: int, paced: set[str]) -> Row:
    pairs = sum(record.pairs for record in records)
    rates = {(s.rate, topic) for record in records for topic, s in record.streams.items() if topic in paced}
    rate, topic = min(rates, default=(0.0, ""))
    duration = sum(record.duration for record in records)
    return Row(name, len(records), pairs, pairs / max(total, 1), duration, sum(r.gaps for r in records), (topic, rate))


def _total(rows: Sequence[Row], demonstrations: int | None) -> Row:
    slowest = min((row.slowest for row in rows), key=lambda slowest: slowest[1])
    return Row(
        "all",
        sum(row.demonstrations for row in rows) if demonstrations is None else demonstrations,
        sum(row.pairs for row in rows),
        sum(row.share for row in rows),
        sum(row.duration for row in rows),
        sum(row.gaps for row in rows),
        slowest,
    )


def _cells(row: Row) -> tuple[str, ...]:
    topic, rate = row.slowest
    return (
        row.group,
        str(row.demonstrations),
        str(row.pairs),
        f"{row.share:.3f}",
        f"{row.duration:.1f}",
        str(row.gaps),
        f"{topic} {rate:.1f} Hz",
    )

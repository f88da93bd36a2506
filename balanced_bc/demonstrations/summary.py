"""What a dataset holds, group by group: the table that `balanced-bc inspect` prints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.episode import EpisodeRecord
from balanced_bc.demonstrations.tags import BEHAVIOR

HEADINGS = ("group", "demonstrations", "pairs", "share", "duration [s]", "gaps", "slowest stream")


class Row(NamedTuple):
    """One group of demonstrations.

    Attributes:
        group: Name of the group, `left+optimal`.
        demonstrations: Number of demonstrations.
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
        DemonstrationError: Episodes lack an axis; they and the axes that exist are listed.
    """
    records = {record.index: record for record in dataset.episodes}
    total = sum(record.pairs for record in records.values())
    paced = {stream.topic for stream in dataset.contract.streams if stream.max_age < float("inf")}
    return tuple(
        _row(name, [records[index] for index in indices], total, paced)
        for name, indices in dataset.groups(axes).items()
    )


def table(rows: Iterable[Row]) -> list[tuple[str, ...]]:
    """Rows as text, with headings and a last row of totals."""
    rows = tuple(rows)
    return [HEADINGS, *(_cells(row) for row in rows), *((_cells(_total(rows)),) if rows else ())]


def _row(name: str, records: Sequence[EpisodeRecord], total: int, paced: set[str]) -> Row:
    pairs = sum(record.pairs for record in records)
    rates = {(s.rate, topic) for record in records for topic, s in record.streams.items() if topic in paced}
    rate, topic = min(rates, default=(0.0, ""))
    duration = sum(record.duration for record in records)
    return Row(name, len(records), pairs, pairs / max(total, 1), duration, sum(r.gaps for r in records), (topic, rate))


def _total(rows: Sequence[Row]) -> Row:
    slowest = min((row.slowest for row in rows), key=lambda slowest: slowest[1])
    return Row(
        "all",
        sum(row.demonstrations for row in rows),
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

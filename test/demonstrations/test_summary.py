"""The table of a dataset: what there is of each group."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.episode import EpisodeRecord
from balanced_bc.demonstrations.errors import DemonstrationError
from balanced_bc.demonstrations.summary import summary, table

Record = Callable[..., EpisodeRecord]


def test_each_group_has_a_row(dataset: Dataset, record: Record) -> None:
    record(range(10), behavior="slider")
    record(range(20), behavior="drawer")
    record(range(10), behavior="drawer")
    drawer, slider = summary(dataset)
    assert (drawer.group, drawer.demonstrations, drawer.pairs, drawer.share, drawer.gaps) == ("drawer", 2, 30, 0.75, 0)
    assert drawer.duration == pytest.approx(19 / 30 + 9 / 30, abs=1e-5)
    assert slider.slowest[1] == pytest.approx(30, abs=0.01)


def test_a_product_of_axes_makes_rows_of_its_own(dataset: Dataset, record: Record) -> None:
    record(behavior="slider", quality="optimal")
    record(behavior="slider", quality="suboptimal")
    assert [row.group for row in summary(dataset, ("behavior", "quality"))] == ["slider+optimal", "slider+suboptimal"]


def test_the_table_adds_up(dataset: Dataset, record: Record) -> None:
    record(behavior="slider")
    record(behavior="drawer")
    *_, total = table(summary(dataset))
    assert total[:5] == ("all", "2", "20", "1.000", "0.6")


def test_what_an_episode_has_of_each_group_is_told_and_adds_up(dataset: Dataset, record: Record) -> None:
    record(behavior="slider")
    record(behavior="drawer")
    dataset.tag([0], {"behavior": "drawer"}, (0.2, 0.3))
    drawer, slider = rows = summary(dataset)
    assert (drawer.demonstrations, drawer.pairs, drawer.share) == (2, 14, 0.7)
    assert (slider.demonstrations, slider.pairs, slider.gaps) == (1, 6, 0)
    assert slider.duration == pytest.approx(0.2, abs=1e-5)
    *_, total = table(rows, len(dataset.episodes))
    assert total[:6] == ("all", "2", "20", "1.000", "0.6", "0")


def test_gaps_and_time_are_parted_among_the_groups_of_an_episode(
    dataset: Dataset, write_ticks: Callable[..., None]
) -> None:
    with dataset.writer() as writer:
        for ticks in (range(5), range(40, 50)):
            write_ticks(writer, ticks)
        saved = writer.save({"behavior": "slider"})
    assert saved.gaps > 20
    dataset.tag([0], {"behavior": "drawer"}, (40 / 30, 45 / 30))
    drawer, slider = summary(dataset)
    assert (drawer.gaps, slider.gaps) == (0, saved.gaps)
    assert drawer.pairs + slider.pairs == saved.pairs
    assert drawer.duration + slider.duration == pytest.approx(saved.duration, abs=1e-5)


def test_an_empty_dataset_has_only_headings(dataset: Dataset) -> None:
    assert len(table(summary(dataset))) == 1


def test_an_axis_that_nobody_tagged_is_refused(dataset: Dataset, record: Record) -> None:
    record(behavior="slider")
    with pytest.raises(DemonstrationError, match=r"no tag on 'quality' in episodes 0 .*\['behavior'\]"):
        summary(dataset, ("quality",))

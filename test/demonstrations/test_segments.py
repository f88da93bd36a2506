"""Tags that hold for a part of an episode decide the group of its frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from balanced_bc.demonstrations.episode import EpisodeRecord, Segment
from balanced_bc.demonstrations.errors import DemonstrationError
from balanced_bc.demonstrations.segments import frame_groups, names_of

TICKS = 1_000_000_000 + 100 * np.arange(6)
Of = Callable[..., EpisodeRecord]


def span(first: int, last: int, **tags: str) -> Segment:
    """From one tick to another."""
    return Segment(int(TICKS[first]), int(TICKS[last]), tags)


def episode(index: int, *segments: Segment, **tags: str) -> EpisodeRecord:
    return EpisodeRecord(index, tags, segments, 6, 0, int(TICKS[0]), 5e-7, {}, "sha256:0")


def spoken(records: Sequence[EpisodeRecord], *axes: str) -> dict[int, list[str]]:
    """Group of each frame of each episode, by name."""
    found = frame_groups(records, axes, lambda _: TICKS)
    every = names_of(found.values())
    return {index: [every[number] for number in one.numbered(every, 6)] for index, one in found.items()}


def test_a_segment_begins_at_its_start_and_holds_until_its_end() -> None:
    records = [episode(0, span(2, 3, phase="grasp"), phase="reach")]
    assert spoken(records, "phase") == {0: ["reach", "reach", "grasp", "grasp", "reach", "reach"]}


def test_moments_between_ticks_are_no_frames() -> None:
    part = Segment(int(TICKS[1]) + 1, int(TICKS[3]) - 1, {"phase": "grasp"})
    assert spoken([episode(0, part, phase="a")], "phase") == {0: ["a", "a", "grasp", "a", "a", "a"]}


def test_of_segments_that_overlap_the_later_one_counts() -> None:
    records = [episode(0, span(0, 3, phase="a"), span(2, 5, phase="b"), span(3, 3, phase="c"))]
    assert spoken(records, "phase") == {0: ["a", "a", "b", "c", "b", "b"]}


def test_a_segment_leaves_other_axes_to_the_episode() -> None:
    records = [episode(0, span(4, 5, quality="poor"), behavior="left", quality="good")]
    assert spoken(records, "behavior", "quality") == {0: ["left+good"] * 4 + ["left+poor"] * 2}


def test_only_episodes_with_segments_on_the_axes_are_looked_into() -> None:
    asked = list[int]()

    def ticks(index: int) -> NDArray[np.int64]:
        asked.append(index)
        return TICKS

    poor, right = span(0, 1, quality="poor"), span(0, 1, behavior="right")
    records = [episode(number, *parts, behavior="left") for number, parts in ((0, ()), (3, (poor,)), (4, (right,)))]
    found = frame_groups(records, ("behavior",), ticks)
    assert [found[number].names for number in (0, 3, 4)] == [("left",), ("left",), ("left", "right")]
    assert asked == [4]


def test_groups_of_an_episode_are_those_that_hold_somewhere() -> None:
    covered = episode(0, span(0, 5, phase="b"), phase="a")
    assert frame_groups([covered], ("phase",), lambda _: TICKS)[0].names == ("b",)


def test_an_axis_may_be_given_by_segments_alone() -> None:
    assert spoken([episode(0, span(0, 1, phase="a"), span(2, 5, phase="b"))], "phase") == {0: ["a"] * 2 + ["b"] * 4}


def test_what_lacks_an_axis_is_named_by_episode_and_stretch() -> None:
    slow = 1_000_000_000 * np.arange(6)
    parts = (Segment(int(slow[1]), int(slow[2]), {"phase": "a"}), Segment(int(slow[5]), int(slow[5]), {"phase": "b"}))
    records = [episode(0, phase="a"), *(episode(n, operator="ann") for n in (2, 3)), episode(7, *parts)]
    told = (
        r"no tag on 'phase' in episodes 2-3 \(of 4\); in episode 7 from 0\.000 s to 0\.000 s, "
        r"from 3\.000 s to 4\.000 s; there are tags on \['operator', 'phase'\]"
    )
    with pytest.raises(DemonstrationError, match=told):
        frame_groups(records, ("phase",), lambda _: slow)


def test_without_an_axis_there_are_no_groups() -> None:
    with pytest.raises(DemonstrationError, match="no axis to group by"):
        frame_groups([episode(0, behavior="left")], (), lambda _: TICKS)


def test_a_segment_outside_of_its_episode_is_refused() -> None:
    seconds = Segment(0, 2, {"phase": "a"})
    with pytest.raises(DemonstrationError, match=r"of episode 4 goes from 0 to 2 ns and holds nowhere.*1000000000 to"):
        frame_groups([episode(4, seconds, phase="b")], ("phase",), lambda _: TICKS)

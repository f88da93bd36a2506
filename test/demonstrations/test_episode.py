"""episode.yaml survives a round trip, and editing by hand within reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from balanced_bc.demonstrations.episode import EpisodeRecord, Segment, StreamRecord, read_episode, write_episode
from balanced_bc.demonstrations.errors import DemonstrationError


@pytest.fixture
def saved() -> EpisodeRecord:
    return EpisodeRecord(
        index=12,
        tags={"behavior": "slider", "success": "true", "operator": "7"},
        segments=(Segment(100, 200, {"quality": "suboptimal"}),),
        pairs=3,
        gaps=1,
        start=1_700_000_000_123_456_789,
        duration=0.133333,
        streams={"joint_states": StreamRecord(4, 29.97)},
        bag="sha256:00",
        provenance={"seed": 3, "robot": "sim"},
    )


@pytest.fixture
def folder(tmp_path: Path, saved: EpisodeRecord) -> Path:
    folder = tmp_path / saved.name
    folder.mkdir()
    write_episode(folder, saved)
    return folder


def test_a_record_survives_a_round_trip(folder: Path, saved: EpisodeRecord) -> None:
    assert read_episode(folder) == saved


def test_quotes_that_an_editor_removed_do_not_matter(folder: Path, saved: EpisodeRecord) -> None:
    path = folder / "episode.yaml"
    path.write_text(path.read_text().replace("'true'", "true").replace("'7'", "7"))
    assert read_episode(folder).tags == saved.tags


def test_a_segment_that_ends_before_it_starts_is_refused(folder: Path) -> None:
    path = folder / "episode.yaml"
    path.write_text(path.read_text().replace("end: 200", "end: 20"))
    with pytest.raises(DemonstrationError, match=r"damaged: a segment goes from 100 to 20 ns"):
        read_episode(folder)


def test_no_file_is_left_beside_it(folder: Path) -> None:
    assert [entry.name for entry in folder.iterdir()] == ["episode.yaml"]

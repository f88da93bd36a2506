"""A dataset keeps what was saved, refuses what it does not understand, and says what exists."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from balanced_bc.demonstrations.contract import JOINT_STATES, RobotContract
from balanced_bc.demonstrations.dataset import FORMAT_VERSION, Dataset
from balanced_bc.demonstrations.episode import EpisodeRecord, Segment, write_episode
from balanced_bc.demonstrations.errors import DemonstrationError

Record = Callable[..., EpisodeRecord]


def test_a_new_dataset_is_empty_and_knows_its_robot(dataset: Dataset, contract: RobotContract) -> None:
    opened = Dataset.open(dataset.path)
    assert opened.contract == contract
    assert (opened.episodes, opened.unfinished, opened.axes, opened.counts("behavior")) == ((), (), (), {})


def test_what_was_recorded_comes_back(dataset: Dataset, record: Record) -> None:
    saved = record(behavior="slider", quality="optimal")
    (found,) = Dataset.open(dataset.path).episodes
    assert found == saved
    assert (found.pairs, found.gaps, found.duration) == (10, 0, 0.3)
    assert found.streams[JOINT_STATES].messages == 10
    assert found.streams[JOINT_STATES].rate == pytest.approx(30.0, abs=0.01)
    demonstration = dataset.demonstration(found.index)
    np.testing.assert_allclose(demonstration.action[:, 0], np.arange(10))
    assert demonstration.images["gripper_camera"][:, 0, 0, 0].tolist() == list(range(10))


def test_images_are_mapped_read_only_and_can_be_copied(dataset: Dataset, record: Record) -> None:
    images = dataset.demonstration(record().index).images["static_camera"]
    assert not images.flags.writeable
    assert images[3].copy().flags.writeable


def test_create_refuses_a_folder_that_is_not_empty(tmp_path: Path, contract: RobotContract) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(DemonstrationError, match="not empty"):
        Dataset.create(tmp_path, contract)


def test_an_existing_dataset_is_continued(dataset: Dataset, record: Record, contract: RobotContract) -> None:
    record()
    again = Dataset.open_or_create(dataset.path, replace(contract, name="another name"))
    assert len(again.episodes) == 1


def test_another_contract_is_refused_with_the_differences(dataset: Dataset, contract: RobotContract) -> None:
    with pytest.raises(DemonstrationError, match=r"rate: 30\.0 here, 20\.0 there"):
        Dataset.open_or_create(dataset.path, replace(contract, rate=20.0))


def test_another_format_version_is_refused_naming_both(dataset: Dataset) -> None:
    path = dataset.path / "dataset.yaml"
    path.write_text(path.read_text().replace(f"format_version: {FORMAT_VERSION}", "format_version: 99"))
    with pytest.raises(DemonstrationError, match=rf"version 99; .* reads {FORMAT_VERSION}"):
        Dataset.open(dataset.path)


def test_a_missing_folder_names_the_datasets_beside_it(dataset: Dataset) -> None:
    with pytest.raises(DemonstrationError, match=r"no folder .*beside it: \['dataset'\]"):
        Dataset.open(dataset.path.with_name("datsaet"))


def test_a_folder_that_is_no_dataset_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DemonstrationError, match=r"is no dataset.*notes\.txt"):
        Dataset.open(tmp_path)


@pytest.mark.parametrize("content", ["", "[1, 2", "- a list", "format_version: 1", "\0"])
def test_a_damaged_dataset_file_is_refused(dataset: Dataset, content: str) -> None:
    (dataset.path / "dataset.yaml").write_text(content)
    with pytest.raises(DemonstrationError, match=r"dataset\.yaml|format version"):
        Dataset.open(dataset.path)


@pytest.mark.parametrize("content", ["", "tags: {behavior: slider", "tags: {}", "- a list", "tags: 3\nsegments: 4"])
def test_a_damaged_episode_file_is_named(dataset: Dataset, record: Record, content: str) -> None:
    path = dataset.folder(record().index) / "episode.yaml"
    path.write_text(content)
    with pytest.raises(DemonstrationError, match=r"000000/episode\.yaml"):
        _ = Dataset.open(dataset.path).episodes


def test_an_unknown_episode_is_refused_with_those_that_exist(dataset: Dataset, record: Record) -> None:
    record()
    record()
    with pytest.raises(DemonstrationError, match=r"no episode 7; it has 0-1"):
        dataset.demonstration(7)


def test_a_damaged_bag_is_named(dataset: Dataset, record: Record) -> None:
    file = dataset.folder(record().index) / "000000.mcap"
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    with pytest.raises(DemonstrationError, match=r"000000\.mcap is damaged"):
        dataset.demonstration(0)


def test_a_lost_bag_is_named(dataset: Dataset, record: Record) -> None:
    (dataset.folder(record().index) / "000000.mcap").unlink()
    with pytest.raises(DemonstrationError, match="lost its bag"):
        dataset.demonstration(0)


def test_undo_moves_the_last_episode_to_the_trash(dataset: Dataset, record: Record) -> None:
    record(behavior="slider")
    last = record(behavior="drawer")
    assert dataset.undo() == last
    assert [r.index for r in dataset.episodes] == [0]
    assert (dataset.path / "trash" / "000001" / "episode.yaml").exists()


def test_undone_numbers_are_given_again_and_nothing_in_the_trash_is_lost(dataset: Dataset, record: Record) -> None:
    for behavior in ("slider", "drawer", "left"):
        assert record(behavior=behavior).index == 0
        dataset.undo()
    kept = [yaml.safe_load(p.read_text())["tags"]["behavior"] for p in (dataset.path / "trash").glob("*/episode.yaml")]
    assert sorted(kept) == ["drawer", "left", "slider"]


def test_an_episode_that_took_a_number_again_is_not_mistaken_for_the_one_before(
    dataset: Dataset, record: Record
) -> None:
    record(range(10))
    assert len(dataset.demonstration(0).ticks) == 10
    dataset.undo()
    record(range(6))
    assert len(dataset.demonstration(0).ticks) == dataset.episodes[0].pairs == 6


def test_undo_without_episodes_is_refused(dataset: Dataset) -> None:
    with pytest.raises(DemonstrationError, match="nothing to undo"):
        dataset.undo()


def test_tags_can_be_changed_and_the_bag_is_not(dataset: Dataset, record: Record) -> None:
    saved = record(behavior="slider", quality="optimal")
    bag = (dataset.folder(0) / "000000.mcap").stat()
    dataset.tag([0], {"quality": "suboptimal", "success": "true"})
    assert dataset.episodes[0] == replace(
        saved, tags={"behavior": "slider", "quality": "suboptimal", "success": "true"}
    )
    assert (dataset.folder(0) / "000000.mcap").stat() == bag


def test_tagging_an_unknown_episode_changes_none(dataset: Dataset, record: Record) -> None:
    record(behavior="slider")
    with pytest.raises(DemonstrationError, match="no episode 5"):
        dataset.tag([0, 5], {"behavior": "drawer"})
    assert dataset.counts("behavior") == {"slider": 1}


def test_a_change_by_another_process_is_seen(dataset: Dataset, record: Record) -> None:
    record(behavior="slider")
    assert dataset.counts("behavior") == {"slider": 1}
    Dataset.open(dataset.path).tag([0], {"behavior": "drawer"})
    assert dataset.counts("behavior") == {"drawer": 1}


def test_groups_and_counts_follow_the_tags(dataset: Dataset, record: Record) -> None:
    record(behavior="slider", quality="optimal")
    record(behavior="drawer", quality="optimal")
    record(behavior="slider", quality="suboptimal")
    assert dataset.counts("behavior") == {"slider": 2, "drawer": 1}
    assert dataset.groups(("quality",)) == {"optimal": (0, 1), "suboptimal": (2,)}
    assert dataset.axes == ("behavior", "quality")


def test_an_axis_that_nobody_has_names_the_episodes(dataset: Dataset, record: Record) -> None:
    for tags in ({"operator": "ann"}, {"behavior": "left"}, {"behavior": "left"}):
        record(**tags)
    with pytest.raises(DemonstrationError, match=r"'operator' in episodes 1-2 \(of 3\).*'behavior', 'operator'"):
        dataset.groups(("operator",))


def test_a_part_of_an_episode_can_be_tagged_by_seconds_after_its_first_frame(dataset: Dataset, record: Record) -> None:
    record(behavior="slider")
    dataset.tag([0], {"behavior": "drawer", "phase": "pull"}, (0.101, 0.16))
    assert dataset.frame_groups(("behavior",))[0].which.tolist() == [1] * 3 + [0] * 3 + [1] * 4
    assert dataset.groups(("behavior",)) == {"drawer": (0,), "slider": (0,)}
    assert dataset.axes == ("behavior", "phase")
    assert dataset.counts("behavior") == {"slider": 1}
    dataset.tag([0], {"behavior": "left"}, (0.0, float("inf")))
    assert dataset.groups(("behavior",)) == {"left": (0,)}


@pytest.mark.parametrize("part", [(0.2, 0.1), (-0.1, 0.2), (0.4, 0.5), (float("nan"), 0.2)])
def test_a_part_that_an_episode_does_not_have_is_refused_and_none_is_tagged(
    dataset: Dataset, record: Record, part: tuple[float, float]
) -> None:
    before = record(range(20)), record()
    with pytest.raises(DemonstrationError, match=r"episode \d has no part from .* its frames go from 0 s to 0\.\d+ s"):
        dataset.tag([0, 1], {"phase": "pull"}, part)
    assert dataset.episodes == before


def test_the_part_that_was_tagged_last_is_forgotten(dataset: Dataset, record: Record) -> None:
    before = record(phase="reach"), record(phase="reach")
    for phase in ("pull", "push"):
        dataset.tag([0], {"phase": phase}, (0.1, 0.2))
    with pytest.raises(DemonstrationError, match="no part is tagged of episodes 1"):
        dataset.untag([0, 1])
    assert set(dataset.groups(("phase",))) == {"push", "reach"}
    dataset.untag([0])
    assert set(dataset.groups(("phase",))) == {"pull", "reach"}
    dataset.untag([0])
    assert dataset.episodes == before


def test_a_segment_changes_the_fingerprint(dataset: Dataset, record: Record) -> None:
    record()
    before = dataset.fingerprint()
    dataset.tag([0], {"phase": "pull"}, (0.1, 0.2))
    assert dataset.fingerprint() != before


def test_a_copy_has_the_same_fingerprint_and_a_change_another(dataset: Dataset, record: Record, tmp_path: Path) -> None:
    record()
    before = dataset.fingerprint()
    copy = Dataset.open(shutil.copytree(dataset.path, tmp_path / "copy", copy_function=shutil.copy))
    assert copy.fingerprint() == before
    dataset.tag([0], {"quality": "suboptimal"})
    assert dataset.fingerprint() != before
    record()
    assert len({before, dataset.fingerprint(), copy.fingerprint()}) == 2


def test_a_fingerprint_of_some_axes_changes_with_tags_on_them_only(dataset: Dataset, record: Record) -> None:
    saved = record(behavior="slider")
    index, folder = saved.index, dataset.folder(saved.index)
    write_episode(folder, replace(saved, segments=(Segment(0, 1, {"quality": "noisy"}),)))
    of_behavior, of_quality = dataset.fingerprint(("behavior",)), dataset.fingerprint(("quality",))
    write_episode(folder, replace(saved, segments=(Segment(0, 1, {"quality": "optimal"}),)))
    dataset.tag([index], {"note": "x"})
    assert dataset.fingerprint(("behavior",)) == of_behavior
    assert dataset.fingerprint(("quality",)) != of_quality
    dataset.tag([index], {"behavior": "drawer"})
    assert dataset.fingerprint(("behavior",)) != of_behavior


def test_looking_at_a_dataset_does_not_change_its_fingerprint(dataset: Dataset, record: Record) -> None:
    record()
    before = dataset.fingerprint()
    dataset.demonstration(0)
    assert dataset.fingerprint() == before


def test_demonstrations_come_with_their_records(dataset: Dataset, record: Record) -> None:
    record(behavior="slider")
    record(behavior="drawer")
    assert [(r.tags["behavior"], len(d.ticks)) for r, d in dataset.demonstrations()] == [("slider", 10), ("drawer", 10)]


def test_provenance_survives(dataset: Dataset, record: Record) -> None:
    record()
    assert json.loads(json.dumps(Dataset.open(dataset.path).episodes[0].provenance)) == {"seed": 3}

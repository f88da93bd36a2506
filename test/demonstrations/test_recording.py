"""An episode is saved and durable, or in the trash, or listed as unfinished; it is never half there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from resource import RLIMIT_FSIZE, getrlimit, setrlimit
from types import FrameType

import pytest

from balanced_bc.demonstrations.bag import read_bag
from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.errors import DemonstrationError
from balanced_bc.demonstrations.recording import new_folder
from balanced_bc.demonstrations.rosbag2 import Offer

Write = Callable[..., None]


def test_nothing_is_saved_until_save(dataset: Dataset, write_ticks: Write) -> None:
    with dataset.writer() as writer:
        write_ticks(writer)
        assert dataset.episodes == ()
        assert dataset.unfinished == (writer.folder,)
        writer.save({"behavior": "slider"})
    assert len(dataset.episodes) == 1
    assert dataset.unfinished == ()


def test_leaving_without_save_moves_the_recording_to_the_trash(dataset: Dataset, write_ticks: Write) -> None:
    with dataset.writer() as writer:
        write_ticks(writer)
    assert (dataset.episodes, dataset.unfinished) == ((), ())
    assert len(list(read_bag(dataset.path / "trash" / "000000"))) == 90


def test_an_error_moves_the_recording_to_the_trash(dataset: Dataset, write_ticks: Write) -> None:
    def crash() -> None:
        with dataset.writer() as writer:
            write_ticks(writer)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crash()
    assert (dataset.path / "trash" / "000000" / "metadata.yaml").exists()


def test_an_interruption_after_the_episode_was_registered_does_not_undo_it(
    dataset: Dataset, write_ticks: Write
) -> None:
    def interrupt(frame: FrameType, event: str, _: object) -> None:
        if event == "return" and frame.f_code.co_name == "write_episode":
            sys.setprofile(None)
            raise KeyboardInterrupt

    def save() -> None:
        with dataset.writer() as writer:
            write_ticks(writer)
            sys.setprofile(interrupt)
            writer.save({"behavior": "slider"})

    with pytest.raises(KeyboardInterrupt):
        save()
    assert [record.index for record in dataset.episodes] == [0]
    assert not (dataset.path / "trash").exists()


def test_discarding_nothing_leaves_nothing(dataset: Dataset) -> None:
    assert dataset.writer().discard() is None
    assert not list((dataset.path / "episodes").iterdir())


def test_a_writer_that_has_ended_takes_no_more(dataset: Dataset, write_ticks: Write) -> None:
    writer = dataset.writer()
    write_ticks(writer)
    writer.save({"behavior": "slider"})
    for act in (writer.discard, lambda: writer.save({}), lambda: write_ticks(writer)):
        with pytest.raises(DemonstrationError, match="saved or discarded"):
            act()


def test_a_topic_outside_the_contract_is_refused(dataset: Dataset) -> None:
    with dataset.writer() as writer, pytest.raises(DemonstrationError, match=r"no stream 'odom'.*joint_states"):
        writer.write("odom", 1, b"")


def test_a_silent_stream_refuses_the_save_but_keeps_the_recording(dataset: Dataset, write_ticks: Write) -> None:
    with dataset.writer() as writer:
        write_ticks(writer, without=("gripper_camera/image_raw",))
        with pytest.raises(DemonstrationError, match=r"gripper_camera/image_raw never spoke; recorded were"):
            writer.save({"behavior": "slider"})
        assert writer.folder.exists()
    assert (dataset.path / "trash" / "000000").exists()


def test_a_malformed_tag_refuses_the_save_but_not_the_episode(dataset: Dataset, write_ticks: Write) -> None:
    with dataset.writer() as writer:
        write_ticks(writer)
        with pytest.raises(DemonstrationError, match=r"behavior='left\+right'"):
            writer.save({"behavior": "left+right"})
        assert writer.save({"behavior": "left"}).pairs == 10


def test_gaps_are_counted_when_saving_as_when_reading(dataset: Dataset, write_ticks: Write) -> None:
    with dataset.writer() as writer:
        write_ticks(writer, range(10))
        write_ticks(writer, range(10, 20), without=("static_camera/image_raw",))
        write_ticks(writer, range(20, 30))
        record = writer.save({"behavior": "slider"})
    assert record.gaps > 0
    demonstration = dataset.demonstration(record.index)
    assert len(demonstration.ticks) == record.pairs == 30 - record.gaps
    last_seen = 30 - 10 - record.gaps
    assert demonstration.action[:, 0].tolist() == [*range(last_seen), *range(20, 30)]


def test_an_episode_without_scene_has_none(dataset: Dataset, write_ticks: Write) -> None:
    with dataset.writer() as writer:
        write_ticks(writer, without=("scene/red_block",))
        record = writer.save({"behavior": "slider"})
    assert dataset.demonstration(record.index).scene is None


def test_a_gripper_that_is_not_commanded_keeps_its_state_as_label(dataset: Dataset, write_ticks: Write) -> None:
    with dataset.writer() as writer:
        write_ticks(writer, without=("gripper_command",))
        record = writer.save({"behavior": "slider"})
    demonstration = dataset.demonstration(record.index)
    assert demonstration.action[:, 6].tolist() == demonstration.state[:, 7].tolist()


def test_offers_of_publishers_are_recorded(dataset: Dataset, write_ticks: Write) -> None:
    with dataset.writer({"joint_states": Offer("best_effort", depth=3)}) as writer:
        write_ticks(writer)
        writer.save({"behavior": "slider"})
    metadata = (dataset.folder(0) / "metadata.yaml").read_text()
    assert "best_effort" in metadata
    assert "transient_local" in metadata


def test_parallel_writers_get_different_folders(dataset: Dataset) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: new_folder(dataset.path / "episodes"), range(40)))
    assert sorted(folder.name for folder in folders) == [f"{k:06d}" for k in range(40)]


KILLED = """
import os, sys
from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.dataset import Dataset
writer = Dataset.open(sys.argv[1]).writer()
for tick in range(3):
    writer.write("task/success", 10**9 * tick, bytes((0, 1, 0, 0, 1)))
os.kill(os.getpid(), 9)
"""


def test_a_killed_writer_leaves_a_folder_that_is_listed_and_neither_read_nor_overwritten(
    dataset: Dataset, write_ticks: Write
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", KILLED, str(dataset.path)], env=environment, check=False)
    (left,) = dataset.unfinished
    assert dataset.episodes == ()
    with pytest.raises(DemonstrationError, match=r"episode 0 .* is unfinished; saved are no saved episode"):
        dataset.demonstration(0)
    with dataset.writer() as writer:
        write_ticks(writer)
        assert writer.save({"behavior": "slider"}).index == 1
    assert dataset.unfinished == (left,)
    assert dataset.undo().index == 1
    assert (left / "000000.mcap").exists()


def test_a_robot_without_cameras_can_be_recorded(tmp_path: Path, contract: RobotContract, write_ticks: Write) -> None:
    blind = Dataset.create(tmp_path / "blind", replace(contract, cameras=()))
    with blind.writer() as writer:
        write_ticks(writer, without=tuple(camera.topic for camera in contract.cameras))
        record = writer.save({"behavior": "slider"})
    assert blind.demonstration(record.index).images == {}


@contextmanager
def full_disk() -> Iterator[None]:
    """No file can grow beyond a few bytes."""
    before = getrlimit(RLIMIT_FSIZE)
    setrlimit(RLIMIT_FSIZE, (64, before[1]))
    try:
        yield
    finally:
        setrlimit(RLIMIT_FSIZE, before)


def test_a_full_disk_refuses_the_save_by_name_and_the_recording_is_in_the_trash(
    dataset: Dataset, write_ticks: Write
) -> None:
    writer = dataset.writer()
    write_ticks(writer)
    with full_disk(), pytest.raises(DemonstrationError, match=r"000000 cannot be saved .*trash: File too large"):
        writer.save({"behavior": "slider"})
    assert not writer.open
    assert (dataset.episodes, dataset.unfinished) == ((), ())
    assert (dataset.path / "trash" / "000000" / "000000.mcap").exists()


def test_an_episode_that_the_disk_had_no_room_to_register_is_not_half_registered(
    dataset: Dataset, write_ticks: Write
) -> None:
    writer = dataset.writer()
    write_ticks(writer)
    (writer.folder / f".episode.yaml.{os.getpid()}").mkdir()
    with pytest.raises(DemonstrationError, match="cannot be saved"):
        writer.save({"behavior": "slider"})
    assert (dataset.episodes, dataset.unfinished) == ((), ())


def test_a_full_disk_while_writing_is_named_and_leaves_nothing_half_there(dataset: Dataset, write_ticks: Write) -> None:
    def record() -> None:
        with dataset.writer() as writer:
            for first in range(0, 100_000, 10):
                write_ticks(writer, range(first, first + 10))

    with full_disk(), pytest.raises(DemonstrationError, match=r"000000.mcap cannot be written: File too large"):
        record()
    assert (dataset.episodes, dataset.unfinished) == ((), ())
    assert (dataset.path / "trash" / "000000").exists()

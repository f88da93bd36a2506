"""A tiny robot, and demonstrations of it that are recorded message by message."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from balanced_bc.demonstrations.contract import (
    GRIPPER_COMMAND,
    JOINT_STATES,
    SCENE_JOINT_STATES,
    SCENE_LIGHTBULB,
    SCENE_RED_BLOCK,
    TCP_POSE,
    VELOCITY_COMMAND,
    Camera,
    RobotContract,
)
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.decoding import Sample
from balanced_bc.demonstrations.encoding import encode_sample
from balanced_bc.demonstrations.episode import EpisodeRecord
from balanced_bc.demonstrations.recording import EpisodeWriter

SECOND = 1_000_000_000
START = 100 * SECOND
Said = tuple[str, Sample]


@pytest.fixture(scope="session")
def contract() -> RobotContract:
    """A robot with two tiny cameras."""
    return RobotContract(cameras=(Camera("static_camera", 6, 8), Camera("gripper_camera", 4, 4, "bgr8")))


def stamp_at(tick: int) -> int:
    """Time of a tick at 30 Hz, [ns]."""
    return START + tick * SECOND // 30


def everything_at(tick: int, contract: RobotContract) -> Iterator[Said]:
    """What every stream of the robot says at a tick; every number tells the tick."""
    stamp, pose = stamp_at(tick), np.array([0.1 * tick, 0.2, 0.3, 0.0, 0.0, 0.0, 1.0])
    for camera in contract.cameras:
        image = np.arange(np.prod(camera.shape), dtype=np.int64).reshape(camera.shape)
        yield camera.topic, Sample(stamp, ((image + tick) % 256).astype(np.uint8))
    yield JOINT_STATES, Sample(stamp, np.append(np.full(7, 0.01 * tick), 0.08 if tick < 5 else 0.02))
    yield TCP_POSE, Sample(stamp, pose)
    yield SCENE_JOINT_STATES, Sample(stamp, np.array([0.01 * tick, 0.02 * tick]))
    yield SCENE_RED_BLOCK, Sample(stamp, pose)
    yield SCENE_LIGHTBULB, Sample(stamp, tick % 2 == 0)
    yield VELOCITY_COMMAND, Sample(stamp, np.arange(6.0) + tick)
    yield GRIPPER_COMMAND, Sample(stamp, 1.0 if tick < 4 else 0.0)


@pytest.fixture(scope="session")
def said_at(contract: RobotContract) -> Callable[[int], list[Said]]:
    """Give what every stream of the robot says at a tick."""
    return lambda tick: list(everything_at(tick, contract))


@pytest.fixture
def write_ticks(contract: RobotContract) -> Callable[..., None]:
    """Write what the robot says at some ticks, leaving out some topics."""

    def write(writer: EpisodeWriter, ticks: range = range(10), without: tuple[str, ...] = ()) -> None:
        for tick in ticks:
            for topic, sample in everything_at(tick, contract):
                if topic not in without:
                    writer.write(topic, sample.stamp, encode_sample(topic, sample, contract))

    return write


@pytest.fixture
def dataset(tmp_path: Path, contract: RobotContract) -> Dataset:
    """An empty dataset."""
    return Dataset.create(tmp_path / "dataset", contract)


@pytest.fixture
def record(dataset: Dataset, write_ticks: Callable[..., None]) -> Callable[..., EpisodeRecord]:
    """Record an episode of ten ticks with the given tags."""

    def make(ticks: range = range(10), **tags: str) -> EpisodeRecord:
        with dataset.writer() as writer:
            write_ticks(writer, ticks)
            return writer.save(tags or {"behavior": "slider"}, {"seed": 3})

    return make

"""Messages: what is written is what is read."""

from __future__ import annotations

import numpy as np
import pytest

from balanced_bc.demonstrations.contract import (
    GRIPPER_COMMAND,
    JOINT_STATES,
    SCENE_JOINT_STATES,
    SCENE_LIGHTBULB,
    TASK_BEHAVIOR,
    TCP_POSE,
    VELOCITY_COMMAND,
    RobotContract,
)
from balanced_bc.demonstrations.decoding import Sample, decode
from balanced_bc.nodes import messages

CONTRACT = RobotContract()
STAMP = 3_200_000_001


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("topic", "shape"),
    [(TCP_POSE, 7), (VELOCITY_COMMAND, 6), (JOINT_STATES, 8), (SCENE_JOINT_STATES, 2)],
)
def test_numbers_survive(rng: np.random.Generator, topic: str, shape: int) -> None:
    sample = Sample(STAMP, rng.normal(size=shape))
    read = decode(topic, messages.message_of(topic, sample, CONTRACT), CONTRACT, received=0)
    assert read.stamp == STAMP
    assert np.allclose(read.value, sample.value)


@pytest.mark.parametrize(
    ("topic", "value"), [(GRIPPER_COMMAND, 1.0), (SCENE_LIGHTBULB, True), (TASK_BEHAVIOR, "slider")]
)
def test_what_has_no_stamp_gets_the_time_of_reception(topic: str, value: object) -> None:
    message = messages.message_of(topic, Sample(0, value), CONTRACT)
    assert decode(topic, message, CONTRACT, received=STAMP) == Sample(STAMP, value)


def test_an_image_survives(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 256, (200, 200, 3), dtype=np.uint8)
    topic = "static_camera/image_raw"
    read = decode(topic, messages.message_of(topic, Sample(STAMP, pixels), CONTRACT), CONTRACT, received=0)
    assert read.stamp == STAMP
    assert np.array_equal(read.value, pixels)


def test_labelled_numbers_survive() -> None:
    weights = {"drawer": 0.25, "left+optimal": 0.75}
    assert messages.values_of(messages.labelled(weights)) == weights


def test_coverage_survives_and_says_what_to_record_next() -> None:
    message = messages.coverage({"drawer": 5, "slider": 2}, "slider", STAMP)
    assert messages.counts_of(message) == {"drawer": 5, "slider": 2}
    assert [status.message for status in message.status] == ["", "record next"]


def test_camera_intrinsics_follow_from_the_field_of_view() -> None:
    info = messages.camera_info(200, 200, np.pi / 2, STAMP, "static_camera")
    assert np.allclose(info.k, (100, 0, 100, 0, 100, 100, 0, 0, 1))

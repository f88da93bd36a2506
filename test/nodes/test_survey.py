"""What a look at the live streams finds: sizes, encodings, joint names, frame, gripper and rate."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
import rclpy
from rclpy.node import Node

from balanced_bc.demonstrations.cdr import parse
from balanced_bc.demonstrations.contract import JOINT_STATES, TCP_POSE, Camera, RobotContract
from balanced_bc.demonstrations.decoding import Sample
from balanced_bc.demonstrations.encoding import encode_sample
from balanced_bc.nodes import messages, qos
from balanced_bc.nodes.survey import difference, differences, listen, silent

ROBOT = RobotContract(cameras=(Camera("eye", 6, 8),))
PERIOD = 33_333_333
VALUES = {
    "eye/image_raw": np.zeros((6, 8, 3), np.uint8),
    JOINT_STATES: np.append(np.zeros(7), 0.08),
    TCP_POSE: np.array((0.4, 0.1, 0.4, 0, 0, 0, 1.0)),
}
STREAMS = tuple(ROBOT.stream(topic) for topic in VALUES)


def said(topic: str, robot: RobotContract = ROBOT, every: int = PERIOD, value: Any = None) -> list[Any]:
    """Five messages of a stream."""
    stamps, value = range(every, 6 * every, every), VALUES[topic] if value is None else value
    return [parse(robot.stream(topic).type, encode_sample(topic, Sample(t, value), robot)) for t in stamps]


def found(topic: str, wanted: RobotContract, heard: list[Any]) -> str:
    return difference(wanted.stream(topic), heard, wanted)


@pytest.mark.parametrize("topic", VALUES)
def test_a_stream_that_is_as_the_contract_says_has_no_difference(topic: str) -> None:
    assert found(topic, ROBOT, said(topic)) == ""


def test_a_silent_stream_is_named() -> None:
    assert silent({ROBOT.stream(TCP_POSE): [], ROBOT.stream(JOINT_STATES): said(JOINT_STATES)}) == (TCP_POSE,)


def test_another_size_is_said() -> None:
    wanted = replace(ROBOT, cameras=(Camera("eye", 7, 8),))
    assert "6 x 8 pixels; the contract wants 7 x 8" in found("eye/image_raw", wanted, said("eye/image_raw"))


def test_missing_joints_are_named_with_those_that_came() -> None:
    wanted = replace(ROBOT, joint_names=tuple(f"fr3_joint{i}" for i in range(1, 8)))
    assert "['fr3_joint1'" in found(JOINT_STATES, wanted, said(JOINT_STATES))


def test_another_frame_is_said() -> None:
    wanted = replace(ROBOT, base_frame="fr3_link0")
    assert found(TCP_POSE, wanted, said(TCP_POSE)) == "tcp_pose is in the frame 'panda_link0'; wanted is 'fr3_link0'"


def test_a_gripper_that_is_measured_otherwise_is_said() -> None:
    turned = said(JOINT_STATES, value=np.append(np.zeros(7), -0.08))
    assert "open by -0.080 m; wanted is 0 to 0.08 m" in found(JOINT_STATES, ROBOT, turned)


def test_a_stream_that_is_too_slow_is_said() -> None:
    slow = said("eye/image_raw", every=5 * PERIOD)
    assert found("eye/image_raw", ROBOT, slow) == "eye/image_raw comes every 0.167 s; wanted is at least every 0.1 s"


def test_a_stream_that_spoke_once_is_said() -> None:
    assert "spoke only once" in found(TCP_POSE, ROBOT, said(TCP_POSE)[:1])


def test_a_frozen_stream_is_said() -> None:
    assert "is frozen: 5 messages" in found(TCP_POSE, ROBOT, said(TCP_POSE)[:1] * 5)


@pytest.fixture
def robot() -> Iterator[Node]:
    """A node in whose graph somebody says every stream."""
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    context, end = rclpy.Context(), Event()
    rclpy.init(context=context, domain_id=1 + os.getpid() % 101)
    node = Node("robot", context=context, namespace="lab")
    voices = {s: node.create_publisher(messages.message_type(s.type), s.topic, qos.SENSORS) for s in STREAMS}

    def speak() -> None:
        stamp = 0
        while not end.wait(0.01):
            stamp += PERIOD
            for stream, voice in voices.items():
                voice.publish(encode_sample(stream.topic, Sample(stamp, VALUES[stream.topic]), ROBOT))

    thread = Thread(target=speak)
    thread.start()
    yield node
    end.set()
    thread.join()
    node.destroy_node()
    context.shutdown()


def test_live_streams_are_heard_in_their_namespace_and_compared(robot: Node) -> None:
    heard = listen(robot, STREAMS, patience=20.0)
    assert silent(heard) == ()
    assert differences(heard, ROBOT) == ()
    assert differences(heard, replace(ROBOT, base_frame="fr3_link0")) == (
        "tcp_pose is in the frame 'panda_link0'; wanted is 'fr3_link0'",
    )

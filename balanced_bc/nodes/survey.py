"""A look at what a robot's streams really say, before anything moves: sizes, encodings, joint names, frame, rate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from time import monotonic
from typing import Any

import numpy as np
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from balanced_bc.demonstrations.contract import JOINT_STATES, TCP_POSE, RobotContract, Stream
from balanced_bc.demonstrations.decoding import Sample, decode
from balanced_bc.demonstrations.errors import DemonstrationError
from balanced_bc.demonstrations.stamps import NANOSECONDS
from balanced_bc.nodes import messages, qos

ENOUGH = 5
"""Messages of a stream that tell its rate."""
SLACK = 0.1
"""How far beyond its range an opening may be measured, as a share of the range."""


Heard = Mapping[Stream, Sequence[Any]]
"""Streams and their first messages."""


def silent(heard: Heard) -> tuple[str, ...]:
    """Streams that said nothing."""
    return tuple(stream.topic for stream, said in heard.items() if not said)


def differences(heard: Heard, contract: RobotContract) -> tuple[str, ...]:
    """How what was heard differs from the contract, one sentence each; empty when it does not."""
    return tuple(problem for stream, said in heard.items() if (problem := difference(stream, said, contract)))


def listen(node: Node, streams: Iterable[Stream], patience: float) -> dict[Stream, list[Any]]:
    """The first messages of each stream, as they come within `patience` [s].

    A node of its own listens, so that this may be called from a callback. It hears the streams as `node` does:
    namespaces and remappings count.
    """
    heard: dict[Stream, list[Any]] = {stream: [] for stream in streams}
    ear = Node(
        f"{node.get_name()}_survey", context=node.context, use_global_arguments=False, start_parameter_services=False
    )
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(ear)
    try:
        for stream, said in heard.items():
            kind, topic = messages.message_type(stream.type), node.resolve_topic_name(stream.topic)
            ear.create_subscription(kind, topic, said.append, qos.SENSORS)
        end = monotonic() + patience
        while monotonic() < end and any(len(said) < ENOUGH for said in heard.values()):
            executor.spin_once(timeout_sec=max(0.0, end - monotonic()))
    finally:
        executor.shutdown()
        ear.destroy_node()
    return heard


def difference(stream: Stream, said: Sequence[Any], contract: RobotContract) -> str:
    """How messages of a stream, at least one, differ from the contract; empty when they do not."""
    try:
        samples = [decode(stream.topic, message, contract, 0) for message in said]
    except DemonstrationError as error:
        return str(error)
    return _frame(stream, said[-1], contract) or _opening(stream, samples[-1], contract) or _rate(stream, samples)


def _frame(stream: Stream, message: Any, contract: RobotContract) -> str:
    if stream.topic != TCP_POSE or message.header.frame_id == contract.base_frame:
        return ""
    return f"{stream.topic} is in the frame {message.header.frame_id!r}; wanted is {contract.base_frame!r}"


def _opening(stream: Stream, sample: Sample, contract: RobotContract) -> str:
    if stream.topic != JOINT_STATES:
        return ""
    opening, slack = float(sample.value[7]), SLACK * contract.max_opening
    if -slack <= opening <= contract.max_opening + slack:
        return ""
    return f"{stream.topic} has the gripper open by {opening:.3f} m; wanted is 0 to {contract.max_opening:g} m"


def _rate(stream: Stream, samples: Sequence[Sample]) -> str:
    stamps = np.array([sample.stamp for sample in samples])
    if stream.max_age == inf or not stamps.any():
        return ""  # it holds until it changes, or its messages have no stamp
    if len(stamps) < 2:
        return f"{stream.topic} spoke only once; wanted is at least every {stream.max_age:g} s"
    gap = float(np.median(np.diff(stamps))) / NANOSECONDS
    if gap == 0.0:
        return f"{stream.topic} is frozen: {len(stamps)} messages have the same stamp"
    if gap > stream.max_age:
        return f"{stream.topic} comes every {gap:.3f} s; wanted is at least every {stream.max_age:g} s"
    return ""

"""From numbers to CDR messages without ROS: the inverse of decoding, for datasets that no ROS node records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from balanced_bc.demonstrations.cdr import encode, message
from balanced_bc.demonstrations.contract import (
    COMPRESSED_IMAGE,
    GRIPPER_COMMAND,
    IMAGE,
    JOINT_STATES,
    SCENE_JOINT_NAMES,
    VELOCITY_COMMAND,
    RobotContract,
    Stream,
)
from balanced_bc.demonstrations.decoding import Sample
from balanced_bc.demonstrations.images import encoded
from balanced_bc.demonstrations.stamps import NANOSECONDS


def encode_sample(topic: str, sample: Sample, contract: RobotContract) -> bytes:
    """Write what `decode` read as a message of the topic's type.

    Args:
        topic: Topic of one of the contract's streams, relative.
        sample: Stamp [ns], which goes into the header where the type has one, and value as in `decode`.
        contract: Says the topic's type, frames and joint names.
    """
    stream = contract.stream(topic)
    return encode(stream.type, _WRITERS[stream.type](sample, stream, contract))


def prepare(contract: RobotContract) -> None:
    """Load what commands are written with: the first one would take two ticks otherwise."""
    encode_sample(VELOCITY_COMMAND, Sample(0, np.zeros(6)), contract)
    encode_sample(GRIPPER_COMMAND, Sample(0, 0.0), contract)


def header(stamp: int, frame: str) -> Any:
    """Make a std_msgs/Header.

    Args:
        stamp: Time, [ns].
        frame: Name of the frame.
    """
    time = message("builtin_interfaces/msg/Time", sec=stamp // NANOSECONDS, nanosec=stamp % NANOSECONDS)
    return message("std_msgs/msg/Header", stamp=time, frame_id=frame)


def _image(sample: Sample, stream: Stream, contract: RobotContract) -> Any:
    camera = contract.camera_of(stream.topic)
    height, width, channels = sample.value.shape
    about = {"encoding": camera.encoding, "is_bigendian": 0, "step": width * channels, "height": height, "width": width}
    data = encoded(sample.value, camera.encoding)
    return message(stream.type, header=header(sample.stamp, camera.name), data=data, **about)


def _compressed(sample: Sample, stream: Stream, contract: RobotContract) -> Any:
    camera = contract.camera_of(stream.topic)
    data = encoded(sample.value, camera.encoding)
    return message(stream.type, header=header(sample.stamp, camera.name), format=camera.encoding, data=data)


def _joints(sample: Sample, stream: Stream, contract: RobotContract) -> Any:
    names: tuple[str, ...] = SCENE_JOINT_NAMES
    positions = np.asarray(sample.value, dtype=np.float64)
    if stream.topic == JOINT_STATES:
        names = (*contract.joint_names, *contract.finger_joint_names)
        fingers = len(contract.finger_joint_names)
        positions = np.concatenate((positions[:7], np.full(fingers, positions[7] / fingers)))
    nothing = np.zeros(0)
    return message(
        stream.type,
        header=header(sample.stamp, contract.base_frame),
        name=list(names),
        position=positions,
        velocity=nothing,
        effort=nothing,
    )


def _pose(sample: Sample, stream: Stream, contract: RobotContract) -> Any:
    x, y, z, qx, qy, qz, qw = map(float, sample.value)
    position = message("geometry_msgs/msg/Point", x=x, y=y, z=z)
    orientation = message("geometry_msgs/msg/Quaternion", x=qx, y=qy, z=qz, w=qw)
    pose = message("geometry_msgs/msg/Pose", position=position, orientation=orientation)
    return message(stream.type, header=header(sample.stamp, contract.base_frame), pose=pose)


def _twist(sample: Sample, stream: Stream, contract: RobotContract) -> Any:
    vx, vy, vz, wx, wy, wz = map(float, sample.value)
    linear = message("geometry_msgs/msg/Vector3", x=vx, y=vy, z=vz)
    angular = message("geometry_msgs/msg/Vector3", x=wx, y=wy, z=wz)
    twist = message("geometry_msgs/msg/Twist", linear=linear, angular=angular)
    return message(stream.type, header=header(sample.stamp, contract.base_frame), twist=twist)


def _number(sample: Sample, stream: Stream, _: RobotContract) -> Any:
    return message(stream.type, data=float(sample.value))


def _bool(sample: Sample, stream: Stream, _: RobotContract) -> Any:
    return message(stream.type, data=bool(sample.value))


def _text(sample: Sample, stream: Stream, _: RobotContract) -> Any:
    return message(stream.type, data=str(sample.value))


_WRITERS: dict[str, Callable[[Sample, Stream, RobotContract], Any]] = {
    IMAGE: _image,
    COMPRESSED_IMAGE: _compressed,
    "sensor_msgs/msg/JointState": _joints,
    "geometry_msgs/msg/PoseStamped": _pose,
    "geometry_msgs/msg/TwistStamped": _twist,
    "std_msgs/msg/Float32": _number,
    "std_msgs/msg/Bool": _bool,
    "std_msgs/msg/String": _text,
}

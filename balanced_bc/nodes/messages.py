"""Our values as ROS messages, and the few messages that are read without a stream's decoding.

Pure functions. `demonstrations.decoding` reads what streams carry; this file writes it.
"""

from __future__ import annotations

import array
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import Point, Pose, PoseStamped, Quaternion, Twist, TwistStamped, Vector3
from numpy.typing import ArrayLike, NDArray
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import (
    Bool,
    Float32,
    Float64MultiArray,
    Header,
    MultiArrayDimension,
    MultiArrayLayout,
    String,
)

from balanced_bc.demonstrations.contract import JOINT_STATES, SCENE_JOINT_NAMES, RobotContract, Stream
from balanced_bc.demonstrations.decoding import Sample

SECOND = 1_000_000_000
"""[ns]."""


def message_type(name: str) -> Any:
    """Class of the messages of a type, `package/msg/Name`."""
    package, _, kind = name.partition("/msg/")
    return getattr(import_module(f"{package}.msg"), kind)


def time_of(stamp: int) -> Time:
    """A stamp [ns] as a message."""
    seconds, nanoseconds = divmod(stamp, SECOND)
    return Time(sec=seconds, nanosec=nanoseconds)


def stamp_of(time: Time) -> int:
    """A message's time as a stamp, [ns]."""
    return int(time.sec) * SECOND + int(time.nanosec)


def header(stamp: int, frame: str) -> Header:
    """Header with a stamp [ns] and a frame."""
    return Header(stamp=time_of(stamp), frame_id=frame)


def clock(stamp: int) -> Clock:
    """Simulated time, [ns]."""
    return Clock(clock=time_of(stamp))


def image(pixels: NDArray[np.uint8], stamp: int, frame: str) -> Image:
    """An RGB image, (height, width, 3)."""
    height, width, _ = pixels.shape
    message = Image(header=header(stamp, frame), height=height, width=width, encoding="rgb8", step=3 * width)
    message.data = array.array("B", pixels.tobytes())  # a list or a numpy array is copied byte by byte
    return message


def camera_info(height: int, width: int, vertical_angle: float, stamp: int, frame: str) -> CameraInfo:
    """Intrinsics of a pinhole camera with square pixels.

    Args:
        height: Rows, [px].
        width: Columns, [px].
        vertical_angle: Vertical field of view, [rad].
        stamp: Time of the image, [ns].
        frame: Frame of the image.
    """
    focal = 0.5 * height / float(np.tan(0.5 * vertical_angle))
    x, y = 0.5 * width, 0.5 * height
    message = CameraInfo(header=header(stamp, frame), height=height, width=width, distortion_model="plumb_bob")
    message.d = [0.0] * 5
    message.k = [focal, 0.0, x, 0.0, focal, y, 0.0, 0.0, 1.0]
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [focal, 0.0, x, 0.0, 0.0, focal, y, 0.0, 0.0, 0.0, 1.0, 0.0]
    return message


def twist_stamped(twist: ArrayLike, stamp: int, frame: str) -> TwistStamped:
    """A twist: linear [m/s] and angular [rad/s] velocity, (6,)."""
    values = np.asarray(twist, dtype=np.float64).tolist()
    linear, angular = Vector3(**dict(zip("xyz", values[:3]))), Vector3(**dict(zip("xyz", values[3:])))
    return TwistStamped(header=header(stamp, frame), twist=Twist(linear=linear, angular=angular))


def message_of(topic: str, sample: Sample, contract: RobotContract) -> Any:
    """What `demonstrations.decoding.decode` reads, as the message that it reads it from.

    Args:
        topic: One of the contract's streams, relative.
        sample: Stamp [ns] and value as in `decode`.
        contract: Says the topic's type, joint names and frames.
    """
    stream = contract.stream(topic)
    return _WRITERS[stream.type](sample, stream, contract)


def _image(sample: Sample, stream: Stream, contract: RobotContract) -> Image:
    camera = next(camera for camera in contract.cameras if camera.topic == stream.topic)
    return image(sample.value, sample.stamp, camera.name)


def _joints(sample: Sample, stream: Stream, contract: RobotContract) -> JointState:
    names: tuple[str, ...] = SCENE_JOINT_NAMES
    positions = np.asarray(sample.value, dtype=np.float64)
    if stream.topic == JOINT_STATES:
        fingers = contract.finger_joint_names
        names = (*contract.joint_names, *fingers)
        positions = np.append(positions[:7], [positions[7] / len(fingers)] * len(fingers))
    return JointState(header=header(sample.stamp, contract.base_frame), name=list(names), position=positions.tolist())


def _pose(sample: Sample, _stream: Stream, contract: RobotContract) -> PoseStamped:
    x, y, z, *quaternion = np.asarray(sample.value, dtype=np.float64).tolist()
    pose = Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(**dict(zip("xyzw", quaternion))))
    return PoseStamped(header=header(sample.stamp, contract.base_frame), pose=pose)


def _twist(sample: Sample, _stream: Stream, contract: RobotContract) -> TwistStamped:
    return twist_stamped(sample.value, sample.stamp, contract.base_frame)


_WRITERS: Mapping[str, Callable[[Sample, Stream, RobotContract], Any]] = {
    "sensor_msgs/msg/Image": _image,
    "sensor_msgs/msg/JointState": _joints,
    "geometry_msgs/msg/PoseStamped": _pose,
    "geometry_msgs/msg/TwistStamped": _twist,
    "std_msgs/msg/Float32": lambda sample, _stream, _contract: Float32(data=float(sample.value)),
    "std_msgs/msg/Bool": lambda sample, _stream, _contract: Bool(data=bool(sample.value)),
    "std_msgs/msg/String": lambda sample, _stream, _contract: String(data=str(sample.value)),
}


def coverage(counts: Mapping[str, int], wanted: str, stamp: int) -> DiagnosticArray:
    """How many demonstrations of each behavior exist, one status each.

    Args:
        counts: Behavior to number of demonstrations.
        wanted: Behavior to record next; empty when nothing is recorded yet.
        stamp: Now, [ns].
    """
    statuses = [
        DiagnosticStatus(
            level=DiagnosticStatus.OK,
            name=behavior,
            message="record next" if behavior == wanted else "",
            hardware_id="recorder",
            values=[KeyValue(key="demonstrations", value=str(count))],
        )
        for behavior, count in counts.items()
    ]
    return DiagnosticArray(header=header(stamp, ""), status=statuses)


def counts_of(message: DiagnosticArray) -> dict[str, int]:
    """Behavior to number of demonstrations, as `coverage` wrote it."""
    return {status.name: int(status.values[0].value) for status in message.status}


def diagnostics(
    name: str, message: str, values: Mapping[str, object], stamp: int, fine: bool = True
) -> DiagnosticArray:
    """One status of a node for the topic `diagnostics`."""
    level = DiagnosticStatus.OK if fine else DiagnosticStatus.ERROR
    pairs = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    status = DiagnosticStatus(level=level, name=name, message=message, values=pairs)
    return DiagnosticArray(header=header(stamp, ""), status=[status])


def labelled(values: Mapping[str, float]) -> Float64MultiArray:
    """Named numbers: dimension i of size 1 is labelled with the name of value i."""
    dimensions = [MultiArrayDimension(label=name, size=1, stride=1) for name in values]
    return Float64MultiArray(layout=MultiArrayLayout(dim=dimensions), data=[float(value) for value in values.values()])


def values_of(message: Float64MultiArray) -> dict[str, float]:
    """Named numbers, as `labelled` wrote them."""
    return {dimension.label: value for dimension, value in zip(message.layout.dim, message.data)}

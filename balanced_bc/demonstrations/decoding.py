"""From messages to numbers: one set of functions for messages of rclpy and of rosbags.

Only attributes are touched (`message.header.stamp.sec`, `message.data`), so it makes no difference whether `data` is an
array.array, a numpy array or bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from balanced_bc.demonstrations.contract import (
    COMPRESSED_IMAGE,
    IMAGE,
    JOINT_STATES,
    SCENE_JOINT_NAMES,
    RobotContract,
)
from balanced_bc.demonstrations.errors import DemonstrationError
from balanced_bc.demonstrations.images import rgb_of
from balanced_bc.demonstrations.stamps import NANOSECONDS

Value = Any
"""What a message says, see `decode`."""


class Sample(NamedTuple):
    """One message as a number and a time.

    Attributes:
        stamp: When it was true, [ns].
        value: What it says, see `decode`.
    """

    stamp: int
    value: Value


def decode(topic: str, message: Any, contract: RobotContract, received: int) -> Sample:
    """Read a message of one of the contract's streams. Vectors are float64.

    ============================  =====================================================================================
    stream                        value
    ============================  =====================================================================================
    images                        RGB, uint8, (height, width, 3); a view of the message where its layout allows
    joint_states                  arm joints in the contract's order [rad], then the gripper's opening [m], (8,)
    scene/joint_states            opening of slider and drawer [m], (2,)
    poses                         position [m], quaternion x y z w, (7,)
    velocity_command              linear [m/s] and angular [rad/s] velocity, (6,)
    gripper_command               opening, 0 closed to 1 open
    others                        bool or text
    ============================  =====================================================================================

    Args:
        topic: Topic of the message, relative.
        message: A message object of rclpy or rosbags.
        contract: Says what the topic's type, sizes and joint names are.
        received: Time of reception, [ns]; used where the message has no stamp.

    Raises:
        DemonstrationError: The message is not as the contract says, or a number is not finite.
    """
    stream = contract.stream(topic)
    value = _READERS[stream.type](message, stream.topic, contract)
    return Sample(stamp_of(message, received), value)


def stamp_of(message: Any, received: int) -> int:
    """Header stamp where there is one that is not zero, else the time of reception, [ns]."""
    header = getattr(message, "header", None)
    if header is None:
        return received
    return int(header.stamp.sec) * NANOSECONDS + int(header.stamp.nanosec) or received


def _image(message: Any, topic: str, contract: RobotContract) -> NDArray[np.uint8]:
    return rgb_of(message, topic, contract.camera_of(topic).shape)


def _joints(message: Any, topic: str, contract: RobotContract) -> NDArray[np.float64]:
    if topic != JOINT_STATES:
        return _positions(message, SCENE_JOINT_NAMES, topic)
    found = _positions(message, (*contract.joint_names, *contract.finger_joint_names), topic)
    return np.append(found[:7], found[7:].sum())


def _positions(message: Any, names: Sequence[str], topic: str) -> NDArray[np.float64]:
    by_name = dict(zip(message.name, message.position))
    if missing := [name for name in names if name not in by_name]:
        raise DemonstrationError(f"{topic} has no position of {missing}; it has {sorted(by_name)}")
    return _finite(np.array([by_name[name] for name in names], dtype=np.float64), topic)


def _pose(message: Any, topic: str, _: RobotContract) -> NDArray[np.float64]:
    p, q = message.pose.position, message.pose.orientation
    return _finite(np.array((p.x, p.y, p.z, q.x, q.y, q.z, q.w)), topic)


def _twist(message: Any, topic: str, _: RobotContract) -> NDArray[np.float64]:
    v, w = message.twist.linear, message.twist.angular
    return _finite(np.array((v.x, v.y, v.z, w.x, w.y, w.z)), topic)


def _number(message: Any, topic: str, _: RobotContract) -> float:
    return float(_finite(np.array(message.data, dtype=np.float64), topic))


def _bool(message: Any, _topic: str, _: RobotContract) -> bool:
    return bool(message.data)


def _text(message: Any, _topic: str, _: RobotContract) -> str:
    return str(message.data)


def _finite(values: NDArray[np.float64], topic: str) -> NDArray[np.float64]:
    if not np.isfinite(values).all():
        raise DemonstrationError(f"{topic} says {values.tolist()}; every number must be finite")
    return values


_READERS: dict[str, Callable[[Any, str, RobotContract], Value]] = {
    IMAGE: _image,
    COMPRESSED_IMAGE: _image,
    "sensor_msgs/msg/JointState": _joints,
    "geometry_msgs/msg/PoseStamped": _pose,
    "geometry_msgs/msg/TwistStamped": _twist,
    "std_msgs/msg/Float32": _number,
    "std_msgs/msg/Bool": _bool,
    "std_msgs/msg/String": _text,
}

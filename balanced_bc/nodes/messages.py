"""Messages that are no stream of the contract, in both directions. Pure functions.

What streams carry is written by `demonstrations.encoding` and read by `demonstrations.decoding`, with ROS or without:
rclpy publishes the bytes as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import (
    Float64MultiArray,
    Header,
    MultiArrayDimension,
    MultiArrayLayout,
)

from balanced_bc.demonstrations.stamps import NANOSECONDS


def message_type(name: str) -> Any:
    """Class of the messages of a type, `package/msg/Name`."""
    package, _, kind = name.partition("/msg/")
    return getattr(import_module(f"{package}.msg"), kind)


def time_of(stamp: int) -> Time:
    """A stamp [ns] as a message."""
    seconds, nanoseconds = divmod(stamp, NANOSECONDS)
    return Time(sec=seconds, nanosec=nanoseconds)


def stamp_of(time: Time) -> int:
    """A message's time as a stamp, [ns]."""
    return int(time.sec) * NANOSECONDS + int(time.nanosec)


def header(stamp: int, frame: str) -> Header:
    """Header with a stamp [ns] and a frame."""
    return Header(stamp=time_of(stamp), frame_id=frame)


def clock(stamp: int) -> Clock:
    """Simulated time, [ns]."""
    return Clock(clock=time_of(stamp))


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

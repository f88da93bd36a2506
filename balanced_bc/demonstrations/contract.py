"""The robot contract: which streams a robot has, and what their numbers mean."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import Any, NamedTuple

from balanced_bc.demonstrations.errors import DemonstrationError
from balanced_bc.demonstrations.images import COMPRESSED, ENCODINGS
from balanced_bc.ranges import out_of_range

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"

STATIC_CAMERA = "static_camera"
GRIPPER_CAMERA = "gripper_camera"
JOINT_STATES = "joint_states"
TCP_POSE = "tcp_pose"
VELOCITY_COMMAND = "velocity_command"
GRIPPER_COMMAND = "gripper_command"
SCENE_JOINT_STATES = "scene/joint_states"
SCENE_RED_BLOCK = "scene/red_block"
SCENE_LIGHTBULB = "scene/lightbulb"
TASK_BEHAVIOR = "task/behavior"
TASK_SUCCESS = "task/success"

SCENE_JOINT_NAMES = ("slider", "drawer")
"""Joints of the scene that `scene/joint_states` must name; a simulator may publish more."""


class Stream(NamedTuple):
    """One topic of the robot.

    Attributes:
        topic: Relative topic name; also the stream's name in a bag and in memory.
        type: ROS message type, `package/msg/Name`.
        max_age: How old the latest message may be at a tick, [s].
    """

    topic: str
    type: str
    max_age: float


@dataclass(frozen=True)
class Camera:
    """A color camera and the size of its images."""

    name: str
    """Name of the camera; its images are on `NAME/image_raw`, or on `NAME/image_raw/compressed`."""
    height: int
    """Rows of an image, [px]."""
    width: int
    """Columns of an image, [px]."""
    encoding: str = "rgb8"
    """Encoding as in sensor_msgs/Image, or jpeg or png, which come as sensor_msgs/CompressedImage."""

    @property
    def compressed(self) -> bool:
        """Whether its images are compressed."""
        return self.encoding in COMPRESSED

    @property
    def topic(self) -> str:
        """Topic of the images."""
        return f"{self.name}/image_raw/compressed" if self.compressed else f"{self.name}/image_raw"

    @property
    def type(self) -> str:
        """Message type of the images."""
        return COMPRESSED_IMAGE if self.compressed else IMAGE

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one image as an array, (height, width, 3)."""
        return (self.height, self.width, 3)

    def __post_init__(self) -> None:
        if problem := out_of_range(self):
            raise DemonstrationError(f"camera {self.name!r}: {problem}")
        if self.height < 1 or self.width < 1:
            raise DemonstrationError(
                f"camera {self.name!r} has images of {self.height} x {self.width} pixels; both must be at least 1"
            )
        if self.encoding not in ENCODINGS:
            raise DemonstrationError(
                f"camera {self.name!r} has encoding {self.encoding!r}; understood are {', '.join(ENCODINGS)}"
            )


@dataclass(frozen=True)
class RobotContract:
    """What a dataset was recorded from, what a checkpoint expects, and what a live robot must offer.

    The defaults are the simulated Franka Panda with the cameras of the paper.
    """

    name: str = "sim"
    """Name of the robot: the file in config/robots/ without its ending."""
    rate: float = 30.0
    """Control rate, [Hz]: ticks of the alignment, and of the policy."""
    cameras: tuple[Camera, ...] = (Camera(STATIC_CAMERA, 200, 200), Camera(GRIPPER_CAMERA, 84, 84))
    """Cameras in the order in which a policy sees them."""
    joint_names: tuple[str, ...] = tuple(f"panda_joint{i}" for i in range(1, 8))
    """The arm's seven joints in the order of the robot state."""
    finger_joint_names: tuple[str, ...] = ("panda_finger_joint1", "panda_finger_joint2")
    """Finger joints; their positions add up to the gripper's opening."""
    max_opening: float = 0.08
    """Opening of the gripper when it is fully open, [m]."""
    open_above: float = 0.9
    """Share of `max_opening` above which the gripper's state is open (+1); below, it is closed or holds (-1)."""
    base_frame: str = "panda_link0"
    """Frame of every twist and pose."""
    tool_frame: str = "panda_hand_tcp"
    """Frame of the tool center point, between the fingertips."""
    max_age: float = 0.1
    """How old the latest image or joint state may be at a tick, [s]."""

    def __post_init__(self) -> None:
        if problem := out_of_range(self):
            raise DemonstrationError(f"contract {self.name!r}: {problem}")
        if self.rate <= 0:
            raise DemonstrationError(f"contract {self.name!r} has a rate of {self.rate} Hz; it must be above 0")
        if len(self.joint_names) != 7:
            raise DemonstrationError(
                f"contract {self.name!r} names {len(self.joint_names)} joints, {self.joint_names}; a robot state has 7"
            )
        names = [camera.name for camera in self.cameras]
        if len(set(names)) != len(names):
            raise DemonstrationError(f"contract {self.name!r} names a camera twice: {names}")

    @property
    def period(self) -> float:
        """Time between two ticks, [s]."""
        return 1.0 / self.rate

    @property
    def observation_streams(self) -> tuple[Stream, ...]:
        """Streams without which no observation can be built."""
        cameras = tuple(Stream(c.topic, c.type, self.max_age) for c in self.cameras)
        return (*cameras, Stream(JOINT_STATES, "sensor_msgs/msg/JointState", self.max_age))

    @property
    def action_streams(self) -> tuple[Stream, ...]:
        """Commands. The gripper's holds until the next one; the velocity's does not."""
        return (
            Stream(VELOCITY_COMMAND, "geometry_msgs/msg/TwistStamped", self.max_age),
            Stream(GRIPPER_COMMAND, "std_msgs/msg/Float32", inf),
        )

    @property
    def scene_streams(self) -> tuple[Stream, ...]:
        """Privileged streams that only a simulator has; state policies and scripted demonstrators use them."""
        return (
            Stream(TCP_POSE, "geometry_msgs/msg/PoseStamped", self.max_age),
            Stream(SCENE_JOINT_STATES, "sensor_msgs/msg/JointState", self.max_age),
            Stream(SCENE_RED_BLOCK, "geometry_msgs/msg/PoseStamped", self.max_age),
            Stream(SCENE_LIGHTBULB, "std_msgs/msg/Bool", inf),
        )

    @property
    def task_streams(self) -> tuple[Stream, ...]:
        """What a simulator says of the task: which behavior is wanted, and whether it was done."""
        return (
            Stream(TASK_BEHAVIOR, "std_msgs/msg/String", inf),
            Stream(TASK_SUCCESS, "std_msgs/msg/Bool", inf),
        )

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Everything that a recorder listens to."""
        return (*self.observation_streams, *self.action_streams, *self.scene_streams, *self.task_streams)

    def stream(self, topic: str) -> Stream:
        """Return the stream of this topic; a leading slash makes no difference.

        Raises:
            DemonstrationError: The contract has no such topic; those that it has are listed.
        """
        streams = _streams_by_topic(self)
        name = topic.removeprefix("/")
        if name not in streams:
            raise DemonstrationError(f"contract {self.name!r} has no stream {topic!r}; it has {sorted(streams)}")
        return streams[name]

    def camera_of(self, topic: str) -> Camera:
        """The camera whose images are on this topic, relative; `stream` knows which topics there are."""
        return next(camera for camera in self.cameras if camera.topic == topic)

    def to_dict(self) -> dict[str, Any]:
        """Plain types, as written into dataset.yaml and policy.yaml."""
        plain = dataclasses.asdict(self)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> RobotContract:
        """Read what `to_dict` wrote.

        Raises:
            DemonstrationError: A key is unknown, then the known ones are listed, or a value is malformed.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := set(plain) - known:
            raise DemonstrationError(f"a robot contract has no {sorted(unknown)}; it has {sorted(known)}")
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()
        }
        try:
            if "cameras" in values:
                values["cameras"] = tuple(Camera(**camera) for camera in values["cameras"])
            return cls(**values)
        except TypeError as error:
            raise DemonstrationError(f"a robot contract is malformed: {error}") from error

    def differences(self, other: RobotContract) -> tuple[str, ...]:
        """What `other` has differently, one sentence a field; names of robots may differ."""
        mine, theirs = self.to_dict(), other.to_dict()
        return tuple(
            f"{key}: {mine[key]} here, {theirs[key]} there"
            for key in mine
            if key != "name" and mine[key] != theirs[key]
        )


@lru_cache(maxsize=16)
def _streams_by_topic(contract: RobotContract) -> dict[str, Stream]:
    """Every stream of a contract by its topic; looked up once per message, so it is kept."""
    return {stream.topic: stream for stream in contract.streams}

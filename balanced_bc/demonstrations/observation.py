"""What a robot sees and does at one tick, and over a whole demonstration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

STATE_SIZE = 8
"""7 joint angles [rad] and the gripper's state (+1 open, -1 closed or holding)."""
ACTION_SIZE = 7
"""Linear [m/s] and angular [rad/s] velocity of the end effector in the base frame; gripper (+1 open, -1 close)."""
SCENE_SIZE = 21
"""See `scene_vector`."""

Floats = NDArray[np.float64]


class Observation(NamedTuple):
    """One moment as a policy sees it.

    Attributes:
        images: Camera name to RGB image, uint8, (height, width, 3).
        state: Robot state, see `STATE_SIZE`, float32, (8,).
        scene: Privileged scene, see `scene_vector`, float32, (21,); None where nobody publishes it.
    """

    images: Mapping[str, NDArray[np.uint8]]
    state: NDArray[np.float32]
    scene: NDArray[np.float32] | None = None


class Demonstration(NamedTuple):
    """A demonstration at the control rate: T observations and the actions that answered them.

    Attributes:
        ticks: Time of each frame, [ns], int64, (T,). A step above one period is a gap.
        images: Camera name to RGB images, uint8, (T, height, width, 3).
        state: Robot states, float32, (T, 8).
        action: Actions, see `ACTION_SIZE`, float32, (T, 7).
        scene: Privileged scenes, float32, (T, 21), or None.
    """

    ticks: NDArray[np.int64]
    images: Mapping[str, NDArray[np.uint8]]
    state: NDArray[np.float32]
    action: NDArray[np.float32]
    scene: NDArray[np.float32] | None = None

    def observation(self, index: int) -> Observation:
        """Frame `index` as a policy would have seen it."""
        scene = None if self.scene is None else self.scene[index]
        return Observation({name: images[index] for name, images in self.images.items()}, self.state[index], scene)


def rotation_columns(quaternion: Floats) -> Floats:
    """First two columns of a rotation matrix: six continuous numbers for an orientation.

    Args:
        quaternion: Unit quaternion, x y z w, (4,).
    """
    x, y, z, w = quaternion
    first = (1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w))
    second = (2 * (x * y - z * w), 1 - 2 * (x * x + z * z), 2 * (y * z + x * w))
    return np.array((*first, *second))


def scene_vector(
    tcp_pose: Floats, slider: float, drawer: float, lightbulb: bool, red_block: Floats
) -> NDArray[np.float32]:
    """The privileged scene as one vector, (21,).

    Args:
        tcp_pose: Tool center point in the base frame: position [m], quaternion x y z w, (7,).
        slider: Opening of the sliding door, [m].
        drawer: Opening of the drawer, [m].
        lightbulb: Whether the bulb is on.
        red_block: Pose of the red block in the base frame, as `tcp_pose`, (7,).
    """
    poses = [np.concatenate((pose[:3], rotation_columns(pose[3:]))) for pose in (tcp_pose, red_block)]
    return np.concatenate((poses[0], (slider, drawer, float(lightbulb)), poses[1])).astype(np.float32)

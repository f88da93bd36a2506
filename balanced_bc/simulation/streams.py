"""What the simulated robot says at a tick, as samples of the contract's streams."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from balanced_bc.demonstrations.contract import (
    GRIPPER_COMMAND,
    JOINT_STATES,
    SCENE_JOINT_STATES,
    SCENE_LIGHTBULB,
    SCENE_RED_BLOCK,
    TCP_POSE,
    VELOCITY_COMMAND,
    RobotContract,
)
from balanced_bc.demonstrations.decoding import Sample
from balanced_bc.simulation.scene import Images, SceneState

Said = tuple[str, Sample]
"""Topic and sample."""


def stamp_of_tick(tick: int, contract: RobotContract) -> int:
    """Simulated time of a tick, [ns]."""
    return int(tick * 1_000_000_000 / contract.rate)


def sensed(scene: SceneState, images: Images, stamp: int, contract: RobotContract) -> Iterator[Said]:
    """Samples of every observation and scene stream.

    Args:
        scene: The tabletop at the tick.
        images: Camera name to RGB image; cameras that were not drawn say nothing.
        stamp: Time of the tick, [ns].
        contract: Names the cameras.
    """
    for camera in contract.cameras:
        if camera.name in images:
            yield camera.topic, Sample(stamp, images[camera.name])
    yield JOINT_STATES, Sample(stamp, np.append(scene.joints, scene.opening))
    yield TCP_POSE, Sample(stamp, scene.tcp_pose)
    yield SCENE_JOINT_STATES, Sample(stamp, np.array((scene.slider, scene.drawer)))
    yield SCENE_RED_BLOCK, Sample(stamp, scene.red_block)
    yield SCENE_LIGHTBULB, Sample(stamp, scene.lightbulb)


def commanded(action: NDArray[np.float64], stamp: int) -> Iterator[Said]:
    """Samples of the command streams that answer the observation of a tick; the gripper comes first, as from a node.

    Args:
        action: Twist in the base frame, [m/s] and [rad/s], and gripper (+1 open, -1 close), (7,).
        stamp: Time of the tick, [ns].
    """
    yield GRIPPER_COMMAND, Sample(stamp, 1.0 if action[6] >= 0 else 0.0)
    yield VELOCITY_COMMAND, Sample(stamp, action[:6])

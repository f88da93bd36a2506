"""What there is to know about the tabletop at one moment, and how a moment begins."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.observation import Observation, scene_vector

Floats = NDArray[np.float64]
Images = dict[str, NDArray[np.uint8]]

BASE_POSITION = (-0.34, -0.46, 0.24)
"""Base of the robot in the world frame, not rotated against it, [m]; as in CALVIN."""


class SceneState(NamedTuple):
    """The tabletop at one moment. Poses are in the robot's base frame: position [m], quaternion x y z w.

    Attributes:
        tcp_pose: Tool center point, (7,).
        joints: Joint angles of the arm, [rad], (7,).
        opening: Opening of the gripper, [m].
        slider: Opening of the sliding door, to the left, [m].
        drawer: Opening of the drawer, [m].
        switch: Position of the switch, 0 at its lower end, [m].
        button: How far the button is pressed, [m].
        lightbulb: Whether the bulb is on.
        led: Whether the LED is on.
        red_block: (7,).
        blue_block: (7,).
        pink_block: (7,).
    """

    tcp_pose: Floats
    joints: Floats
    opening: float
    slider: float
    drawer: float
    switch: float
    button: float
    lightbulb: bool
    led: bool
    red_block: Floats
    blue_block: Floats
    pink_block: Floats


class Placement(NamedTuple):
    """Where a block stands, in the world frame.

    Attributes:
        x: To the right, [m].
        y: To the back, [m].
        yaw: About the vertical axis, [rad].
    """

    x: float
    y: float
    yaw: float


class Start(NamedTuple):
    """How an episode begins.

    Attributes:
        joints: Joint angles of the arm, [rad], (7,).
        slider: Opening of the sliding door, [m].
        drawer: Opening of the drawer, [m].
        lightbulb: Whether the switch is up and the bulb is on.
        led: Whether the LED is on.
        red_block: Where the red block stands.
        blue_block: Where the blue block stands.
        pink_block: Where the pink block stands.
    """

    joints: Floats
    slider: float
    drawer: float
    lightbulb: bool
    led: bool
    red_block: Placement
    blue_block: Placement
    pink_block: Placement


def robot_state(scene: SceneState, contract: RobotContract) -> NDArray[np.float32]:
    """Joint angles [rad] and the gripper's state (+1 open, -1 closed or holding), (8,)."""
    is_open = scene.opening >= contract.open_above * contract.max_opening
    return np.append(scene.joints, 1.0 if is_open else -1.0).astype(np.float32)


def observation_of(scene: SceneState, images: Images, contract: RobotContract) -> Observation:
    """What a policy sees at this moment, the privileged scene included.

    Args:
        scene: The tabletop.
        images: Camera name to RGB image; empty where nothing was rendered.
        contract: Says when the gripper counts as open.
    """
    privileged = scene_vector(scene.tcp_pose, scene.slider, scene.drawer, scene.lightbulb, scene.red_block)
    return Observation(images, robot_state(scene, contract), privileged)

"""CALVIN's world behind the same few methods as ours: joints in, scene and pictures out.

calvin_env moves its arm by joint positions, which it takes as they are (`joint_abs`), or by poses, for which it calls
an inverse kinematics that leaves errors of its own. Joint positions are sent, those that our arm would be sent too, so
that one twist means one motion in both worlds; benchmarks/calvin.py has the measurements.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balanced_bc.simulation import desk, panda
from balanced_bc.simulation.calvin_package import open_calvin
from balanced_bc.simulation.engine import PHYSICS_RATE
from balanced_bc.simulation.kinematics import JOINT_HIGH, JOINT_LOW, forward
from balanced_bc.simulation.scene import BASE_POSITION, Placement, SceneState, Start
from balanced_bc.simulation.world import BLOCK_HALF_HEIGHT, COLLISION_MARGIN

Floats = NDArray[np.float64]
Image = NDArray[np.uint8]

TCP_FROM_HAND = 0.14
"""Height of its tool center point, between its longer fingertips, above the hand's frame, as in its URDF, [m]."""
SUBSTEPS = 8
"""Physics steps of one of its steps."""
MOTOR_GAIN = 0.1
"""Share of a joint's position error that its motors remove in a physics step: PyBullet's default."""
MOTOR_STRIDE = 2.0 / PHYSICS_RATE
"""Farthest that its motors go in a physics step, at their largest speed, [rad]."""
STATIC, GRIPPER = "static", "gripper"


class CalvinWorld:
    """calvin_env, loaded anew at every start so that no episode remembers another."""

    def __init__(self, window: bool = False) -> None:
        self._env, self._oracle = open_calvin(window)
        self._cameras = {camera.name: camera for camera in self._env.cameras}
        self._env.cameras = []  # its steps would draw every time; here, images are drawn when they are asked for
        self._now: dict[str, Any] = self._env.get_info()
        self._then = self._now

    def close(self) -> None:
        """Leave the engine; a second call does nothing."""
        if self._env is not None:
            self._env.p.disconnect()
            self._env = None

    def place(self, start: Start) -> None:
        """Begin anew from a start."""
        self._env.load()
        self._env.reset(robot_observation(start), scene_observation(start))
        self._now = self._env.get_info()

    def is_robot_touching(self) -> bool:
        """Whether the robot touches the desk or a block, or nearly so."""
        robot, engine = self._env.robot.robot_uid, self._env.p
        things = self._env.scene.get_objects()
        return any(engine.getClosestPoints(robot, thing.uid, COLLISION_MARGIN) for thing in things)

    def step(self, before: Floats, after: Floats, opens: bool, substeps: int) -> None:
        """Bring the arm to joint targets.

        Args:
            before: Joint targets at the beginning, which measured ones stand for here, [rad], (7,).
            after: Joint targets at the end, [rad], (7,).
            opens: Whether the gripper opens; else it closes.
            substeps: Number of physics steps; whole control periods.
        """
        del before
        for _ in range(substeps // SUBSTEPS):
            measured = self.joints()
            target = np.clip(measured + beyond(after - measured), JOINT_LOW, JOINT_HIGH)
            action = {"type": "joint_abs", "action": np.append(target, 1.0 if opens else -1.0)}
            *_, self._now = self._env.step(action)

    def joints(self) -> Floats:
        """Measured joint angles of the arm, [rad], (7,)."""
        return np.array(self._now["robot_info"]["arm_joint_states"])

    def scene(self) -> SceneState:
        """What is where now, in the robot's base frame."""
        things, joints = self._now["scene_info"], self.joints()
        return SceneState(
            tcp_pose=forward(joints, TCP_FROM_HAND).vector(),
            joints=joints,
            opening=float(self._now["robot_info"]["gripper_opening_width"]),
            slider=things["doors"]["base__slide"]["current_state"],
            drawer=things["doors"]["base__drawer"]["current_state"],
            switch=things["switches"]["base__switch"]["joint_state"],
            button=things["buttons"]["base__button"]["joint_state"],
            lightbulb=bool(things["lights"]["lightbulb"]["logical_state"]),
            led=bool(things["lights"]["led"]["logical_state"]),
            red_block=_pose(things["movable_objects"]["block_red"]),
            blue_block=_pose(things["movable_objects"]["block_blue"]),
            pink_block=_pose(things["movable_objects"]["block_pink"]),
        )

    def remember(self) -> None:
        """Let this be the moment from which the oracle judges."""
        self._then = self._now

    def achieved(self, task: str) -> bool:
        """Whether CALVIN's own oracle says that one of its tasks is done since the remembered moment."""
        return task in self._oracle.get_task_info_for_set(self._then, self._now, {task})

    def static_image(self, height: int, width: int) -> Image:
        """What the static camera sees, uint8, (height, width, 3)."""
        return self._draw(STATIC, height, width)

    def gripper_image(self, height: int, width: int) -> Image:
        """What the camera on the hand sees, uint8, (height, width, 3)."""
        return self._draw(GRIPPER, height, width)

    def _draw(self, name: str, height: int, width: int) -> Image:
        """Draw with one of its cameras, which are made for one size each."""
        camera = copy(self._cameras[name])
        camera.height, camera.width, camera.aspect = height, width, width / height
        lens = (camera.fov, camera.aspect, camera.nearval, camera.farval)
        camera.projectionMatrix = self._env.p.computeProjectionMatrixFOV(*lens)
        return np.ascontiguousarray(camera.render()[0], np.uint8)


def beyond(way: Floats) -> Floats:
    r"""How far away a joint's target must be for its motor to go a given way in one step.

    A motor goes a share g of what is left in each of n physics steps, and at most m. Where it is held to m in the first
    k of them, and not after, a target T brings it to

    .. math:: way = k m + (T - k m) (1 - (1 - g)^{n - k})

    which is a concave function of T in pieces, one for each k; so T is the largest of what the pieces give.

    Args:
        way: Of each joint, [rad], (7,).
    """
    held = np.arange(SUBSTEPS)[:, None]
    share = 1 - (1 - MOTOR_GAIN) ** (SUBSTEPS - held)
    pieces = held * MOTOR_STRIDE + (np.abs(way) - held * MOTOR_STRIDE) / share
    return np.asarray(np.copysign(pieces.max(axis=0), way))


def robot_observation(start: Start) -> Floats:
    """A start as calvin_env takes a robot: pose, unused; opening [m], joints [rad], gripper, (15,)."""
    return np.concatenate((np.zeros(6), (2 * panda.FINGER_TRAVEL,), start.joints, (1.0,)))


def scene_observation(start: Start) -> Floats:
    """A start as calvin_env takes a scene: doors, button, switch, lights, then position and Euler angles, (24,)."""
    switch = desk.SWITCH_TRAVEL if start.lightbulb else 0.0
    parts = (start.slider, start.drawer, 0.0, switch, float(start.lightbulb), float(start.led))
    blocks = (start.red_block, start.blue_block, start.pink_block)
    return np.concatenate((parts, *(_block(placement) for placement in blocks)))


def _block(placement: Placement) -> Floats:
    return np.array((placement.x, placement.y, desk.TOP + BLOCK_HALF_HEIGHT, 0.0, 0.0, placement.yaw))


def _pose(thing: dict[str, Any]) -> Floats:
    return np.concatenate((np.array(thing["current_pos"]) - BASE_POSITION, thing["current_orn"]))

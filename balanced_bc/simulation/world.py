"""The tabletop: a desk, a Franka Panda and three blocks.

Positions in here are in the world frame; what leaves as `SceneState` is in the robot's base frame.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from balanced_bc.simulation import desk, panda, shapes
from balanced_bc.simulation.cameras import View
from balanced_bc.simulation.engine import PHYSICS_RATE, Engine
from balanced_bc.simulation.kinematics import forward
from balanced_bc.simulation.moment import Furnishing, Moment
from balanced_bc.simulation.painter import Painter
from balanced_bc.simulation.scene import BASE_POSITION, Placement, SceneState, Start

Floats = NDArray[np.float64]
Image = NDArray[np.uint8]

DOOR_FRICTION = 4.0
"""Force with which drawer, door and switch resist, as in CALVIN, [N]."""
BUTTON_SPRING = 4.0
"""Force that brings the button back, as in CALVIN, [N]."""
COLLISION_MARGIN = 0.005
"""A robot that is nearer to something than this counts as touching it, [m]."""
BLOCKS = {
    "red_block": ((0.056, 0.04, 0.04), (0.85, 0.10, 0.10)),
    "blue_block": ((0.04, 0.04, 0.04), (0.12, 0.30, 0.85)),
    "pink_block": ((0.08, 0.04, 0.04), (0.93, 0.50, 0.68)),
}
"""Name to edges, as in CALVIN, [m], and color."""
BLOCK_HALF_HEIGHT = 0.02
"""[m]."""
BLOCK_MASS = 0.1
"""[kg]."""
BLOCK_FRICTION = 0.8
FINGER_FRICTION = (1.0, 0.1)
"""Sliding and spinning friction of the fingers, as in the robot's URDF."""

PART_JOINT = 0
"""A moving part of the desk is a body with one joint."""


class World:
    """Desk, robot and blocks, built from nothing at every start so that no episode remembers another."""

    def __init__(self, window: bool = False) -> None:
        self._engine = Engine()
        self._painter = Painter(BLOCKS, window)
        self._window = window
        self._led = False
        self._pressed = False

    def close(self) -> None:
        """Leave the engine; a second call does nothing."""
        self._engine.close()
        self._painter.close()

    def place(self, start: Start) -> None:
        """Begin anew from a start."""
        self._engine.clear()
        with tempfile.TemporaryDirectory(prefix="balanced_bc_") as folder:
            self._load(Path(folder))
        self._prepare_robot(start.joints)
        self._blocks = {name: self._add_block(name, getattr(start, name)) for name in BLOCKS}
        self._set_desk(start)
        self._look()

    def is_robot_touching(self) -> bool:
        """Whether the robot touches the desk or a block, or nearly so."""
        bodies = (self._desk, *self._parts.values(), *self._blocks.values())
        return any(self._engine.nearer_than(self._robot, body, COLLISION_MARGIN) for body in bodies)

    def step(self, before: Floats, after: Floats, opens: bool, substeps: int) -> None:
        """Move the arm's joint targets evenly over some physics steps.

        Args:
            before: Joint targets at the beginning, [rad], (7,).
            after: Joint targets at the end, [rad], (7,).
            opens: Whether the gripper opens; else it closes.
            substeps: Number of physics steps.
        """
        self._drive_fingers(opens)
        velocities = ((after - before) * (PHYSICS_RATE / substeps)).tolist()
        shares = np.arange(1, substeps + 1)[:, None] / substeps
        for targets in (before + (after - before) * shares).tolist():
            self._engine.track(self._robot, panda.ARM_JOINTS, targets, velocities, panda.ARM_FORCES)
            self._engine.step()
        self._look()

    def joints(self) -> Floats:
        """Measured joint angles of the arm, [rad], (7,)."""
        return self._now.joints

    def scene(self) -> SceneState:
        """The tabletop as it is now, in the robot's base frame."""
        now, desk_now = self._now, self._now.furnishing
        return SceneState(
            tcp_pose=forward(now.joints).vector(),
            joints=now.joints,
            opening=float(now.fingers.sum()),
            slider=desk_now.slider,
            drawer=desk_now.drawer,
            switch=desk_now.switch,
            button=desk_now.button,
            lightbulb=desk_now.bulb,
            led=desk_now.led,
            red_block=self._block("red_block"),
            blue_block=self._block("blue_block"),
            pink_block=self._block("pink_block"),
        )

    def static_image(self, height: int, width: int) -> Image:
        """What the static camera sees, uint8, (height, width, 3)."""
        return self._painter.static_image(self._now, height, width)

    def gripper_image(self, height: int, width: int) -> Image:
        """What the camera on the hand sees, uint8, (height, width, 3)."""
        return self._painter.gripper_image(self._now, height, width)

    def image(self, view: View, height: int, width: int) -> Image:
        """What a camera anywhere in the world sees, uint8, (height, width, 3)."""
        return self._painter.image(self._now, view, height, width)

    def _load(self, folder: Path) -> None:
        """Bring in the bodies; their files are written anew each time, so that a killed process leaves none behind.

        Every moving part of the desk is a body of its own: the solver's work grows with the joints of a body.
        """
        self._desk = self._engine.load_rigid(shapes.write_urdf("desk", (desk.immovable(),), folder))
        self._parts = {part.name: self._load_part(part, folder) for part in desk.moving()}
        self._robot = self._engine.load(panda.write_urdf(folder), BASE_POSITION)

    def _load_part(self, part: shapes.Part, folder: Path) -> int:
        body = self._engine.load(shapes.write_urdf(part.name, desk.mounted(part), folder))
        self._engine.pass_through_fixed(body)
        return body

    def _prepare_robot(self, joints: Floats) -> None:
        for finger in panda.FINGER_JOINTS:
            self._engine.set_friction(self._robot, finger, *FINGER_FRICTION)
            self._engine.place_joint(self._robot, finger, panda.FINGER_TRAVEL)
        self._engine.couple(self._robot, *panda.FINGER_JOINTS)
        for joint, angle in zip(panda.ARM_JOINTS, joints.tolist()):
            self._engine.place_joint(self._robot, joint, angle)

    def _add_block(self, name: str, placement: Placement) -> int:
        edges, _ = BLOCKS[name]
        body = self._engine.add_block(edges, BLOCK_MASS, BLOCK_FRICTION)
        half = 0.5 * placement.yaw
        turned = (0.0, 0.0, float(np.sin(half)), float(np.cos(half)))
        self._engine.place_body(body, (placement.x, placement.y, desk.TOP + BLOCK_HALF_HEIGHT), turned)
        return body

    def _set_desk(self, start: Start) -> None:
        switch = desk.SWITCH_TRAVEL if start.lightbulb else 0.0
        for name, position in (("slider", start.slider), ("drawer", start.drawer), ("switch", switch)):
            self._engine.place_joint(self._parts[name], PART_JOINT, position)
            self._engine.brake(self._parts[name], PART_JOINT, DOOR_FRICTION)
        self._engine.drive(self._parts["button"], PART_JOINT, 0.0, BUTTON_SPRING)
        self._led, self._pressed = start.led, False

    def _drive_fingers(self, opens: bool) -> None:
        position = panda.FINGER_TRAVEL if opens else 0.0
        for finger in panda.FINGER_JOINTS:
            self._engine.drive(self._robot, finger, position, panda.FINGER_FORCE, panda.FINGER_SPEED)

    def _look(self) -> None:
        """See what is where, once per control period."""
        positions = self._engine.joint_positions(self._robot, (*panda.ARM_JOINTS, *panda.FINGER_JOINTS))
        blocks = {name: self._engine.body_pose(body) for name, body in self._blocks.items()}
        self._now = Moment(positions[:7], positions[7:], self._furnishing(), blocks)
        if self._window:
            self._painter.show(self._now)

    def _furnishing(self) -> Furnishing:
        at = {name: self._engine.joint_position(body, PART_JOINT) for name, body in self._parts.items()}
        self._watch(at["button"])
        return Furnishing(**at, bulb=at["switch"] > 0.5 * desk.SWITCH_TRAVEL, led=self._led)

    def _watch(self, button: float) -> None:
        """The LED changes whenever the button is pressed past its middle."""
        pressed = button > 0.5 * desk.BUTTON_TRAVEL
        if pressed and not self._pressed:
            self._led = not self._led
        self._pressed = pressed

    def _block(self, name: str) -> Floats:
        position, quaternion = self._now.blocks[name]
        return np.concatenate((position - BASE_POSITION, quaternion))

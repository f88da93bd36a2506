"""The tabletop: a desk, a Franka Panda and three blocks.

Positions in here are in the world frame; what leaves as `SceneState` is in the robot's base frame.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from balanced_bc.simulation import desk, panda, shapes
from balanced_bc.simulation.cameras import STATIC_VIEW, Picture, View, gripper_view, overlaid, rgb
from balanced_bc.simulation.engine import PHYSICS_RATE, Engine
from balanced_bc.simulation.kinematics import forward
from balanced_bc.simulation.rotations import matrix_of
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


class World:
    """Desk, robot and blocks, built from nothing at every start so that no episode remembers another."""

    def __init__(self, window: bool = False) -> None:
        self._engine = Engine(window)
        self._backdrops: dict[tuple[int, int], Picture] = {}
        self._led = False
        self._pressed = False

    def close(self) -> None:
        """Leave the engine; a second call does nothing."""
        self._engine.close()

    def place(self, start: Start) -> None:
        """Begin anew from a start."""
        self._engine.clear()
        with tempfile.TemporaryDirectory(prefix="balanced_bc_") as folder:
            self._load(Path(folder))
        self._parts = self._engine.links(self._desk)
        self._prepare_robot(start.joints)
        self._blocks = {name: self._add_block(name, getattr(start, name)) for name in BLOCKS}
        self._set_desk(start)
        self._light_up()

    def is_robot_touching(self) -> bool:
        """Whether the robot touches the desk or a block, or nearly so."""
        bodies = (self._desk, *self._blocks.values())
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
        velocity = (after - before) * (PHYSICS_RATE / substeps)
        for index in range(1, substeps + 1):
            target = before + (after - before) * (index / substeps)
            self._engine.track(self._robot, panda.ARM_JOINTS, target, velocity, panda.ARM_FORCES)
            self._engine.step()
        self._watch_button()
        self._light_up()

    def joints(self) -> Floats:
        """Measured joint angles of the arm, [rad], (7,)."""
        return self._engine.joint_positions(self._robot, panda.ARM_JOINTS)

    def scene(self) -> SceneState:
        """The tabletop as it is now, in the robot's base frame."""
        joints = self.joints()
        return SceneState(
            tcp_pose=forward(joints).vector(),
            joints=joints,
            opening=float(self._engine.joint_positions(self._robot, panda.FINGER_JOINTS).sum()),
            slider=self._part("slider"),
            drawer=self._part("drawer"),
            switch=self._part("switch"),
            button=self._part("button"),
            lightbulb=self._is_bulb_on(),
            led=self._led,
            red_block=self._block("red_block"),
            blue_block=self._block("blue_block"),
            pink_block=self._block("pink_block"),
        )

    def static_image(self, height: int, width: int) -> Image:
        """What the static camera sees, uint8, (height, width, 3).

        The desk's fixed parts never change in it and take half of the time: they are drawn once and kept.
        """
        if (height, width) not in self._backdrops:
            self._backdrops[height, width] = self._backdrop(height, width)
        self._show_fixed(False)
        front = self._engine.draw(STATIC_VIEW, height, width)
        self._show_fixed(True)
        return overlaid(front, self._backdrops[height, width])

    def gripper_image(self, height: int, width: int) -> Image:
        """What the camera on the hand sees, uint8, (height, width, 3)."""
        position, quaternion = self._engine.link_pose(self._robot, panda.HAND_LINK)
        return self.image(gripper_view(position, matrix_of(quaternion)), height, width)

    def image(self, view: View, height: int, width: int) -> Image:
        """What a camera anywhere in the world sees, uint8, (height, width, 3)."""
        return rgb(self._engine.draw(view, height, width))

    def _load(self, folder: Path) -> None:
        """Bring in the bodies; their files are written anew each time, so that a killed process leaves none behind."""
        self._desk = self._engine.load(shapes.write_urdf("desk", desk.desk(), folder))
        self._engine.load(shapes.write_urdf("pedestal", desk.pedestal(BASE_POSITION), folder))
        self._robot = self._engine.load(panda.write_urdf(folder), BASE_POSITION)

    def _prepare_robot(self, joints: Floats) -> None:
        for link, color in panda.LINK_COLORS.items():
            self._engine.paint(self._robot, link, color)
        for finger in panda.FINGER_JOINTS:
            self._engine.set_friction(self._robot, finger, *FINGER_FRICTION)
            self._engine.place_joint(self._robot, finger, panda.FINGER_TRAVEL)
        self._engine.couple(self._robot, *panda.FINGER_JOINTS)
        for joint, angle in zip(panda.ARM_JOINTS, joints.tolist()):
            self._engine.place_joint(self._robot, joint, angle)

    def _add_block(self, name: str, placement: Placement) -> int:
        edges, color = BLOCKS[name]
        body = self._engine.add_block(edges, color, BLOCK_MASS, BLOCK_FRICTION)
        half = 0.5 * placement.yaw
        turned = (0.0, 0.0, float(np.sin(half)), float(np.cos(half)))
        self._engine.place_body(body, (placement.x, placement.y, desk.TOP + BLOCK_HALF_HEIGHT), turned)
        return body

    def _set_desk(self, start: Start) -> None:
        switch = desk.SWITCH_TRAVEL if start.lightbulb else 0.0
        for name, position in (("slider", start.slider), ("drawer", start.drawer), ("switch", switch)):
            self._engine.place_joint(self._desk, self._parts[name], position)
            self._engine.brake(self._desk, self._parts[name], DOOR_FRICTION)
        self._engine.drive(self._desk, self._parts["button"], 0.0, BUTTON_SPRING)
        self._led, self._pressed = start.led, False

    def _drive_fingers(self, opens: bool) -> None:
        position = panda.FINGER_TRAVEL if opens else 0.0
        for finger in panda.FINGER_JOINTS:
            self._engine.drive(self._robot, finger, position, panda.FINGER_FORCE, panda.FINGER_SPEED)

    def _watch_button(self) -> None:
        """The LED changes whenever the button is pressed past its middle."""
        pressed = self._part("button") > 0.5 * desk.BUTTON_TRAVEL
        if pressed and not self._pressed:
            self._led = not self._led
        self._pressed = pressed

    def _is_bulb_on(self) -> bool:
        return self._part("switch") > 0.5 * desk.SWITCH_TRAVEL

    def _light_up(self) -> None:
        bulb = desk.BULB_ON if self._is_bulb_on() else desk.GLASS
        self._engine.paint(self._desk, self._parts["lightbulb"], bulb)
        self._engine.paint(self._desk, self._parts["led"], desk.LED_ON if self._led else desk.GLASS)

    def _show_fixed(self, shown: bool) -> None:
        for name, color in desk.FIXED_COLORS.items():
            self._engine.paint(self._desk, self._parts.get(name, -1), color, float(shown))

    def _backdrop(self, height: int, width: int) -> Picture:
        engine = Engine()
        with tempfile.TemporaryDirectory(prefix="balanced_bc_") as folder:
            engine.load(shapes.write_urdf("fixed", desk.fixed(), Path(folder)))
        picture = engine.draw(STATIC_VIEW, height, width)
        engine.close()
        return picture

    def _part(self, name: str) -> float:
        return float(self._engine.joint_positions(self._desk, (self._parts[name],))[0])

    def _block(self, name: str) -> Floats:
        position, quaternion = self._engine.body_pose(self._blocks[name])
        return np.concatenate((position - BASE_POSITION, quaternion))

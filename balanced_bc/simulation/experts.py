"""What an expert wants next, from what it perceives now: one rule per behavior. Positions are in the base frame.

The rules need hardly any memory: the same percept calls for the same motion, which is what a policy can learn.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from balanced_bc.simulation import desk
from balanced_bc.simulation.motion import Manner, nearest_modulo, tool_yaw, toward
from balanced_bc.simulation.rotations import matrix_of
from balanced_bc.simulation.scene import BASE_POSITION
from balanced_bc.simulation.starts import TABLE

Floats = NDArray[np.float64]

BASE = np.array(BASE_POSITION)
FACING_DESK = 0.5 * math.pi
"""Yaw at which the fingers open along the desk's length, [rad]."""


class Percept(NamedTuple):
    """What topics can tell at one tick. Poses are in the base frame: position [m], quaternion x y z w.

    Attributes:
        tcp_pose: Tool center point, (7,).
        opening: Opening of the gripper, [m].
        slider: Opening of the sliding door, [m].
        drawer: Opening of the drawer, [m].
        lightbulb: Whether the bulb is on.
        red_block: (7,).
    """

    tcp_pose: Floats
    opening: float
    slider: float
    drawer: float
    lightbulb: bool
    red_block: Floats


class Wish(NamedTuple):
    """What an expert wants at one tick.

    Attributes:
        velocity: Of the tool center point, [m/s], (3,).
        yaw: Of the tool, which points down, [rad].
        opens: Whether the gripper opens; else it closes.
        finished: Whether there is nothing left to do.
        tilt: How far the tool leans about the fingers' axis, so that the hand is held back, [rad].
    """

    velocity: Floats
    yaw: float
    opens: bool
    finished: bool = False
    tilt: float = 0.0


class Expert(Protocol):
    """A rule for one behavior."""

    def target(self, percept: Percept) -> Floats:
        """Where the thing is that it wants to move, [m], (3,)."""
        ...

    def wish(self, percept: Percept) -> Wish:
        """What it wants next."""
        ...


class SliderExpert:
    """Puts the closed fingers to the right of the door's handle and pushes it to the left."""

    BESIDE = 0.05
    """Distance in x from the handle's middle at which the closed fingers just touch it, [m]."""
    ROOM = 0.03
    """Room that is left beside the handle on the way in, [m]."""
    HEIGHT = 0.565 - BASE_POSITION[2]
    """Height of the tool center point while pushing, [m]."""
    DEPTH = 0.012 - BASE_POSITION[1]
    """y of the tool center point while pushing, [m]."""
    TILT = 0.55
    """How far the hand is held back, so that it passes the upper part of the handle, [rad]."""
    PUSH = 0.175
    """How far the door is moved, a little more than needed, [m]."""

    def __init__(self, manner: Manner) -> None:
        self._manner = manner
        self._start: float | None = None

    def target(self, percept: Percept) -> Floats:
        """Middle of the door's handle at the height of the push, [m], (3,)."""
        return np.array((desk.SLIDER_HANDLE_X - BASE[0] - percept.slider, self.DEPTH, self.HEIGHT))

    def wish(self, percept: Percept) -> Wish:
        """What it wants next."""
        if self._start is None:
            self._start = percept.slider
        position = percept.tcp_pose[:3]
        x, y, z = position
        handle = desk.SLIDER_HANDLE_X - BASE[0] - percept.slider
        height = self.HEIGHT + 0.008 * self._manner.offset
        off = max(abs(y - self.DEPTH), abs(z - height))
        if x > handle and (off < 0.012 or (off < 0.03 and x < handle + self.BESIDE + 0.01)):
            push = np.array((-self._manner.work_speed, 6 * (self.DEPTH - y), 6 * (height - z)))
            done = percept.slider - self._start >= self.PUSH
            return Wish(push, FACING_DESK, opens=False, finished=done, tilt=self.TILT)
        beside = handle + self.BESIDE + self.ROOM
        missing = max(0.0, beside - 0.02 - x) + max(0.0, abs(z - height) - 0.02)
        retreat = min(0.10, self._manner.slope * missing)
        goal = np.array((beside, self.DEPTH - retreat, height))
        return Wish(toward(goal, position, self._manner), FACING_DESK, opens=False, tilt=self.TILT)


class DrawerExpert:
    """Lowers the closed fingers behind the drawer's handle and pulls."""

    BEHIND = 0.031
    """Distance in y from the handle's middle to the fingers when they go down, [m]."""
    HEIGHT = 0.362 - BASE_POSITION[2]
    """Height of the tool center point while pulling, [m]."""
    HOOKED = 0.385 - BASE_POSITION[2]
    """Height below which the fingers are behind the handle, [m]."""
    PULL = 0.145
    """How far the drawer is pulled, a little more than needed, [m]."""

    def __init__(self, manner: Manner) -> None:
        self._manner = manner
        self._start: float | None = None

    def target(self, percept: Percept) -> Floats:
        """Middle of the drawer's handle, [m], (3,)."""
        x, y, z = BASE.tolist()
        return np.array((desk.DRAWER_X - x, desk.DRAWER_HANDLE_Y - percept.drawer - y, desk.DRAWER_HANDLE_Z - z))

    def wish(self, percept: Percept) -> Wish:
        """What it wants next."""
        if self._start is None:
            self._start = percept.drawer
        position = percept.tcp_pose[:3]
        x = desk.DRAWER_X - BASE[0] + 0.05 * self._manner.offset
        handle = desk.DRAWER_HANDLE_Y - BASE[1] - percept.drawer
        behind = position[1] - handle
        if position[2] < self.HOOKED and 0.005 < behind < 0.06:
            pull = np.array((2 * (x - position[0]), -self._manner.work_speed, 5 * (self.HEIGHT - position[2])))
            done = percept.drawer - self._start >= self.PULL
            return Wish(pull, FACING_DESK, opens=False, finished=done)
        goal = np.array((x, handle + self.BEHIND, self.HEIGHT))
        aside = max(0.0, math.hypot(*(goal[:2] - position[:2])) - 0.012)
        goal[2] += min(0.2, 0.05 * (aside > 0) + self._manner.slope * aside)
        return Wish(toward(goal, position, self._manner), FACING_DESK, opens=False)


class PickingExpert:
    """Grasps the red block across the sides that need the least turning, and lifts it."""

    LIFT = 0.075
    """How far the block is lifted, a little more than needed, [m]."""
    HELD = 0.066
    """Opening below which the fingers, on their way, are about the block, [m]."""
    PRESS_TICKS = 5
    """Ticks that the fingers get to press, once they are about the block."""
    MAX_TILT = 0.55
    """How far the tool leans back where the block stands nearest to handle and switch, [rad]."""

    def __init__(self, manner: Manner) -> None:
        self._manner = manner
        self._start: float | None = None
        self._pressed = 0

    def target(self, percept: Percept) -> Floats:
        """Middle of the block, [m], (3,)."""
        return percept.red_block[:3]

    def wish(self, percept: Percept) -> Wish:
        """What it wants next."""
        block, position = percept.red_block[:3], percept.tcp_pose[:3]
        if self._start is None:
            self._start = float(block[2])
        yaw, tilt = self._grasp_yaw(percept), self._tilt(block)
        away = block - position
        aside = math.hypot(away[0], away[1])
        if 0.02 < percept.opening < self.HELD and aside < 0.025 and abs(away[2]) < 0.025:
            return self._lift(percept, yaw, tilt)
        self._pressed = 0
        turn = abs(nearest_modulo(tool_yaw(percept.tcp_pose[3:]) - yaw, 0.0, 2 * math.pi))
        if percept.opening > 0.03 and aside < 0.01 and abs(away[2]) < 0.012 and turn < 0.12:
            return Wish(toward(block, position, self._manner), yaw, opens=False, tilt=tilt)
        missing = max(0.0, aside - 0.01) + 0.1 * max(0.0, turn - 0.25)
        goal = block + np.array((0.0, 0.0, min(0.15, 0.045 * (missing > 0.01) + self._manner.slope * missing)))
        return Wish(toward(goal, position, self._manner), yaw, opens=True, tilt=tilt)

    def _lift(self, percept: Percept, yaw: float, tilt: float) -> Wish:
        self._pressed += 1
        done = float(percept.red_block[2]) - (self._start or 0.0) >= self.LIFT
        speed = self._manner.work_speed if self._pressed > self.PRESS_TICKS else 0.0
        away = np.array((0.0, -0.5 * math.sin(tilt), 1.0))
        return Wish(speed * away, yaw, opens=False, finished=done, tilt=tilt)

    def _tilt(self, block: Floats) -> float:
        """Lean back the more, the nearer the block is to the panel: the hand must pass handle and switch."""
        (_, (front, back)) = TABLE
        return self.MAX_TILT * min(1.0, max(0.0, (float(block[1] + BASE[1]) - front) / (back - front)))

    def _grasp_yaw(self, percept: Percept) -> float:
        """Yaw of the tool at which the fingers close on two sides of the block; both pairs of sides fit."""
        x_axis = matrix_of(percept.red_block[3:])[:, 0]
        yaw = math.atan2(x_axis[1], x_axis[0])
        return nearest_modulo(yaw, FACING_DESK, 0.5 * math.pi)

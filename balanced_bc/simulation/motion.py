"""How a scripted demonstrator moves: toward a point, on a bow, smoothly. Pure; positions are in the base frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from balanced_bc.simulation.rotations import exponential, matrix_of, rotation_between, yaw_rotation

Floats = NDArray[np.float64]

POINTING_DOWN = np.diag((1.0, -1.0, -1.0))
"""Orientation of a tool that points down with yaw 0: its x axis is the base's, its fingers open along y."""
GAIN = 6.0
"""Speed per distance near a goal, [1/s]; stable with one tick of delay at 30 Hz."""
TURN_GAIN = 5.0
"""Angular speed per angle, [1/s]."""
MAX_TURN = 1.4
"""Largest angular speed, [rad/s]."""
ACCELERATION = 4.0
"""Largest change of the linear velocity, [m/s^2]."""
ANGULAR_ACCELERATION = 15.0
"""Largest change of the angular velocity, [rad/s^2]."""


@dataclass(frozen=True)
class Manner:
    """What differs between two demonstrations of the same behavior. Each is drawn once per demonstration."""

    speed: float = 0.42
    """Speed in free space, [m/s]."""
    work_speed: float = 0.30
    """Speed while pushing, pulling and lifting, [m/s]."""
    bow: float = 0.0
    """Sideways velocity per velocity toward the goal: the path is a bow to the left (positive) or right."""
    slope: float = 1.2
    """Height kept per distance that is left to go sideways: low is a flat approach, high a steep one."""
    offset: float = 0.0
    """Where along a handle it is taken, from -1 to 1."""

    def __post_init__(self) -> None:
        if self.speed <= 0 or self.work_speed <= 0:
            raise ValueError(f"speed is {self.speed} and work_speed is {self.work_speed}; both must be above 0")


def draw_manner(rng: Generator) -> Manner:
    """Draw the manner of one demonstration."""
    return Manner(
        speed=rng.uniform(0.38, 0.50),
        work_speed=rng.uniform(0.26, 0.36),
        bow=rng.uniform(-0.35, 0.35),
        slope=rng.uniform(0.9, 1.6),
        offset=rng.uniform(-1.0, 1.0),
    )


def toward(goal: Floats, position: Floats, manner: Manner) -> Floats:
    """Velocity toward a goal on a bow, slower when near, [m/s], (3,).

    Args:
        goal: [m], (3,).
        position: [m], (3,).
        manner: Speed and bow.
    """
    way = goal - position
    distance = float(np.linalg.norm(way))
    if distance < 1e-9:
        return np.zeros(3)
    velocity = way * (min(manner.speed, GAIN * distance) / distance)
    fade = min(1.0, distance / 0.15)
    return velocity + manner.bow * fade * np.array((-velocity[1], velocity[0], 0.0))


def tool_yaw(quaternion: Floats) -> float:
    """Yaw of the tool's x axis, [rad].

    Args:
        quaternion: Orientation of the tool, x y z w, (4,).
    """
    x_axis = matrix_of(quaternion)[:, 0]
    return math.atan2(x_axis[1], x_axis[0])


def nearest_modulo(angle: float, reference: float, period: float) -> float:
    """Of the angles that differ from this one by whole periods, the one nearest to a reference, [rad]."""
    return angle - period * round((angle - reference) / period)


def turning(yaw: float, tilt: float, quaternion: Floats) -> Floats:
    """Angular velocity that points the tool down, or leaning back, with a yaw, [rad/s], (3,).

    Args:
        yaw: Wanted yaw of the tool's x axis, [rad].
        tilt: Wanted lean about the fingers' axis: the tool points forward, the hand is held back, [rad].
        quaternion: Orientation of the tool, x y z w, (4,).
    """
    wanted = yaw_rotation(yaw) @ POINTING_DOWN @ exponential(np.array((0.0, tilt, 0.0)))
    return shortened(TURN_GAIN * rotation_between(wanted, matrix_of(quaternion)), MAX_TURN)


def smoothed(twist: Floats, previous: Floats, period: float) -> Floats:
    """Limit the change since the previous twist, as a person's hand does.

    Args:
        twist: Wanted twist, [m/s] and [rad/s], (6,).
        previous: The twist before, (6,).
        period: [s].
    """
    change = twist - previous
    linear = shortened(change[:3], ACCELERATION * period)
    angular = shortened(change[3:], ANGULAR_ACCELERATION * period)
    return previous + np.concatenate((linear, angular))


def shortened(vector: Floats, length: float) -> Floats:
    """The vector, shortened to at most `length`."""
    norm = float(np.linalg.norm(vector))
    return vector if norm <= length else vector * (length / norm)

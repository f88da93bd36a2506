r"""Our actions and CALVIN's, converted both ways. Pure.

Ours is a twist: velocity and angular velocity in the base frame, [m/s] and [rad/s]. CALVIN's relative action is a
difference of position and of Euler angles in one step, in units of its own; the robot's base is not turned against its
world, so no frame changes. Euler angles are (roll, pitch, yaw) with

.. math:: R = R_z(yaw) \, R_y(pitch) \, R_x(roll)

and their rates are not the angular velocity: where the tool points down, a roll is nearly half a turn, and the signs of
two axes are those of the other.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from balanced_bc.simulation.rotations import exponential, rotation_between

Floats = NDArray[np.float64]

LINEAR_UNIT = 0.02
"""Distance that a 1 in a relative action stands for, [m]."""
ANGULAR_UNIT = 0.05
"""Difference of an Euler angle that a 1 in a relative action stands for, [rad]."""


def matrix_of_euler(angles: Floats) -> Floats:
    """Rotation matrix of roll, pitch and yaw, (3, 3).

    Args:
        angles: [rad], (3,).
    """
    x, y, z = np.eye(3)
    roll, pitch, yaw = angles.tolist()
    return exponential(yaw * z) @ exponential(pitch * y) @ exponential(roll * x)


def euler_of(matrix: Floats) -> Floats:
    """Roll, pitch and yaw of a rotation matrix, pitch in [-pi/2, pi/2], [rad], (3,)."""
    roll = math.atan2(matrix[2, 1], matrix[2, 2])
    pitch = math.atan2(-matrix[2, 0], math.hypot(matrix[2, 1], matrix[2, 2]))
    return np.array((roll, pitch, math.atan2(matrix[1, 0], matrix[0, 0])))


def angular_velocity(rates: Floats, angles: Floats) -> Floats:
    r"""Angular velocity in the base frame of Euler angles that change, [rad/s], (3,).

    .. math:: \omega = E(angles) \, rates

    Args:
        rates: Of roll, pitch and yaw, [rad/s], (3,).
        angles: Roll, pitch and yaw, [rad], (3,).
    """
    return np.asarray(_axes(angles) @ rates)


def euler_rates(velocity: Floats, angles: Floats) -> Floats:
    r"""Rates of roll, pitch and yaw of a body that turns, [rad/s], (3,); they grow without bound near a pitch of pi/2.

    .. math:: rates = E(angles)^{-1} \, \omega

    Args:
        velocity: Angular velocity in the base frame, [rad/s], (3,).
        angles: Roll, pitch and yaw, [rad], (3,).
    """
    return np.asarray(np.linalg.solve(_axes(angles), velocity))


def relative_action(twist: Floats, angles: Floats, period: float) -> Floats:
    """CALVIN's relative action, in its units, that does in one step what a twist does in one period, (6,).

    Args:
        twist: [m/s] and [rad/s], (6,).
        angles: Roll, pitch and yaw of the tool at the beginning, [rad], (3,).
        period: [s].
    """
    turned = euler_of(exponential(twist[3:] * period) @ matrix_of_euler(angles))
    change = np.remainder(turned - angles + math.pi, 2 * math.pi) - math.pi
    return np.concatenate((twist[:3] * (period / LINEAR_UNIT), change / ANGULAR_UNIT))


def twist_of(action: Floats, angles: Floats, period: float) -> Floats:
    """Twist that does in one period what CALVIN's relative action does in one step, [m/s] and [rad/s], (6,).

    Args:
        action: Relative action in CALVIN's units, (6,).
        angles: Roll, pitch and yaw of the tool at the beginning, [rad], (3,).
        period: [s].
    """
    turned = matrix_of_euler(angles + ANGULAR_UNIT * action[3:])
    turn = rotation_between(turned, matrix_of_euler(angles))
    return np.concatenate((action[:3] * LINEAR_UNIT, turn)) / period


def _axes(angles: Floats) -> Floats:
    """Axes about which roll, pitch and yaw turn, as columns in the base frame, (3, 3)."""
    _, pitch, yaw = angles.tolist()
    ahead = np.array((math.cos(yaw) * math.cos(pitch), math.sin(yaw) * math.cos(pitch), -math.sin(pitch)))
    return np.stack((ahead, np.array((-math.sin(yaw), math.cos(yaw), 0.0)), np.array((0.0, 0.0, 1.0))), axis=1)

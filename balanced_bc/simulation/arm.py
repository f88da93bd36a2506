"""From a twist to joint targets: integrate a target pose, keep it near the arm, solve for the joints."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from balanced_bc.simulation.kinematics import (
    JOINT_HIGH,
    JOINT_LOW,
    JOINT_SPEED,
    TCP_FROM_HAND,
    Pose,
    forward,
    forward_with_jacobian,
)
from balanced_bc.simulation.rotations import exponential, rotation_between

Floats = NDArray[np.float64]

_IDENTITY = np.eye(6)
_STILL = np.zeros(7)


@dataclass(frozen=True)
class ArmConfig:
    """How closely the arm follows, and how far its target may run ahead of it."""

    linear_leash: float = 0.03
    """Largest distance between the target and the measured position, [m]."""
    angular_leash: float = 0.15
    """Largest angle between the target and the measured orientation, [rad]."""
    joint_leash: float = 0.1
    """Largest difference between a joint's target and its measured angle, [rad]."""
    damping: float = 0.02
    """Damping of the least squares; larger is calmer near singular postures and slower elsewhere."""
    angular_weight: float = 0.3
    """Weight of an orientation error of 1 rad against a position error of 1 m: out of reach, the tool tilts."""
    posture_gain: float = 1.0
    """How fast the elbow returns to the rest posture where the tool does not care, [1/s]."""
    posture_activity: float = 0.1
    """Size of a twist, linear and angular parts together, from which on the elbow returns at full speed."""
    iterations: int = 3
    """Most least-squares steps per control period."""
    tolerance: float = 5e-4
    """A step from a smaller error, in meters and weighted radians, is the last; it leaves next to nothing of it."""
    tcp_from_hand: float = TCP_FROM_HAND
    """Height of the tool center point above the hand's frame; longer fingers carry it further out, [m]."""


class ArmTarget(NamedTuple):
    """Where the arm is being sent.

    Attributes:
        pose: Target of the tool center point in the base frame.
        joints: Joint angles that are to reach it, [rad], (7,).
    """

    pose: Pose
    joints: Floats


def hold(joints: Floats, tcp_from_hand: float = TCP_FROM_HAND) -> ArmTarget:
    """Target that keeps the arm where it is.

    Args:
        joints: Measured joint angles, [rad], (7,).
        tcp_from_hand: Height of the tool center point above the hand's frame, [m].
    """
    return ArmTarget(forward(joints, tcp_from_hand), joints)


def integrate(pose: Pose, twist: Floats, period: float) -> Pose:
    r"""Move a pose by a twist for one period.

    .. math:: p' = p + v \, dt, \quad R' = \exp(\omega \, dt) R

    Args:
        pose: Pose in the base frame.
        twist: Velocity in the base frame, [m/s] and [rad/s], (6,).
        period: [s].
    """
    return Pose(pose.position + twist[:3] * period, exponential(twist[3:] * period) @ pose.rotation)


def _shortened(vector: Floats, length: float) -> Floats:
    norm = math.sqrt(vector @ vector)
    return vector if norm <= length else vector * (length / norm)


def leash(target: Pose, measured: Pose, config: ArmConfig) -> Pose:
    """Pull a target back toward the measured pose, so that a blocked arm does not wind up."""
    ahead = _shortened(target.position - measured.position, config.linear_leash)
    turned = _shortened(rotation_between(target.rotation, measured.rotation), config.angular_leash)
    return Pose(measured.position + ahead, exponential(turned) @ measured.rotation)


def solve(target: Pose, seed: Floats, posture: Floats, config: ArmConfig) -> Floats:
    r"""Joint angles that bring the tool to a target: damped least squares, and a posture in the null space.

    .. math:: \Delta q = \Delta q_0 + J^T (J J^T + \lambda^2 I)^{-1} (W e - J \, \Delta q_0)

    Args:
        target: Wanted pose in the base frame.
        seed: Joint angles to start from, [rad], (7,).
        posture: Motion that the joints should make where the tool does not care, [rad], (7,).
        config: Damping, weights and iterations.
    """
    joints, motion = seed, posture
    weights = np.array((1.0, 1.0, 1.0, *([config.angular_weight] * 3)))
    damping = config.damping**2 * _IDENTITY
    for _ in range(config.iterations):
        pose, jacobian = forward_with_jacobian(joints, config.tcp_from_hand)
        error = np.concatenate((target.position - pose.position, rotation_between(target.rotation, pose.rotation)))
        error, jacobian = weights * error, weights[:, None] * jacobian
        forces = np.linalg.solve(jacobian @ jacobian.T + damping, error - jacobian @ motion)
        joints = joints + motion + jacobian.T @ forces
        motion = _STILL
        if error @ error < config.tolerance**2:
            break
    return joints


def relax(joints: Floats, rest: Floats, twist: Floats, period: float, config: ArmConfig) -> Floats:
    r"""Motion toward the rest posture, the slower the less the tool moves: an arm without a command stands still.

    .. math:: \Delta q = k \, dt \, \min(1, |\xi| / \xi_0) \, (q_{rest} - q)

    Args:
        joints: Joint angles, [rad], (7,).
        rest: Rest posture, [rad], (7,).
        twist: Commanded velocity, [m/s] and [rad/s], (6,).
        period: [s].
        config: Gain, and the size of a twist from which on it holds fully.
    """
    activity = min(1.0, math.sqrt(twist @ twist) / config.posture_activity)
    return config.posture_gain * period * activity * (rest - joints)


def advance(
    target: ArmTarget, twist: Floats, measured: Floats, rest: Floats, period: float, config: ArmConfig
) -> ArmTarget:
    """Where to send the arm for the next control period.

    Args:
        target: Where it was sent before.
        twist: Commanded velocity of the tool center point in the base frame, [m/s] and [rad/s], (6,).
        measured: Measured joint angles, [rad], (7,).
        rest: Rest posture, [rad], (7,).
        period: [s].
        config: Leashes and least squares.
    """
    pose = leash(integrate(target.pose, twist, period), forward(measured, config.tcp_from_hand), config)
    posture = relax(target.joints, rest, twist, period, config)
    wanted = solve(pose, target.joints, posture, config)
    step = wanted - target.joints
    ratio = float((np.abs(step) / JOINT_SPEED).max()) / period
    joints = target.joints + step / max(1.0, ratio)
    joints = joints.clip(measured - config.joint_leash, measured + config.joint_leash)
    return ArmTarget(pose, joints.clip(JOINT_LOW, JOINT_HIGH))

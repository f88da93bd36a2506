"""Kinematics of the Franka Panda: where its tool is, and how its joints move it.

Measures are those of the manufacturer's table of Denavit-Hartenberg parameters (Craig's convention).
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from balanced_bc.simulation.rotations import quaternion_of

Floats = NDArray[np.float64]

OFFSET_A = (0.0, 0.0, 0.0, 0.0825, -0.0825, 0.0, 0.088)
"""Distance between neighboring joint axes, [m]."""
OFFSET_D = (0.333, 0.0, 0.316, 0.0, 0.384, 0.0, 0.0)
"""Distance along each joint axis, [m]."""
TWIST = (0.0, -math.pi / 2, math.pi / 2, math.pi / 2, -math.pi / 2, math.pi / 2, math.pi / 2)
"""Angle between neighboring joint axes, [rad]."""
HAND_FROM_JOINT7 = 0.107
"""Height of the hand's frame above the last joint, [m]."""
HAND_YAW = -math.pi / 4
"""How the hand is mounted on the flange, [rad]."""
TCP_FROM_HAND = 0.1034
"""Height of the tool center point, between the fingertips, above the hand's frame, [m]."""

JOINT_LOW = np.array((-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973))
"""Lower joint limits, [rad]."""
JOINT_HIGH = np.array((2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973))
"""Upper joint limits, [rad]."""
JOINT_SPEED = np.array((2.175, 2.175, 2.175, 2.175, 2.61, 2.61, 2.61))
"""Largest joint speeds, [rad/s]."""


class Pose(NamedTuple):
    """Position and orientation of the tool center point in the base frame.

    Attributes:
        position: [m], (3,).
        rotation: Rotation matrix, (3, 3).
    """

    position: Floats
    rotation: Floats

    def vector(self) -> Floats:
        """Position [m] and unit quaternion x y z w, (7,)."""
        return np.concatenate((self.position, quaternion_of(self.rotation)))


def _transforms() -> tuple[Floats, Floats, Floats]:
    r"""Parts of the joints' transforms: :math:`T_i(q) = F_i + C_i \cos q + S_i \sin q`, each (7, 4, 4)."""
    fixed, cosine, sine = np.zeros((3, 7, 4, 4))
    ca, sa = np.cos(TWIST), np.sin(TWIST)
    fixed[:, 0, 3], fixed[:, 3, 3] = OFFSET_A, 1.0
    fixed[:, 1, 2], fixed[:, 1, 3] = -sa, -sa * OFFSET_D
    fixed[:, 2, 2], fixed[:, 2, 3] = ca, ca * OFFSET_D
    cosine[:, 0, 0], cosine[:, 1, 1], cosine[:, 2, 1] = 1.0, ca, sa
    sine[:, 0, 1], sine[:, 1, 0], sine[:, 2, 0] = -1.0, ca, sa
    return fixed, cosine, sine


@lru_cache(maxsize=8)
def _tool(tcp_from_hand: float) -> Floats:
    c, s = math.cos(HAND_YAW), math.sin(HAND_YAW)
    height = HAND_FROM_JOINT7 + tcp_from_hand
    return np.array(((c, -s, 0.0, 0.0), (s, c, 0.0, 0.0), (0.0, 0.0, 1.0, height), (0.0, 0.0, 0.0, 1.0)))


_FIXED, _COSINE, _SINE = _transforms()
_NEXT, _LAST = [1, 2, 0], [2, 0, 1]


def frames(joints: Floats, tcp_from_hand: float = TCP_FROM_HAND) -> Floats:
    """Homogeneous transforms of the seven joints and of the tool center point in the base frame, (8, 4, 4).

    Args:
        joints: Joint angles, [rad], (7,).
        tcp_from_hand: Height of the tool center point above the hand's frame, [m].
    """
    angles = joints[:, None, None]
    steps = _FIXED + _COSINE * np.cos(angles) + _SINE * np.sin(angles)
    return np.array(tuple(accumulate((*steps, _tool(tcp_from_hand)), np.matmul)))


def forward(joints: Floats, tcp_from_hand: float = TCP_FROM_HAND) -> Pose:
    """Pose of the tool center point.

    Args:
        joints: Joint angles, [rad], (7,).
        tcp_from_hand: Height of the tool center point above the hand's frame, [m].
    """
    return _kept(np.asarray(joints, np.float64).tobytes(), tcp_from_hand)


@lru_cache(maxsize=8)
def _kept(joints: bytes, tcp_from_hand: float) -> Pose:
    """The pose of measured joints is asked for twice in every step, so it is kept for a moment."""
    tool = frames(np.frombuffer(joints), tcp_from_hand)[-1]
    tool.flags.writeable = False
    return Pose(tool[:3, 3], tool[:3, :3])


def forward_with_jacobian(joints: Floats, tcp_from_hand: float = TCP_FROM_HAND) -> tuple[Pose, Floats]:
    r"""Pose of the tool center point, and the Jacobian that maps joint speeds to its twist.

    .. math:: J_i = (z_i \times (p - o_i), \; z_i)

    Args:
        joints: Joint angles, [rad], (7,).
        tcp_from_hand: Height of the tool center point above the hand's frame, [m].

    Returns:
        The pose, and the Jacobian in the base frame, linear rows first, (6, 7).
    """
    found = frames(joints, tcp_from_hand)
    tool, axes = found[7], found[:7, :3, 2].T
    arms = tool[:3, 3, None] - found[:7, :3, 3].T
    # np.cross takes five times as long for so few vectors.
    linear = axes[_NEXT] * arms[_LAST] - axes[_LAST] * arms[_NEXT]
    return Pose(tool[:3, 3], tool[:3, :3]), np.concatenate((linear, axes))

"""Rotations as matrices, unit quaternions (x y z w) and rotation vectors [rad]."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def matrix_of(quaternion: Floats) -> Floats:
    """Rotation matrix of a unit quaternion x y z w, (3, 3)."""
    x, y, z, w = quaternion.tolist()
    return np.array(
        (
            (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
            (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
            (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
        )
    )


def quaternion_of(matrix: Floats) -> Floats:
    """Unit quaternion x y z w of a rotation matrix, with w >= 0, (4,)."""
    (a, b, c), (d, e, f), (g, h, i) = matrix.tolist()
    squares = (1 + a - e - i, 1 - a + e - i, 1 - a - e + i, 1 + a + e + i)
    largest = squares.index(max(squares))
    rows = (
        (squares[0], b + d, c + g, h - f),
        (b + d, squares[1], f + h, c - g),
        (c + g, f + h, squares[2], d - b),
        (h - f, c - g, d - b, squares[3]),
    )
    x, y, z, w = rows[largest]
    scale = math.copysign(0.5 / math.sqrt(squares[largest]), w)
    return np.array((scale * x, scale * y, scale * z, scale * w))


def exponential(vector: Floats) -> Floats:
    """Rotation matrix of a rotation vector (Rodrigues), (3, 3).

    Args:
        vector: Axis times angle, [rad], (3,).
    """
    x, y, z = vector.tolist()
    angle = math.sqrt(x * x + y * y + z * z)
    half = 0.5 * angle
    scale = 0.5 if angle < 1e-8 else math.sin(half) / angle
    return matrix_of(np.array((scale * x, scale * y, scale * z, math.cos(half))))


def logarithm(matrix: Floats) -> Floats:
    """Rotation vector of a rotation matrix, its angle in [0, pi], [rad], (3,)."""
    x, y, z, w = quaternion_of(matrix).tolist()
    sine = math.sqrt(x * x + y * y + z * z)
    scale = 2.0 if sine < 1e-12 else 2 * math.atan2(sine, w) / sine
    return np.array((scale * x, scale * y, scale * z))


def rotation_between(target: Floats, actual: Floats) -> Floats:
    """Rotation vector, in the common frame, that turns `actual` into `target`, [rad], (3,)."""
    return logarithm(target @ actual.T)


def yaw_rotation(angle: float) -> Floats:
    """Rotation matrix about the vertical axis, (3, 3).

    Args:
        angle: [rad].
    """
    return exponential(np.array((0.0, 0.0, angle)))

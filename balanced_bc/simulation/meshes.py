"""Triangle meshes to be drawn: hulls, cylinders, spheres and prisms. Pure arrays and text; no physics engine.

Normals are written so that they stay what they are: PyBullet's software renderer normalizes them in place whenever it
uses them, and a normal that changes in its last bit every time makes two pictures of one scene differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise
from math import cos, pi, radians, sin, tau

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CREASE = radians(50.0)
"""Faces that meet at a smaller angle are shaded as one round surface."""
SEGMENTS = 24
"""Sides of a drawn cylinder, and of a sphere's equator."""


def hull(points: Floats, directions: int) -> Floats:
    """Triangles of a convex hull with few corners: the points that lie furthest in evenly spread directions.

    Args:
        points: (n, 3).
        directions: Largest number of corners; the work grows with its fourth power.

    Returns:
        Triangles, counterclockwise seen from outside, (m, 3, 3).
    """
    corners = points[np.unique((points @ _spread(directions).T).argmax(axis=0))]
    # Corners on one plane would give overlapping triangles; no two planes are the same after a shift of a micrometer.
    corners = corners + np.random.default_rng(0).uniform(-1e-6, 1e-6, corners.shape)
    triples = np.array(tuple(combinations(range(len(corners)), 3)))
    a, b, c = (corners[triples[:, index]] for index in range(3))
    normals = np.cross(b - a, c - a)
    heights = normals @ corners.T - np.einsum("ij,ij->i", normals, a)[:, None]
    heights[np.arange(len(triples))[:, None], triples] = 0.0
    below, above = (heights <= 0).all(axis=1), (heights >= 0).all(axis=1)
    return np.concatenate((corners[triples[below]], corners[triples[above][:, ::-1]]))


def prism(outline: Sequence[tuple[float, float]], low: float, high: float) -> Floats:
    """Triangles of a convex outline (y, z), counterclockwise seen from +x, swept along x, (m, 3, 3)."""
    n = len(outline)
    corners = np.array([(x, y, z) for x in (low, high) for y, z in outline])
    sides = [(i, (i + 1) % n, n + (i + 1) % n, n + i) for i in range(n)]
    faces = [tuple(reversed(range(n))), tuple(range(n, 2 * n)), *sides]
    triangles = [(face[0], b, c) for face in faces for b, c in pairwise(face[1:])]
    return np.asarray(corners[np.array(triangles)])


def box(x: float, y: float, z: float) -> Floats:
    """Triangles of a box around the origin, from the lengths of its edges, (12, 3, 3)."""
    outline = [(sign_y * y / 2, sign_z * z / 2) for sign_y, sign_z in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    return prism(outline, -0.5 * x, 0.5 * x)


def cylinder(radius: float, length: float) -> Floats:
    """Triangles of a cylinder around z, (m, 3, 3)."""
    angles = [tau * index / SEGMENTS for index in range(SEGMENTS)]
    upright = prism([(radius * cos(angle), radius * sin(angle)) for angle in angles], -0.5 * length, 0.5 * length)
    return upright[..., [1, 2, 0]]


def sphere(radius: float) -> Floats:
    """Triangles of a sphere, (m, 3, 3)."""
    rows = SEGMENTS // 2
    rings = [[_on_sphere(pi * i / rows, tau * j / SEGMENTS) for j in range(SEGMENTS + 1)] for i in range(rows + 1)]
    triangles = []
    for upper, lower in pairwise(rings):
        for (a, b), (c, d) in zip(pairwise(upper), pairwise(lower)):
            triangles += [(a, c, d)] * (lower is not rings[-1]) + [(a, d, b)] * (upper is not rings[0])
    return radius * np.array(triangles)


def wavefront(triangles: Floats) -> str:
    """Wavefront text of triangles, with normals that are smooth where the surface is.

    Args:
        triangles: (m, 3, 3).
    """
    normals = steady(_normals(triangles))
    corners = triangles.reshape(-1, 3)
    lines = [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in corners.tolist()]
    lines += [f"vn {x:.9g} {y:.9g} {z:.9g}" for x, y, z in normals.tolist()]
    lines += [f"f {i}//{i} {i + 1}//{i + 1} {i + 2}//{i + 2}" for i in range(1, len(corners) + 1, 3)]
    return "\n".join((*lines, ""))


def read_triangles(text: str) -> Floats:
    """Triangles of a Wavefront text, (m, 3, 3)."""
    words = [line.split() for line in text.splitlines() if line]
    corners = np.array([word[1:4] for word in words if word[0] == "v"], float)
    faces = [[int(corner.split("/")[0]) - 1 for corner in word[1:4]] for word in words if word[0] == "f"]
    return np.asarray(corners[np.array(faces)])


def steady(normals: Floats) -> NDArray[np.float32]:
    """Normals nearby whose length is 1 in single precision, so that normalizing them changes no bit.

    Args:
        normals: Unit vectors, (n, 3).
    """
    rng = np.random.default_rng(0)
    found = normals.astype(np.float32)
    for reach in np.geomspace(1e-7, 1e-3, 40):
        unsteady = _lengthening(found) != 0
        shaken = normals[unsteady] + rng.uniform(-reach, reach, (int(unsteady.sum()), 3))
        found[unsteady] = shaken / np.linalg.norm(shaken, axis=1, keepdims=True)
    return found


def _lengthening(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far the squared lengths are from 1 in single precision, summed up from either end, (n,)."""
    x, y, z = np.square(vectors).T
    return np.asarray(np.abs(x + y + z - 1) + np.abs(z + y + x - 1))


def _normals(triangles: Floats) -> Floats:
    """Unit normal at every corner: the mean of those faces around it that are not bent away too far, (3 m, 3)."""
    areas = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    flat = np.repeat(areas / np.linalg.norm(areas, axis=1, keepdims=True), 3, axis=0)
    corners = triangles.reshape(-1, 3)
    near = np.abs(corners[:, None] - corners[None]).max(axis=2) < 1e-5
    alike = near & (flat @ flat.T > np.cos(CREASE))
    total = alike @ np.repeat(areas, 3, axis=0)
    return np.asarray(total / np.linalg.norm(total, axis=1, keepdims=True))


def _on_sphere(polar: float, azimuth: float) -> tuple[float, float, float]:
    return sin(polar) * cos(azimuth), sin(polar) * sin(azimuth), cos(polar)


def _spread(count: int) -> Floats:
    """Directions spread evenly over a sphere along a spiral, (count, 3)."""
    index = np.arange(count) + 0.5
    height, angle = 1 - 2 * index / count, pi * (1 + 5**0.5) * index
    radius = np.sqrt(1 - height**2)
    return np.stack((radius * np.cos(angle), radius * np.sin(angle), height), axis=1)

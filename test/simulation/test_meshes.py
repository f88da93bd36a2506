"""Meshes: closed, round, and with normals that no renderer can change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from balanced_bc.simulation import meshes

Floats = NDArray[np.float64]


def volume(triangles: Floats) -> float:
    """Volume of a closed surface whose triangles look outward."""
    return float(np.einsum("ij,ij->", triangles[:, 0], np.cross(triangles[:, 1], triangles[:, 2])) / 6)


def test_a_prism_is_closed_and_its_faces_look_outward() -> None:
    outline = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))
    assert volume(meshes.prism(outline, 0.0, 2.0)) == pytest.approx(2.0 * 0.75)


def test_a_cylinder_and_a_sphere_have_nearly_their_volumes() -> None:
    assert volume(meshes.cylinder(0.5, 2.0)) == pytest.approx(np.pi * 0.25 * 2.0, rel=0.02)
    assert volume(meshes.sphere(0.5)) == pytest.approx(np.pi * 4 / 3 * 0.125, rel=0.04)


def test_the_hull_of_a_cube_is_the_cube() -> None:
    corners = np.array(tuple(np.ndindex(2, 2, 2)), float)
    inner = np.random.default_rng(0).uniform(0.1, 0.9, (100, 3))
    found = meshes.hull(np.concatenate((inner, corners)), 40)
    assert volume(found) == pytest.approx(1.0, abs=1e-4)
    assert len(found) == 12


def test_triangles_survive_the_way_through_a_file() -> None:
    triangles = meshes.sphere(0.3)
    np.testing.assert_allclose(meshes.read_triangles(meshes.wavefront(triangles)), triangles, atol=1e-8)


@given(st.lists(st.tuples(*([st.floats(-1, 1)] * 3)).filter(lambda v: sum(x * x for x in v) > 1e-3), min_size=1))
def test_normalizing_a_steady_normal_changes_no_bit(vectors: list[tuple[float, float, float]]) -> None:
    normals = np.array(vectors) / np.linalg.norm(vectors, axis=1, keepdims=True)
    x, y, z = meshes.steady(normals).T
    for length in (np.sqrt(x * x + y * y + z * z), np.sqrt(z * z + y * y + x * x)):
        np.testing.assert_array_equal(length, np.ones(len(normals), np.float32))
    np.testing.assert_allclose(np.stack((x, y, z), axis=1), normals, atol=2e-3)

"""The Franka Panda of pybullet_data: physics as in its URDF, drawn with the hulls of its collision meshes.

The visual meshes have 100 000 triangles, which take twice the time of everything else in a picture; the collision
meshes have 3 000 and the hulls 700.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import numpy as np
import pybullet_data

from balanced_bc.simulation import meshes

_SOURCE = Path(pybullet_data.getDataPath()) / "franka_panda"
_MESHES = _SOURCE / "meshes" / "collision"

ARM_JOINTS = tuple(range(7))
HAND_LINK = 8
FINGER_JOINTS = (9, 10)
FINGER_TRAVEL = 0.04
"""Opening of one finger, [m]."""
FINGER_SPEED = 0.2
"""Speed limit of a finger, [m/s]."""
FINGER_FORCE = 20.0
"""Force limit of a finger, [N]."""
ARM_FORCES = (87.0, 87.0, 87.0, 87.0, 12.0, 12.0, 12.0)
"""Torque limits of the arm's joints, [N m]."""
REST = np.array((-1.21779206, 1.03987646, 2.11978261, -2.34205014, -0.87015947, 1.64119353, 0.55344866))
"""Joint angles around which episodes start, as in CALVIN, [rad]."""

LINK_COLORS = {
    **dict.fromkeys(range(-1, 8), (0.93, 0.93, 0.94)),
    HAND_LINK: (0.80, 0.81, 0.83),
    9: (0.35, 0.36, 0.40),
    10: (0.35, 0.36, 0.40),
}
"""Link to red, green, blue."""


HULL_CORNERS = 48
"""Largest number of corners of a drawn link."""


def write_urdf(folder: Path) -> Path:
    """Write the robot's URDF as the physics need it.

    Args:
        folder: Existing folder to write into.

    Returns:
        The URDF file.
    """
    return _write(folder, _MESHES.as_posix(), unwanted="visual")


def write_seen_urdf(folder: Path) -> Path:
    """Write the robot's URDF as it is drawn, and the hulls of its links beside it.

    Args:
        folder: Existing folder to write into.

    Returns:
        The URDF file.
    """
    for mesh in _MESHES.glob("*.obj"):
        (folder / mesh.name).write_text(_hull_text(mesh), encoding="utf-8")
    return _write(folder, folder.as_posix(), unwanted="collision")


def _write(folder: Path, mesh_folder: str, unwanted: str) -> Path:
    text = (_SOURCE / "panda.urdf").read_text(encoding="utf-8")
    text = re.sub(f"<{unwanted}>.*?</{unwanted}>", "", text, flags=re.DOTALL)
    path = folder / "panda.urdf"
    path.write_text(re.sub("package://meshes/(visual|collision)", mesh_folder, text), encoding="utf-8")
    return path


@lru_cache(maxsize=16)
def _hull_text(mesh: Path) -> str:
    points = meshes.read_triangles(mesh.read_text(encoding="utf-8")).reshape(-1, 3)
    return meshes.wavefront(meshes.hull(points, HULL_CORNERS))

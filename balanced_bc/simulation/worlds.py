"""What an environment wants of a world: the physics of one desk, one arm and three blocks."""

from __future__ import annotations

from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from balanced_bc.simulation.errors import SimulationError
from balanced_bc.simulation.scene import SceneState, Start

Floats = NDArray[np.float64]
Image = NDArray[np.uint8]

WorldName = Literal["tabletop", "calvin"]
"""Names of the worlds: ours, and the one of the paper, which its users install themselves."""
TABLETOP: WorldName = "tabletop"
CALVIN: WorldName = "calvin"
WORLDS: tuple[str, ...] = get_args(WorldName)


class DeskWorld(Protocol):
    """Moves joints and tells what is where. Tasks, starts and success are not its business."""

    def place(self, start: Start) -> None:
        """Begin anew from a start."""
        ...

    def is_robot_touching(self) -> bool:
        """Whether the robot touches the desk or a block, or nearly so."""
        ...

    def step(self, before: Floats, after: Floats, opens: bool, substeps: int) -> None:
        """Bring the arm from one set of joint targets to another.

        Args:
            before: Joint targets at the beginning, [rad], (7,).
            after: Joint targets at the end, [rad], (7,).
            opens: Whether the gripper opens; else it closes.
            substeps: Number of physics steps; whole control periods.
        """
        ...

    def joints(self) -> Floats:
        """Measured joint angles of the arm, [rad], (7,)."""
        ...

    def scene(self) -> SceneState:
        """What is where now, in the robot's base frame."""
        ...

    def static_image(self, height: int, width: int) -> Image:
        """What the static camera sees, uint8, (height, width, 3)."""
        ...

    def gripper_image(self, height: int, width: int) -> Image:
        """What the camera on the hand sees, uint8, (height, width, 3)."""
        ...

    def close(self) -> None:
        """Leave the physics; a second call does nothing."""
        ...


def require_world(name: str) -> None:
    """Refuse a world that does not exist.

    Raises:
        SimulationError: There is no such world; those that exist are listed.
    """
    if name not in WORLDS:
        raise SimulationError(f"there is no world {name!r}; there are {', '.join(WORLDS)}")

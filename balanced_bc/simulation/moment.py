"""What is where at one moment, as far as it can be seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DECIMALS = 4
"""Decimals of a meter to which furnishing is drawn; what is at rest then looks the same in every frame."""


class Furnishing(NamedTuple):
    """Positions of the desk's moving parts, [m], and its lights."""

    slider: float
    drawer: float
    switch: float
    button: float
    bulb: bool
    led: bool

    def rounded(self) -> Furnishing:
        """The same to a tenth of a millimeter, a fortieth of the static camera's pixel."""
        slider, drawer, switch, button = (round(position, DECIMALS) for position in self[:4])
        return Furnishing(slider, drawer, switch, button, self.bulb, self.led)


class Moment(NamedTuple):
    """Everything that moves or changes, in the world frame.

    Attributes:
        joints: Joint angles of the arm, [rad], (7,).
        fingers: Opening of each finger, [m], (2,).
        furnishing: The desk's moving parts and lights.
        blocks: Name of a block to its position [m] and quaternion x y z w.
    """

    joints: Floats
    fingers: Floats
    furnishing: Furnishing
    blocks: Mapping[str, tuple[Floats, Floats]]

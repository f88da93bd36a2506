"""What the world does to a command between the label that is recorded and the motion that follows.

A demonstrator says what it means and that is recorded; the disturbance is applied where the command is carried out.
So the labels stay clean while the states do not: Laskey et al., DART (CoRL 2017).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from balanced_bc.simulation.tremor import Tremor


class Disturbance:
    """Adds a tremor to commanded motion; an arm that is commanded to stand still is left alone."""

    def __init__(self, tremor: Tremor | None = None) -> None:
        """Disturb with a tremor, or not at all."""
        self._tremor = tremor

    def disturb(self, action: NDArray[np.floating]) -> NDArray[np.floating]:
        """What is carried out instead of an action.

        Args:
            action: Twist in the base frame, [m/s] and [rad/s], and gripper (+1 open, -1 close), (7,).
        """
        if self._tremor is None or not action[:6].any():
            return action
        return np.append(action[:6] + self._tremor.next(), action[6])

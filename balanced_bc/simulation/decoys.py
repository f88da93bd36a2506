"""Experts for a block that is not there: what a demonstrator does that mistakes the region."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from balanced_bc.simulation.experts import BASE, Expert, Percept, Wish
from balanced_bc.simulation.picking import REGIONS
from balanced_bc.simulation.starts import TABLE

Floats = NDArray[np.float64]

HELD = 0.03
"""Opening at which fingers would hold the block, [m]."""
REACHED = 0.03
"""Distance from the imagined block at which fingers that close would hold it, [m]."""


class ImaginedBlockExpert:
    """Lets an expert grasp and lift a block that it imagines some regions further, from the last on to the first."""

    def __init__(self, expert: Expert, regions: int) -> None:
        """Imagine the block this many regions to the right."""
        self._expert, self._regions = expert, regions
        self._place: Floats | None = None
        self._holds = False

    def target(self, percept: Percept) -> Floats:
        """Middle of the imagined block, [m], (3,)."""
        if self._place is None:
            self._place = moved_on(percept.red_block, self._regions)
        return percept.tcp_pose[:3].copy() if self._holds else self._place[:3]

    def wish(self, percept: Percept) -> Wish:
        """What it wants next."""
        self._holds = self._holds or self._would_hold(percept)
        place = self.target(percept)
        block = np.concatenate((place, percept.red_block[3:]))
        opening = max(percept.opening, HELD) if self._holds else percept.opening
        return self._expert.wish(percept._replace(red_block=block, opening=opening))

    def _would_hold(self, percept: Percept) -> bool:
        near = float(np.linalg.norm(self.target(percept) - percept.tcp_pose[:3])) < REACHED
        return near and percept.opening < HELD


def moved_on(block: Floats, regions: int) -> Floats:
    """A block's pose some regions further to the right; after the right one comes the left one again.

    Args:
        block: Pose in the base frame, [m] and quaternion, (7,).
        regions: How many regions.
    """
    (low, high), _ = TABLE
    width = high - low
    along = float(block[0] + BASE[0]) - low + regions * width / len(REGIONS)
    moved = block.copy()
    moved[0] = low + along % width - BASE[0]
    return moved

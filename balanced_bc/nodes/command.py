"""The command in force: the newest twist until it is too old, the newest gripper target until the next. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from balanced_bc.demonstrations.stamps import seconds
from balanced_bc.nodes.errors import NodeError


@dataclass
class Command:
    """What an arm was last told.

    Times are of one clock, [ns].
    """

    timeout: float
    """Age at which a twist no longer counts, [s]."""
    twist: NDArray[np.float64] = field(default_factory=lambda: np.zeros(6))
    """Newest twist, base frame, [m/s] and [rad/s], (6,)."""
    stamp: int | None = None
    """Time of the newest twist; None before the first."""
    gripper: float = 1.0
    """+1 open, -1 close."""

    def on_twist(self, twist: NDArray[np.float64], stamp: int, now: int) -> None:
        """Remember a twist.

        Raises:
            NodeError: It is stamped as if it came from the future, so its age would never count.
        """
        ahead = seconds(stamp - now)
        if ahead > self.timeout:
            raise NodeError(
                f"a velocity command is stamped {ahead:.3f} s ahead of the clock; does its sender use_sim_time as here?"
            )
        self.twist, self.stamp = twist, stamp

    def on_opening(self, opening: float) -> None:
        """Remember a gripper command: opening, 0 closed to 1 open."""
        self.gripper = 1.0 if opening >= 0.5 else -1.0

    def action(self, now: int) -> NDArray[np.float32]:
        """Twist and gripper that are in force at `now`, float32, (7,); an old twist is zero."""
        fresh = self.stamp is not None and seconds(now - self.stamp) <= self.timeout
        return np.append(self.twist if fresh else np.zeros(6), self.gripper).astype(np.float32)

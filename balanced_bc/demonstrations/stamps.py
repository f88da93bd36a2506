"""Time as ROS counts it: whole nanoseconds."""

from __future__ import annotations

NANOSECONDS = 1_000_000_000
"""In a second."""


def seconds(stamp: int) -> float:
    """A stamp or the difference of two, [ns], in seconds."""
    return stamp / NANOSECONDS

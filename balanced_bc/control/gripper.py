"""From a gripper signal at every tick to the few events that a real gripper can follow."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

from balanced_bc.control.errors import ControlError

NANOSECONDS = 1_000_000_000
"""[ns]."""


@dataclass(frozen=True)
class GripperConfig:
    """When a signal counts as a change of mind."""

    hysteresis: float = 0.2
    """The signal, -1 close to +1 open, must pass this much beyond 0 to change what was commanded."""
    min_interval: float = 0.3
    """Shortest time between two events; the Franka hand takes about 1 s for one, [s]."""

    def __post_init__(self) -> None:
        if not 0 <= self.hysteresis < 1:
            raise ControlError(f"hysteresis is {self.hysteresis}; it must be at least 0 and below 1")
        if not self.min_interval >= 0:
            raise ControlError(f"min_interval is {self.min_interval} s; it must be at least 0")


class GripperState(NamedTuple):
    """What was commanded last.

    Attributes:
        opens: Whether the gripper was sent open; None before the first event.
        stamp: When, [ns].
    """

    opens: bool | None = None
    stamp: int = 0


def follow(state: GripperState, signal: float, now: int, config: GripperConfig) -> tuple[GripperState, bool | None]:
    """Decide whether the signal calls for an event.

    Args:
        state: What was commanded last.
        signal: +1 open to -1 close.
        now: [ns].
        config: Hysteresis and shortest interval.

    Returns:
        The new state, and the event: True opens, False closes, None is no event.

    Raises:
        ControlError: The signal is not finite.
    """
    if not isfinite(signal):
        raise ControlError(f"the gripper's signal is {signal}; it must be finite")
    if state.opens is None:
        return GripperState(signal >= 0, now), signal >= 0
    wanted = _wanted(state.opens, signal, config.hysteresis)
    too_soon = now - state.stamp < config.min_interval * NANOSECONDS
    if wanted == state.opens or too_soon:
        return state, None
    return GripperState(wanted, now), wanted


def _wanted(opens: bool, signal: float, hysteresis: float) -> bool:
    return signal >= -hysteresis if opens else signal > hysteresis

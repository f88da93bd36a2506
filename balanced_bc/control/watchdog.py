"""Whether what a robot hears is recent enough to act on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from balanced_bc.control.errors import ControlError

SECOND = 1_000_000_000
"""[ns]."""


@dataclass(frozen=True)
class Watchdog:
    """Largest ages of the streams that a controller depends on."""

    max_age: Mapping[str, float]
    """Stream to the largest age of its latest message, [s]."""
    max_ahead: float = 0.1
    """How far a stamp may lie in the future, because clocks differ, [s]."""

    def __post_init__(self) -> None:
        for stream, age in self.max_age.items():
            if not age > 0:
                raise ControlError(f"the largest age of {stream!r} is {age} s; it must be above 0")

    def fault(self, stamps: Mapping[str, int], now: int) -> str | None:
        """What is wrong at this moment, or None.

        Args:
            stamps: Stream to the stamp of its latest message, [ns]; a stream that never spoke is missing.
            now: [ns].
        """
        for stream, largest in self.max_age.items():
            if stream not in stamps:
                return f"nothing was heard on {stream}"
            age = (now - stamps[stream]) / SECOND
            if age > largest:
                return f"{stream} is stale: its latest message is {age:.3f} s old; allowed are {largest} s"
            if -age > self.max_ahead:
                return f"{stream} is from the future: it is stamped {-age:.3f} s ahead; allowed are {self.max_ahead} s"
        return None

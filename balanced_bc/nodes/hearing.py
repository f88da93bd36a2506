"""What is heard on each topic, and how often. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

KEPT = 31
"""Times that are kept of each topic: one second at 30 Hz."""


class Hearing:
    """Remembers when messages came.

    Times are of a clock that always runs, [s].
    """

    def __init__(self, topics: Iterable[str]) -> None:
        self._times: dict[str, deque[float]] = {topic: deque(maxlen=KEPT) for topic in topics}

    def on_message(self, topic: str, now: float) -> None:
        """Remember that a message came."""
        self._times[topic].append(now)

    def silent(self, topics: Iterable[str], now: float, within: float) -> tuple[str, ...]:
        """Those of `topics` on which nothing came in the last `within` seconds."""
        return tuple(topic for topic in topics if not self._heard(topic, now, within))

    def report(self, now: float, within: float) -> str:
        """What is being heard, with rates: `joint_states 30 Hz, tcp_pose 30 Hz`."""
        heard = [f"{topic} {self._rate(topic):.0f} Hz" for topic in self._times if self._heard(topic, now, within)]
        return ", ".join(heard) or "nothing"

    def _heard(self, topic: str, now: float, within: float) -> bool:
        times = self._times[topic]
        return bool(times) and now - times[-1] <= within

    def _rate(self, topic: str) -> float:
        times = self._times[topic]
        spread = times[-1] - times[0]
        return (len(times) - 1) / spread if spread > 0 else 0.0

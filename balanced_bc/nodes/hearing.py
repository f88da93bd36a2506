"""What is heard on each topic, how often, and when a gripper command was meant. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

KEPT = 31
"""Times that are kept of each topic: one second at 30 Hz."""
REMEMBERED = 200
"""Velocity commands that are remembered: as many as may wait in a recorder's queue."""


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


class Gripper(NamedTuple):
    """A gripper command that waits for its velocity command.

    Attributes:
        sent: When it was sent, on the sender's wall clock, [ns].
        received: When it was received, on the node's clock, [ns].
        data: The message.
    """

    sent: int
    received: int
    data: bytes


class Pairing:
    """Gives gripper commands, which have no header, the stamp of the velocity command that they were said with.

    Whoever commands says the gripper first and then the velocity, so the rule is: the header stamp of the first
    velocity command that was sent after it. The time of reception would not do. Simulated time waits for nobody: after
    a pause of the recorder its clock is ahead of the messages in its queues, and a clock message that comes late leaves
    it behind. Nor would the order of reception: each topic has a queue of its own. On a wall clock the rule is the same
    and the label too, because a label is a velocity command with the gripper command that was in force.
    """

    def __init__(self) -> None:
        self._velocities: deque[tuple[int, int]] = deque(maxlen=REMEMBERED)
        self._waiting: list[Gripper] = []

    def on_velocity(self, sent: int, stamp: int) -> None:
        """Remember when a velocity command was sent, and its header stamp, both [ns]."""
        self._velocities.append((sent, stamp))

    def on_gripper(self, command: Gripper) -> None:
        """Let a gripper command wait."""
        self._waiting.append(command)

    def paired(self) -> list[tuple[int, bytes]]:
        """Take out the gripper commands whose velocity command is known, with its stamp, [ns]."""
        found = [(self._stamp_of(command), command) for command in self._waiting]
        self._waiting = [command for stamp, command in found if stamp is None]
        return [(stamp, command.data) for stamp, command in found if stamp is not None]

    def alone(self) -> list[tuple[int, bytes]]:
        """Take out the gripper commands that no velocity command has followed, with their time of reception, [ns]."""
        left, self._waiting = self._waiting, []
        return [(command.received, command.data) for command in left]

    def _stamp_of(self, command: Gripper) -> int | None:
        return next((stamp for sent, stamp in self._velocities if sent >= command.sent), None)

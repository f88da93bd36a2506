"""When a simulator takes its next step: in lock-step with a commander, or by the wall clock. Pure."""

from __future__ import annotations

from dataclasses import dataclass

PATIENCE_AT_REST = 0.2
"""How long a commander is waited for whose last command was zero: perhaps he has ended, [s]."""


@dataclass
class Pace:
    """Decides from commands and the time that passed whether a step is due.

    With a factor, steps come at `factor` times real time. With a factor of 0 they come in lock-step: while a commander
    is active, that is from its first command until it lets `patience` pass without answering a tick, a step waits for
    the command that answers the last tick; while nobody commands, time is real.
    """

    period: float
    """Simulated time of a step, [s]."""
    factor: float
    """Simulated seconds per wall second; 0 is lock-step."""
    patience: float
    """Wall time that an active commander has for its answer in lock-step, [s]; 0 never waits for anybody."""
    tick: int = 0
    """Stamp of the last step, [ns]."""
    stepped: float = 0.0
    """Wall time of the last step, [s]."""
    answered: int = -1
    """Stamp of the newest command, [ns]."""
    locked: bool = False
    """Whether a commander is active."""
    at_rest: bool = False
    """Whether the newest command was zero."""

    def on_command(self, stamp: int, at_rest: bool = False) -> None:
        """Remember a command that is stamped `stamp` [ns], and whether it was zero."""
        self.answered = max(self.answered, stamp)
        self.at_rest = at_rest
        self.locked = self.patience > 0 and not self.factor

    def on_step(self, tick: int, wall: float) -> None:
        """Remember a step to `tick` [ns] at wall time `wall` [s]."""
        self.tick, self.stepped = tick, wall

    def wait(self, wall: float) -> float:
        """Wall time until the next step is due, unless a command comes first, [s]; 0 is now."""
        passed = wall - self.stepped
        if not self.locked:
            return max(0.0, self._interval - passed)
        if self.answered >= self.tick:
            return 0.0
        patience = min(self.patience, PATIENCE_AT_REST) if self.at_rest else self.patience
        if passed < patience:
            return patience - passed
        self.locked = False
        return 0.0

    @property
    def _interval(self) -> float:
        if self.factor:
            return self.period / self.factor
        return self.period if self.patience else 0.0

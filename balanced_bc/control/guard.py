"""The last gate before an arm: limits every command, and latches faults."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balanced_bc.control.errors import ControlError
from balanced_bc.control.limiter import TWIST_SIZE, Limits, checked_twist, confine, limit

Floats = NDArray[np.float64]


class Guard:
    """Turns what a policy proposes, or a fault, into the next velocity command.

    A fault latches: from then on every command ramps to zero and stays there until `reset`.
    """

    def __init__(self, limits: Limits, period: float) -> None:
        """Begin at rest and without a fault.

        Args:
            limits: On speed, acceleration and workspace.
            period: Time between two commands, [s].
        """
        if not period > 0:
            raise ControlError(f"the period is {period} s; it must be above 0")
        self.limits = limits
        self.period = period
        self._previous: Floats = np.zeros(TWIST_SIZE)
        self._fault: str | None = None

    @property
    def fault(self) -> str | None:
        """What went wrong first, or None."""
        return self._fault

    @property
    def at_rest(self) -> bool:
        """Whether the last command was zero."""
        return not self._previous.any()

    def command(self, proposed: ArrayLike, position: ArrayLike) -> Floats:
        """The next command, from what a policy proposes.

        A proposal or a position that is malformed is a fault. With a fault latched the proposal does not matter.

        Args:
            proposed: Wanted twist in the base frame, [m/s] and [rad/s], (6,).
            position: Tool center point in the base frame, [m], (3,).
        """
        if self._fault is not None:
            return self.slow_down()
        try:
            twist, place = checked_twist(proposed), _checked_position(position)
        except ControlError as error:
            return self.stop(str(error))
        limited = limit(twist, self._previous, self.period, self.limits)
        self._previous = confine(limited, place, self.period, self.limits)
        return self._previous.copy()

    def stop(self, fault: str) -> Floats:
        """Latch a fault, unless one is latched already, and give the next command of the ramp to zero."""
        self._fault = self._fault or fault
        return self.slow_down()

    def halt(self, fault: str) -> Floats:
        """Latch a fault as `stop`, and command zero at once: for when time itself cannot be trusted with a ramp."""
        self.stop(fault)
        self.rest()
        return self._previous.copy()

    def slow_down(self) -> Floats:
        """The next command of the ramp to zero; latches nothing."""
        self._previous = limit(np.zeros(TWIST_SIZE), self._previous, self.period, self.limits)
        return self._previous.copy()

    def rest(self) -> None:
        """Go on from zero, because that is what the arm was told last; a fault stays."""
        self._previous = np.zeros(TWIST_SIZE)

    def reset(self) -> None:
        """Forget the fault and begin at rest."""
        self.rest()
        self._fault = None


def _checked_position(position: ArrayLike) -> Floats:
    array = np.asarray(position, dtype=np.float64)
    if array.shape != (3,) or not np.isfinite(array).all():
        raise ControlError(f"a position has 3 finite numbers; this is {array.tolist()}")
    return array

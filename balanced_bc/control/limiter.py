"""Limits on speed, acceleration and workspace. They are applied to every command."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balanced_bc.control.errors import ControlError

Floats = NDArray[np.float64]
TWIST_SIZE = 6


@dataclass(frozen=True)
class Limits:
    """How fast and where the end effector may move. Frame: the robot's base."""

    max_linear: float = 0.6
    """Largest linear speed, [m/s]."""
    max_angular: float = 1.5
    """Largest angular speed, [rad/s]."""
    max_linear_acceleration: float = 6.0
    """Largest change of the linear velocity, [m/s^2]."""
    max_angular_acceleration: float = 20.0
    """Largest change of the angular velocity, [rad/s^2]."""
    workspace_low: tuple[float, float, float] = (-0.1, -0.3, 0.05)
    """Lowest x, y, z that the tool center point may move to, [m]."""
    workspace_high: tuple[float, float, float] = (0.85, 0.75, 0.9)
    """Highest x, y, z that the tool center point may move to, [m]."""

    def __post_init__(self) -> None:
        for name in ("max_linear", "max_angular", "max_linear_acceleration", "max_angular_acceleration"):
            if not 0 < getattr(self, name) < inf:
                raise ControlError(f"{name} is {getattr(self, name)}; it must be above 0 and finite")
        for axis, low, high in zip("xyz", self.workspace_low, self.workspace_high):
            if not low < high:
                raise ControlError(f"the workspace goes from {low} to {high} in {axis}; low must be below high")


def checked_twist(twist: ArrayLike) -> Floats:
    """A twist as six finite numbers.

    Raises:
        ControlError: It has another size, or a number in it is not finite.
    """
    array = np.asarray(twist, dtype=np.float64)
    if array.shape != (TWIST_SIZE,):
        raise ControlError(f"a twist has {TWIST_SIZE} numbers (3 linear, 3 angular); this has the shape {array.shape}")
    if not np.isfinite(array).all():
        raise ControlError(f"a twist has finite numbers only; this is {array.tolist()}")
    return array


def limit_speed(twist: Floats, limits: Limits) -> Floats:
    """Shorten the linear and the angular velocity to the largest speeds; their directions stay.

    Args:
        twist: [m/s] and [rad/s], (6,).
        limits: Largest speeds.
    """
    linear, angular = _shortened(twist[:3], limits.max_linear), _shortened(twist[3:], limits.max_angular)
    return np.concatenate((linear, angular))


def limit(twist: Floats, previous: Floats, period: float, limits: Limits) -> Floats:
    r"""Limit speed, and the change since the previous command.

    .. math:: v' = v_0 + \operatorname{shorten}(v - v_0, \, a_{max} \, dt), \quad |v| \le v_{max}

    A previous command within the speed limits makes this one lie within them too, and zero is always approached.

    Args:
        twist: Wanted velocity, [m/s] and [rad/s], (6,).
        previous: The command before, (6,).
        period: Time since the command before, [s].
        limits: Largest speeds and accelerations.
    """
    change = limit_speed(twist, limits) - previous
    linear = _shortened(change[:3], limits.max_linear_acceleration * period)
    angular = _shortened(change[3:], limits.max_angular_acceleration * period)
    return limit_speed(previous + np.concatenate((linear, angular)), limits)


def confine(twist: Floats, position: Floats, period: float, limits: Limits) -> Floats:
    """Remove as much velocity as would carry the tool out of the workspace within one period.

    Outside of it, only motion that leads back, or along its border, is left.

    Args:
        twist: [m/s] and [rad/s], (6,).
        position: Tool center point, [m], (3,).
        period: [s].
        limits: The workspace.
    """
    outward_high = np.maximum(0.0, (np.array(limits.workspace_high) - position) / period)
    outward_low = np.minimum(0.0, (np.array(limits.workspace_low) - position) / period)
    return np.concatenate((np.clip(twist[:3], outward_low, outward_high), twist[3:]))


def _shortened(vector: Floats, length: float) -> Floats:
    largest = float(np.abs(vector).max())
    if largest > length:
        vector = vector * (length / largest)  # first, since the norm of huge numbers overflows
    norm = float(np.linalg.norm(vector))
    return vector if norm <= length else vector * (length / norm)

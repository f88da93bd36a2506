"""Noise on a twist that remembers itself from tick to tick, as a hand's tremor does."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Tremor:
    r"""A stationary autoregressive process on the six numbers of a twist.

    .. math:: n_t = m \, n_{t-1} + \sqrt{1 - m^2} \, \epsilon_t, \quad \epsilon_t \sim N(0, \sigma^2)
    """

    def __init__(self, linear: float, angular: float, memory: float, rng: Generator) -> None:
        r"""Begin at rest.

        Args:
            linear: Standard deviation :math:`\sigma` of each linear velocity, [m/s].
            angular: Of each angular velocity, [rad/s].
            memory: :math:`m`, what is kept from one tick to the next, 0 to 1.
            rng: Source of randomness.
        """
        self._sigma = np.array([linear] * 3 + [angular] * 3)
        self._memory = memory
        self._rng = rng
        self._noise: Floats = np.zeros(6)

    def next(self) -> Floats:
        """Noise of the next tick, [m/s] and [rad/s], (6,)."""
        fresh = self._sigma * self._rng.normal(size=6)
        self._noise = self._memory * self._noise + math.sqrt(1 - self._memory**2) * fresh
        return self._noise

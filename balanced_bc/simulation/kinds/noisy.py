"""Noisy: a trembling hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from balanced_bc.simulation.demonstrator import Demonstrator, SmoothDemonstrator, SpoiledDemonstrator
from balanced_bc.simulation.kinds.kind import Experts, Kind
from balanced_bc.simulation.tremor import Tremor


@dataclass(frozen=True)
class Noisy(Kind):
    """Every command trembles: labels and states are noisy."""

    linear: float = field(default=0.10, metadata={"range": (0.0, 1.0)})
    """Standard deviation of the tremor, [m/s]."""
    angular: float = field(default=0.35, metadata={"range": (0.0, 5.0)})
    """Standard deviation of the tremor, [rad/s]."""
    memory: float = field(default=0.7, metadata={"range": (0.0, 1.0)})
    """Share of the tremor that is kept from one tick to the next."""

    def demonstrator(self, experts: Experts, rng: Generator) -> Demonstrator:
        """Who demonstrates once."""
        tremor = Tremor(self.linear, self.angular, self.memory, rng)
        return Trembling(SmoothDemonstrator(experts.right), tremor)


class Trembling(SpoiledDemonstrator):
    """Adds a tremor to every twist."""

    def __init__(self, demonstrator: Demonstrator, tremor: Tremor) -> None:
        super().__init__(demonstrator)
        self._tremor = tremor

    def spoil(self, twist: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add the tremor."""
        return twist + self._tremor.next()

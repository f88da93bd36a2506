"""Hesitant: slow, and stops again and again."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from balanced_bc.simulation.demonstrator import Demonstrator, SmoothDemonstrator, SpoiledDemonstrator
from balanced_bc.simulation.errors import SimulationError
from balanced_bc.simulation.kinds.kind import Experts, Kind


@dataclass(frozen=True)
class Hesitant(Kind):
    """Goes the optimal way, but slowly and with pauses: much of it is idle."""

    stop: float = field(default=0.08, metadata={"range": (0.0, 1.0)})
    """Probability per tick of stopping."""
    pause: tuple[int, int] = field(default=(4, 12), metadata={"range": (1, 300)})
    """Shortest and longest stop, [ticks]."""
    pace: tuple[float, float] = field(default=(0.45, 0.75), metadata={"range": (0.05, 1.0)})
    """Lowest and highest speed in between, relative to the optimal one; drawn once per demonstration."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, (low, high) in (("pause", self.pause), ("pace", self.pace)):
            if low > high:
                raise SimulationError(f"Hesitant: {name} is {(low, high)}; the lower value comes first")

    def demonstrator(self, experts: Experts, rng: Generator) -> Demonstrator:
        """Who demonstrates once."""
        return Hesitating(SmoothDemonstrator(experts.right), self, rng)


class Hesitating(SpoiledDemonstrator):
    """Stands still, or slows down."""

    def __init__(self, demonstrator: Demonstrator, kind: Hesitant, rng: Generator) -> None:
        super().__init__(demonstrator)
        self._kind, self._rng = kind, rng
        self._pace = rng.uniform(*kind.pace)
        self._left = 0

    def spoil(self, twist: NDArray[np.float64]) -> NDArray[np.float64]:
        """Stand still, or slow down."""
        if self._left == 0 and self._rng.random() < self._kind.stop:
            self._left = int(self._rng.integers(*self._kind.pause, endpoint=True)) + 1
        self._left = max(0, self._left - 1)
        return np.zeros(6) if self._left else self._pace * twist

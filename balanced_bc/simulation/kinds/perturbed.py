"""Perturbed: clean labels on disturbed states. Useful data that looks bad."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from numpy.random import Generator

from balanced_bc.simulation.disturbance import Disturbance
from balanced_bc.simulation.kinds.optimal import Optimal
from balanced_bc.simulation.tremor import Tremor


@dataclass(frozen=True)
class Perturbed(Optimal):
    """The demonstrator is optimal; the world disturbs what it commands, and what it commanded is recorded."""

    linear: float = field(default=0.10, metadata={"range": (0.0, 1.0)})
    """Standard deviation of the disturbance, [m/s]."""
    angular: float = field(default=0.35, metadata={"range": (0.0, 5.0)})
    """Standard deviation of the disturbance, [rad/s]."""
    memory: float = field(default=0.7, metadata={"range": (0.0, 1.0)})
    """Share of the disturbance that is kept from one tick to the next."""

    def disturbance(self, rng: Generator) -> Disturbance:
        """What the world does to the commands of one demonstration."""
        return Disturbance(Tremor(self.linear, self.angular, self.memory, rng))

    def times(self, factor: float) -> Perturbed:
        """The same with a stronger or weaker disturbance."""
        return replace(self, linear=factor * self.linear, angular=factor * self.angular)

"""Optimal: straight to the goal, smoothly, each time on another path."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.random import Generator

from balanced_bc.simulation.demonstrator import Demonstrator, SmoothDemonstrator
from balanced_bc.simulation.kinds.kind import Experts, Kind


@dataclass(frozen=True)
class Optimal(Kind):
    """Follows the right expert. Speed, bow, steepness and place along the handle are those of its `Manner`."""

    def demonstrator(self, experts: Experts, rng: Generator) -> Demonstrator:
        """Who demonstrates once."""
        del rng
        return SmoothDemonstrator(experts.right)

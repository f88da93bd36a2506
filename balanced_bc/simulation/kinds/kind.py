"""What all kinds of demonstrators have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from numpy.random import Generator

from balanced_bc.ranges import out_of_range
from balanced_bc.simulation.demonstrator import Demonstrator
from balanced_bc.simulation.disturbance import Disturbance
from balanced_bc.simulation.errors import SimulationError
from balanced_bc.simulation.experts import Expert


class Experts(NamedTuple):
    """Rules that a demonstrator can follow at one start.

    Attributes:
        right: Does what the start calls for.
        wrong: Each does something else: moves another handle, or reaches for another region. The first is the one
            that is mistaken consistently.
    """

    right: Expert
    wrong: tuple[Expert, ...]


@dataclass(frozen=True)
class Kind:
    """Parameters of one kind of demonstrators; those of one demonstration are drawn from a generator."""

    ALWAYS_FAILS: ClassVar[bool] = False
    """Whether no demonstration of this kind can succeed."""

    def __post_init__(self) -> None:
        if wrong := out_of_range(self):
            raise SimulationError(f"{type(self).__name__}: {wrong}")

    def demonstrator(self, experts: Experts, rng: Generator) -> Demonstrator:
        """Who demonstrates once."""
        raise NotImplementedError

    def disturbance(self, rng: Generator) -> Disturbance:
        """What the world does to the commands of that demonstration: here, nothing."""
        del rng
        return Disturbance()

"""All kinds by name, and the mixture `suboptimal`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from numpy.random import Generator

from balanced_bc.simulation.errors import SimulationError
from balanced_bc.simulation.kinds.detour import Detour
from balanced_bc.simulation.kinds.hesitant import Hesitant
from balanced_bc.simulation.kinds.kind import Kind
from balanced_bc.simulation.kinds.misleading import Misleading
from balanced_bc.simulation.kinds.noisy import Noisy
from balanced_bc.simulation.kinds.optimal import Optimal
from balanced_bc.simulation.kinds.perturbed import Perturbed
from balanced_bc.simulation.kinds.sloppy_grasp import SloppyGrasp
from balanced_bc.simulation.kinds.wrong_first import WrongFirst

Quality = Literal[
    "optimal",
    "suboptimal",
    "noisy",
    "detour",
    "hesitant",
    "wrong-first",
    "sloppy-grasp",
    "misleading",
    "perturbed",
]
"""What can be asked for: a kind, or suboptimal, which draws one of `SUBOPTIMAL` for each demonstration."""
QUALITIES: tuple[str, ...] = get_args(Quality)
SUBOPTIMAL = ("noisy", "detour", "hesitant", "wrong-first")
"""Kinds that the mixture consists of, in equal shares: bad, but most of them succeed."""


@dataclass(frozen=True)
class Kinds:
    """Parameters of every kind that has some."""

    noisy: Noisy = field(default_factory=Noisy)
    """A trembling hand."""
    detour: Detour = field(default_factory=Detour)
    """First somewhere else."""
    hesitant: Hesitant = field(default_factory=Hesitant)
    """Slow, with pauses."""
    wrong_first: WrongFirst = field(default_factory=WrongFirst)
    """First toward the wrong handle or region."""
    sloppy_grasp: SloppyGrasp = field(default_factory=SloppyGrasp)
    """Grasps that often miss."""
    misleading: Misleading = field(default_factory=Misleading)
    """Smooth and always wrong."""
    perturbed: Perturbed = field(default_factory=Perturbed)
    """Clean labels on disturbed states."""

    def kind(self, name: str) -> Kind:
        """Parameters of one kind.

        Raises:
            SimulationError: There is none of that name, or it is a mixture; those that exist are listed.
        """
        if name not in QUALITIES or name == "suboptimal":
            listed = ", ".join(quality for quality in QUALITIES if quality != "suboptimal")
            raise SimulationError(f"there is no kind of demonstrator {name!r}; there are {listed}")
        kind: Kind = Optimal() if name == "optimal" else getattr(self, name.replace("-", "_"))
        return kind


def draw_kind(quality: str, rng: Generator) -> str:
    """Name of the kind that a demonstration of this quality has; only a mixture uses the generator.

    Raises:
        SimulationError: There is no such quality; those that exist are listed.
    """
    if quality not in QUALITIES:
        raise SimulationError(f"there is no quality {quality!r}; there are {', '.join(QUALITIES)}")
    return SUBOPTIMAL[int(rng.integers(len(SUBOPTIMAL)))] if quality == "suboptimal" else quality

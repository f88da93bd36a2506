"""Scripted demonstrators: they perceive what topics can tell and answer with actions, well or badly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from numpy.random import Generator

from balanced_bc.simulation.decoys import ImaginedBlockExpert
from balanced_bc.simulation.demonstrator import Demonstrator
from balanced_bc.simulation.disturbance import Disturbance
from balanced_bc.simulation.experts import DrawerExpert, Expert, Percept, PickingExpert, SliderExpert
from balanced_bc.simulation.kinds.kind import Experts
from balanced_bc.simulation.kinds.kinds import Kinds, draw_kind
from balanced_bc.simulation.motion import Manner, draw_manner
from balanced_bc.simulation.scene import SceneState
from balanced_bc.simulation.tasks import behavior_of


def _picking(manner: Manner) -> Experts:
    """The wrong ones reach for the regions to the right, one and two further."""
    wrong = [ImaginedBlockExpert(PickingExpert(manner), regions) for regions in (1, 2)]
    return Experts(PickingExpert(manner), tuple(wrong))


def _opening(right: Callable[[Manner], Expert], wrong: Callable[[Manner], Expert]) -> Callable[[Manner], Experts]:
    return lambda manner: Experts(right(manner), (wrong(manner),))


EXPERTS: Mapping[tuple[str, str], Callable[[Manner], Experts]] = {
    ("opening", "slider"): _opening(SliderExpert, DrawerExpert),
    ("opening", "drawer"): _opening(DrawerExpert, SliderExpert),
    ("picking", "left"): _picking,
    ("picking", "middle"): _picking,
    ("picking", "right"): _picking,
}
"""Task and behavior to the rule that solves it, and to those that mistake it."""


class Part(NamedTuple):
    """Who demonstrates once.

    Attributes:
        kind: Name of the kind.
        demonstrator: Says what is recorded.
        disturbance: What the world makes of it.
    """

    kind: str
    demonstrator: Demonstrator
    disturbance: Disturbance


def cast(task: str, behavior: str, quality: str, rng: Generator, kinds: Kinds = Kinds()) -> Part:
    """Draw who demonstrates once.

    Args:
        task: Name of the task.
        behavior: Name of the behavior.
        quality: Name of a kind, or suboptimal, which draws one.
        rng: Source of randomness: manner, kind, what the kind draws.
        kinds: Parameters of the kinds.

    Raises:
        SimulationError: There is no such task, behavior or quality; those that exist are listed.
    """
    behavior_of(task, behavior)
    experts = EXPERTS[task, behavior](draw_manner(rng))
    name = draw_kind(quality, rng)
    kind = kinds.kind(name)
    return Part(name, kind.demonstrator(experts, rng), kind.disturbance(rng))


def make_demonstrator(task: str, behavior: str, quality: str, rng: Generator, kinds: Kinds = Kinds()) -> Demonstrator:
    """Make a demonstrator, without what the world does to its commands: see `cast`."""
    return cast(task, behavior, quality, rng, kinds).demonstrator


def percept_of(scene: SceneState) -> Percept:
    """What topics tell of a scene."""
    return Percept(scene.tcp_pose, scene.opening, scene.slider, scene.drawer, scene.lightbulb, scene.red_block)

"""A stage: a client in which nothing moves by itself, with bodies that are only seen.

Drawing apart from the physics lets a camera draw only what has changed, and spares the physics what is only seen.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from balanced_bc.simulation import desk, panda, shapes
from balanced_bc.simulation.cameras import Picture, View
from balanced_bc.simulation.engine import Color, Engine
from balanced_bc.simulation.moment import Moment
from balanced_bc.simulation.scene import BASE_POSITION

Look = tuple[tuple[float, float, float], Color]
"""Edges of a block, [m], and its color."""


class Actor(Protocol):
    """Something on a stage."""

    def show(self, moment: Moment) -> None:
        """Take the place that it has at a moment."""
        ...


class RobotActor:
    """The robot."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._body = engine.load(panda.write_seen_urdf(folder), BASE_POSITION)
        for link, color in panda.LINK_COLORS.items():
            engine.paint(self._body, link, color)

    def show(self, moment: Moment) -> None:
        """Take the moment's posture."""
        positions = (*moment.joints.tolist(), *moment.fingers.tolist())
        self._engine.place_joints(self._body, (*panda.ARM_JOINTS, *panda.FINGER_JOINTS), positions)


class BlockActor:
    """One block."""

    def __init__(self, name: str, look: Look, engine: Engine, folder: Path) -> None:
        edges, color = look
        part = shapes.Part(name, (shapes.Shape("box", edges, (0.0, 0.0, 0.0), color),))
        self._engine, self._name = engine, name
        self._body = engine.load(shapes.write_seen_urdf(name, (part,), folder))

    def show(self, moment: Moment) -> None:
        """Lie where the block lies."""
        self._engine.place_body(self._body, *moment.blocks[self._name])


class FurnishingActor:
    """The desk's moving parts and lights."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._body = engine.load(shapes.write_seen_urdf("furnishing", desk.furnishing(), folder))
        self._links = engine.links(self._body)

    def show(self, moment: Moment) -> None:
        """Slide where the parts are, and shine as the lights do."""
        *positions, bulb, led = moment.furnishing.rounded()
        joints = [self._links[part.name] for part in desk.moving()]
        self._engine.place_joints(self._body, joints, positions)
        self._engine.paint(self._body, self._links["lightbulb"], desk.BULB_ON if bulb else desk.GLASS)
        self._engine.paint(self._body, self._links["led"], desk.LED_ON if led else desk.GLASS)


class FixedActor:
    """The rest of the desk, and what the robot stands on."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        engine.load(shapes.write_seen_urdf("fixed", (desk.fixed(),), folder))
        engine.load(shapes.write_seen_urdf("pedestal", desk.pedestal(BASE_POSITION), folder))

    def show(self, moment: Moment) -> None:
        """Stay."""


class Stage:
    """Some actors and a camera."""

    def __init__(
        self, cast: Sequence[Callable[[Engine, Path], Actor]], window: bool = False, hardware: bool = False
    ) -> None:
        """Bring in the actors.

        Args:
            cast: What makes them, in the order in which they are drawn. Near things come first: the renderer skips
                the shading of what is behind something drawn.
            window: Whether a window shows the stage.
            hardware: Whether a graphics card draws it.
        """
        self._engine = Engine(window, hardware)
        with tempfile.TemporaryDirectory(prefix="balanced_bc_") as folder:
            self._actors = [make(self._engine, Path(folder)) for make in cast]

    def close(self) -> None:
        """Leave the client; a second call does nothing."""
        self._engine.close()

    def draw(self, moment: Moment, view: View, height: int, width: int) -> Picture:
        """What a camera sees at a moment."""
        self.show(moment)
        return self._engine.draw(view, height, width)

    def show(self, moment: Moment) -> None:
        """Put everything where it is at a moment."""
        for actor in self._actors:
            actor.show(moment)


def blocks_of(looks: Mapping[str, Look]) -> list[Callable[[Engine, Path], Actor]]:
    """What makes the actors of blocks."""
    return [partial(BlockActor, name, look) for name, look in looks.items()]

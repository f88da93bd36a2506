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


class PartActor:
    """A moving part of the desk."""

    def __init__(self, part: shapes.Part, engine: Engine, folder: Path) -> None:
        self._engine, self._name = engine, part.name
        self._body = engine.load(shapes.write_seen_urdf(part.name, desk.mounted(part), folder))

    def show(self, moment: Moment) -> None:
        """Slide where the part is."""
        self._engine.place_joint(self._body, 0, getattr(moment.furnishing.rounded(), self._name))


class LightsActor:
    """Light bulb and LED."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._bulb, self._led = (
            engine.load(shapes.write_seen_urdf(part.name, (part,), folder)) for part in desk.lights()
        )

    def show(self, moment: Moment) -> None:
        """Shine as the lights do."""
        self._engine.paint(self._bulb, -1, desk.BULB_ON if moment.furnishing.bulb else desk.GLASS)
        self._engine.paint(self._led, -1, desk.LED_ON if moment.furnishing.led else desk.GLASS)


class FixedActor:
    """The rest of the desk, and what the robot stands on."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        engine.load(shapes.write_seen_urdf("fixed", (desk.fixed(),), folder))
        engine.load(shapes.write_seen_urdf("pedestal", desk.pedestal(BASE_POSITION), folder))

    def show(self, moment: Moment) -> None:
        """Stay."""


Cast = Sequence[Callable[[Engine, Path], Actor]]
"""What makes actors."""


class Stage:
    """Some actors and a camera."""

    def __init__(self, cast: Cast, window: bool = False, hardware: bool = False) -> None:
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


def movers(looks: Mapping[str, Look]) -> Cast:
    """The robot and blocks of certain looks."""
    return (RobotActor, *(partial(BlockActor, name, look) for name, look in looks.items()))


def parts(*names: str) -> Cast:
    """Some of the desk's moving parts."""
    return tuple(partial(PartActor, part) for part in desk.moving() if part.name in names)

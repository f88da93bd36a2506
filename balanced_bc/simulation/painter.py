"""The painter: what the cameras see of a moment, drawn as seldom as can be."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from balanced_bc.simulation.cameras import STATIC_VIEW, Picture, View, gripper_view, overlaid, rgb
from balanced_bc.simulation.kinematics import forward
from balanced_bc.simulation.moment import Moment
from balanced_bc.simulation.renderer import HARDWARE, renderer
from balanced_bc.simulation.scene import BASE_POSITION
from balanced_bc.simulation.stage import Cast, FixedActor, LightsActor, Look, Stage, movers, parts

Image = NDArray[np.uint8]


class Layer:
    """Part of the static camera's picture, drawn anew only after what it shows has changed."""

    def __init__(self, cast: Cast) -> None:
        self._stage = Stage(cast)
        self._kept: dict[tuple[int, int], tuple[Hashable, Picture]] = {}

    def close(self) -> None:
        """Leave the stage."""
        self._stage.close()

    def picture(self, state: Hashable, moment: Moment, height: int, width: int) -> Picture:
        """The layer at a moment.

        Args:
            state: Everything that the layer's look depends on.
            moment: The moment.
            height: [px].
            width: [px].
        """
        kept, picture = self._kept.get((height, width), (None, None))
        if picture is None or kept != state:
            picture = self._stage.draw(moment, STATIC_VIEW, height, width)
            self._kept[height, width] = (state, picture)
        return picture


class Painter:
    """Draws whole pictures; in software those of the static camera in layers, of which one changes in every frame."""

    def __init__(self, looks: Mapping[str, Look], window: bool = False) -> None:
        """Nothing is loaded before it is drawn.

        Args:
            looks: Name of a block to its edges and color.
            window: Whether a window shows the tabletop.
        """
        self._looks = looks
        self._window = window
        self._desk: dict[tuple[int, int], tuple[Hashable, Picture]] = {}

    def close(self) -> None:
        """Leave all stages; a second call does nothing."""
        for name in ("_whole", "_movers", "_fixed", "_drawer", "_others"):
            if name in self.__dict__:
                self.__dict__[name].close()

    def show(self, moment: Moment) -> None:
        """Show a moment in the window."""
        self._whole.show(moment)

    def static_image(self, moment: Moment, height: int, width: int) -> Image:
        """What the static camera sees, uint8, (height, width, 3)."""
        if self._hardware:
            return self.image(moment, STATIC_VIEW, height, width)
        front = self._movers.draw(moment, STATIC_VIEW, height, width)
        return rgb(overlaid(front, self._background(moment, height, width)))

    def gripper_image(self, moment: Moment, height: int, width: int) -> Image:
        """What the camera on the hand sees, uint8, (height, width, 3)."""
        hand = forward(moment.joints, 0.0)
        return self.image(moment, gripper_view(hand.position + BASE_POSITION, hand.rotation), height, width)

    def image(self, moment: Moment, view: View, height: int, width: int) -> Image:
        """What a camera anywhere in the world sees, uint8, (height, width, 3)."""
        return rgb(self._whole.draw(moment, view, height, width))

    def _background(self, moment: Moment, height: int, width: int) -> Picture:
        """The desk as the static camera sees it."""
        state = moment.furnishing.rounded()
        kept, picture = self._desk.get((height, width), (None, None))
        if picture is None or kept != state:
            fixed = self._fixed.picture(None, moment, height, width)
            others = self._others.picture(state._replace(drawer=0.0), moment, height, width)
            picture = overlaid(self._drawer.picture(state.drawer, moment, height, width), overlaid(others, fixed))
            self._desk[height, width] = (state, picture)
        return picture

    @cached_property
    def _hardware(self) -> bool:
        return renderer().name == HARDWARE and not self._window

    @cached_property
    def _whole(self) -> Stage:
        desk = (*parts("slider", "drawer", "switch", "button"), LightsActor, FixedActor)
        return Stage((*movers(self._looks), *desk), self._window, self._hardware)

    @cached_property
    def _movers(self) -> Stage:
        return Stage(movers(self._looks))

    @cached_property
    def _fixed(self) -> Layer:
        return Layer((FixedActor,))

    @cached_property
    def _drawer(self) -> Layer:
        """A layer of its own: it is the largest of what moves."""
        return Layer(parts("drawer"))

    @cached_property
    def _others(self) -> Layer:
        return Layer((*parts("slider", "switch", "button"), LightsActor))

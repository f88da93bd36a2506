"""The painter: what the cameras see of a moment, drawn as seldom as can be."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from balanced_bc.simulation.cameras import STATIC_VIEW, Picture, View, gripper_view, overlaid, rgb
from balanced_bc.simulation.kinematics import forward
from balanced_bc.simulation.moment import Furnishing, Moment
from balanced_bc.simulation.renderer import HARDWARE, renderer
from balanced_bc.simulation.scene import BASE_POSITION
from balanced_bc.simulation.stage import FixedActor, FurnishingActor, Look, RobotActor, Stage, blocks_of

Image = NDArray[np.uint8]


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
        self._fixed: dict[tuple[int, int], Picture] = {}
        self._furnished: dict[tuple[int, int], tuple[Furnishing, Picture]] = {}

    def close(self) -> None:
        """Leave all clients; a second call does nothing."""
        for name in ("_whole", "_movers", "_furnishing"):
            if name in self.__dict__:
                self.__dict__[name].close()

    def show(self, moment: Moment) -> None:
        """Show a moment in the window."""
        self._whole.show(moment)

    def static_image(self, moment: Moment, height: int, width: int) -> Image:
        """What the static camera sees, uint8, (height, width, 3)."""
        if self._hardware:
            return self.image(moment, STATIC_VIEW, height, width)
        movers = self._movers.draw(moment, STATIC_VIEW, height, width)
        return rgb(overlaid(movers, self._background(moment, height, width)))

    def gripper_image(self, moment: Moment, height: int, width: int) -> Image:
        """What the camera on the hand sees, uint8, (height, width, 3)."""
        hand = forward(moment.joints, 0.0)
        return self.image(moment, gripper_view(hand.position + BASE_POSITION, hand.rotation), height, width)

    def image(self, moment: Moment, view: View, height: int, width: int) -> Image:
        """What a camera anywhere in the world sees, uint8, (height, width, 3)."""
        return rgb(self._whole.draw(moment, view, height, width))

    def _background(self, moment: Moment, height: int, width: int) -> Picture:
        """The desk as the static camera sees it; drawn anew only after one of its parts has moved."""
        furnishing = moment.furnishing.rounded()
        shown, picture = self._furnished.get((height, width), (None, None))
        if picture is None or shown != furnishing:
            drawn = self._furnishing.draw(moment, STATIC_VIEW, height, width)
            picture = overlaid(drawn, self._backdrop(moment, height, width))
            self._furnished[height, width] = (furnishing, picture)
        return picture

    def _backdrop(self, moment: Moment, height: int, width: int) -> Picture:
        """What of the desk never changes, as the static camera sees it."""
        if (height, width) not in self._fixed:
            stage = Stage((FixedActor,))
            self._fixed[height, width] = stage.draw(moment, STATIC_VIEW, height, width)
            stage.close()
        return self._fixed[height, width]

    @cached_property
    def _hardware(self) -> bool:
        return renderer().name == HARDWARE and not self._window

    @cached_property
    def _whole(self) -> Stage:
        return Stage((RobotActor, *blocks_of(self._looks), FurnishingActor, FixedActor), self._window, self._hardware)

    @cached_property
    def _movers(self) -> Stage:
        return Stage((RobotActor, *blocks_of(self._looks)))

    @cached_property
    def _furnishing(self) -> Stage:
        return Stage((FurnishingActor,))

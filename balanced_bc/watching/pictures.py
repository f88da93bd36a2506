"""Pictures of the world for people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from balanced_bc.demonstrations.contract import GRIPPER_CAMERA
from balanced_bc.simulation.environment import DeskEnv

Picture = NDArray[np.uint8]

GAP = 4
"""Between two pictures, [px]."""
PAPER = 255
INK = (20, 20, 20)


def seen(world: DeskEnv, view: str, size: int) -> Picture:
    """What the cameras see, side by side, uint8, (size, width, 3).

    Args:
        world: Where they are.
        view: static, gripper or both. The camera on the hand is enlarged from what a policy gets.
        size: Height and width of each, [px].
    """
    static = [world.frame(size, size)] if view != "gripper" else []
    gripper = [resized(world.images()[GRIPPER_CAMERA], size)] if view != "static" else []
    return beside((*static, *gripper))


def resized(picture: Picture, size: int) -> Picture:
    """A square picture in another size."""
    return np.asarray(Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC))


def beside(pictures: Sequence[Picture]) -> Picture:
    """Pictures of one height in a row."""
    gap = np.full((pictures[0].shape[0], GAP, 3), PAPER, np.uint8)
    parts = [part for picture in pictures for part in (gap, picture)]
    return np.concatenate(parts[1:], axis=1)


def below(pictures: Sequence[Picture]) -> Picture:
    """Pictures in a column; narrow ones are filled up with paper."""
    width = max(picture.shape[1] for picture in pictures)
    gap = np.full((GAP, width, 3), PAPER, np.uint8)
    wide = [np.pad(p, ((0, 0), (0, width - p.shape[1]), (0, 0)), constant_values=PAPER) for p in pictures]
    return np.concatenate([part for picture in wide for part in (gap, picture)][1:], axis=0)


def headline(title: str, width: int) -> Picture:
    """A line of text on paper."""
    image = Image.new("RGB", (width, 24), (PAPER,) * 3)
    ImageDraw.Draw(image).text((2, 3), title, fill=INK, font_size=16)
    return np.asarray(image)


def titled(picture: Picture, title: str) -> Picture:
    """The picture below a line of text."""
    return below((headline(title, picture.shape[1]), picture))

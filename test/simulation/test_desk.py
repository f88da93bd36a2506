"""The desk and its pictures."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from balanced_bc.simulation import desk
from balanced_bc.simulation.cameras import BACKGROUND, Picture, overlaid, rgb
from balanced_bc.simulation.shapes import write_urdf

RED, BLUE = (255, 0, 0, 255), (0, 0, 255, 255)


def picture(color: tuple[int, ...], depth: float, covered: bool) -> Picture:
    pixels = np.full((2, 2, 4), color, np.uint8)
    return Picture(pixels, np.full((2, 2), depth, np.float32), np.full((2, 2), covered))


def test_the_desk_has_the_travels_of_calvin(tmp_path: Path) -> None:
    parts = (desk.fixed(), *desk.moving())
    robot = ElementTree.parse(write_urdf("desk", parts, tmp_path)).getroot()
    travels = {
        joint.attrib["name"]: float(limit.attrib["upper"])
        for joint in robot.iter("joint")
        if joint.attrib["type"] == "prismatic" and (limit := joint.find("limit")) is not None
    }
    assert travels == {"drawer": 0.22, "slider": 0.28, "switch": 0.088, "button": 0.02}


def test_what_is_nearer_hides_what_is_behind() -> None:
    near, far = picture(RED, 0.2, True), picture(BLUE, 0.4, True)
    assert (rgb(overlaid(near, far)) == RED[:3]).all()
    assert (rgb(overlaid(far, near)) == RED[:3]).all()


def test_nothing_drawn_shows_the_background() -> None:
    empty = picture(RED, 0.0, False)
    assert (rgb(empty) == BACKGROUND).all()
    assert (rgb(overlaid(empty, empty)) == BACKGROUND).all()
    assert (rgb(overlaid(empty, picture(BLUE, 0.5, True))) == BLUE[:3]).all()
    assert (rgb(overlaid(picture(BLUE, 0.5, True), empty)) == BLUE[:3]).all()

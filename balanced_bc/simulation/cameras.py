"""Cameras of the tabletop: where they are, what they see, and how a picture is put together."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Image = NDArray[np.uint8]

BACKGROUND = (206, 213, 221)
"""Color of everything that is not the desk, the robot or a block: a floor would double the time of a frame."""


class View(NamedTuple):
    """Where a camera is and what part of the world fits into its picture.

    Attributes:
        eye: Position, [m].
        target: A point in the middle of the picture, [m].
        up: Direction that is up in the picture.
        field_of_view: Vertical opening angle, [degree].
        near: Distance below which nothing is drawn, [m]. Depths are finer the larger it is.
        far: Distance beyond which nothing is drawn, [m].
    """

    eye: tuple[float, float, float]
    target: tuple[float, float, float]
    up: tuple[float, float, float]
    field_of_view: float
    near: float = 0.01
    far: float = 10.0


class Picture(NamedTuple):
    """What the renderer returns.

    Attributes:
        color: RGBA, uint8, (height, width, 4).
        depth: Depth buffer, 0 near to 1 far, (height, width).
        covered: Whether anything was drawn, (height, width).
    """

    color: NDArray[np.uint8]
    depth: NDArray[np.float32]
    covered: NDArray[np.bool_]


STATIC_VIEW = View(
    eye=(2.871459009488717, -2.166602199425597, 2.555159848480571),
    target=(-0.026242351159453392, -0.0302329882979393, 0.3920000493526459),
    up=(0.4041403970338857, 0.22629790978217404, 0.8862616969685161),
    field_of_view=10.0,
    near=2.0,
)
"""CALVIN's static camera, in the world frame."""

GRIPPER_CAMERA_POSITION = np.array((-0.1, 0.0, 0.0))
"""Position of the gripper camera in the frame of the hand, as in CALVIN, [m]."""
GRIPPER_CAMERA_TILT = 1.3
"""Angle between the camera's line of sight and the hand's x axis, as in CALVIN, [rad]."""


def gripper_view(position: Floats, rotation: Floats) -> View:
    """What the camera on the hand sees.

    Args:
        position: Position of the hand in the world frame, [m], (3,).
        rotation: Rotation matrix of the hand in the world frame, (3, 3).
    """
    cosine, sine = np.cos(GRIPPER_CAMERA_TILT), np.sin(GRIPPER_CAMERA_TILT)
    eye = position + rotation @ GRIPPER_CAMERA_POSITION
    target = eye + rotation @ np.array((cosine, 0.0, sine))
    up = rotation @ np.array((sine, 0.0, -cosine))
    return View(tuple(eye.tolist()), tuple(target.tolist()), tuple(up.tolist()), 75.0, far=2.0)


def rgb(picture: Picture) -> Image:
    """The picture with the background's color where nothing was drawn, uint8, (height, width, 3)."""
    return _three(_chosen(picture.covered, picture.color, _ground(picture.color.shape)))


def overlaid(front: Picture, back: Picture) -> Picture:
    """One picture in front of another by their depths, as if both had been drawn together."""
    wins = front.covered & ((front.depth < back.depth) | ~back.covered)
    depth = np.where(wins, front.depth, back.depth)
    return Picture(_chosen(wins, front.color, back.color.copy()), depth, front.covered | back.covered)


# What follows is OpenCV's because numpy takes 10 to 80 times as long for pixels of three or four bytes.


def _chosen(mask: NDArray[np.bool_], color: Image, otherwise: Image) -> Image:
    """Write the pixels of `color` over `otherwise` wherever a mask is true."""
    return np.asarray(cv2.copyTo(color, mask.view(np.uint8), otherwise), np.uint8)


def _three(color: Image) -> Image:
    return np.asarray(cv2.cvtColor(color, cv2.COLOR_RGBA2RGB), np.uint8)


def _ground(shape: tuple[int, ...]) -> Image:
    return np.full(shape[:2], _BACKGROUND).view(np.uint8).reshape(shape)


_BACKGROUND = np.array((*BACKGROUND, 255), np.uint8).view(np.uint32)[0]

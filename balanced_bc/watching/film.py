"""Writing films: GIF for pages, MP4 for players."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from balanced_bc.watching.errors import WatchingError
from balanced_bc.watching.mark import MARK, mark_mp4

Frame = NDArray[np.uint8]
EVERY = 2
"""Ticks between two frames of a film."""
RATE = 30 / EVERY
"""Frames per second, so that a film runs as fast as the robot does."""
COLORS = 96
"""Colors of a GIF's palette: what keeps the file small."""


def write_film(frames: Sequence[Frame], path: Path) -> None:
    """Write a film; a file of that name is replaced, and none is left half written.

    Args:
        frames: RGB pictures of one size, uint8, (height, width, 3).
        path: File to write, .gif or .mp4.

    Raises:
        WatchingError: It ends in something else, or cannot be encoded here.
    """
    writers = {".gif": _write_gif, ".mp4": _write_mp4}
    if (suffix := path.suffix.lower()) not in writers:
        raise WatchingError(f"{path} cannot be written: a film ends in {' or '.join(writers)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part{suffix}")
    try:
        writers[suffix](frames, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _write_gif(frames: Sequence[Frame], path: Path) -> None:
    images = [Image.fromarray(frame).quantize(COLORS, dither=Image.Dither.NONE) for frame in frames]
    ends = 10 * np.round(np.arange(len(images) + 1) * 100 / RATE).astype(int)  # a GIF counts hundredths of a second
    durations = np.diff(ends).tolist()
    options = {"save_all": True, "append_images": images[1:], "duration": durations, "loop": 0, "comment": MARK}
    images[0].save(path, format="GIF", **options)


def _write_mp4(frames: Sequence[Frame], path: Path) -> None:
    height, width = (2 * (side // 2) for side in frames[0].shape[:2])  # the codec wants even numbers
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), RATE, (width, height))
    if not writer.isOpened():
        raise WatchingError(f"{path} cannot be encoded: this OpenCV has no MPEG-4; write a .gif instead")
    for frame in frames:
        writer.write(cv2.cvtColor(frame[:height, :width], cv2.COLOR_RGB2BGR))
    writer.release()
    mark_mp4(path)

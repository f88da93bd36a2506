"""Images to a policy's size: one function for the images of a dataset and of a live camera."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Taps(NamedTuple):
    """Which source pixels make a target pixel along one axis.

    Attributes:
        source: Source pixels of each target pixel, (taps, target).
        weight: Share of each in the target pixel, float32, (taps, target); sums to 1 over the taps.
    """

    source: NDArray[np.intp]
    weight: NDArray[np.float32]


@lru_cache(maxsize=32)
def area_taps(source: int, target: int) -> Taps:
    """Target pixel i covers the source from i n / m to (i + 1) n / m, and source pixels count by the part covered.

    Args:
        source: Pixels of the image along the axis, n.
        target: Pixels wanted, m.
    """
    edges = np.arange(target + 1) * (source / target)
    low, high = edges[:-1], edges[1:]
    index = np.floor(low).astype(np.intp) + np.arange(int(np.ceil(source / target)) + 1)[:, None]
    covered = np.clip(np.minimum(high, index + 1) - np.maximum(low, index), 0, None)
    return Taps(np.minimum(index, source - 1), (covered * (target / source)).astype(np.float32))


def shrink(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resample one image by the mean over the area that each pixel covers.

    Images are taken one by one and without BLAS, so that a live image and the same image in a dataset give the same
    bits, whatever the number of threads.

    Args:
        image: RGB image, (height, width, 3).
        size: Rows and columns wanted; a camera that is not square is squeezed to one.

    Returns:
        RGB image, (size, size, 3).
    """
    height, width, _ = image.shape
    if (height, width) == (size, size):
        return image
    rows = sum(weight[:, None, None] * image[index] for index, weight in zip(*area_taps(height, size)))
    pixels = sum(weight[:, None] * rows[:, index] for index, weight in zip(*area_taps(width, size)))
    small: NDArray[np.uint8] = np.rint(pixels).clip(0, 255).astype(np.uint8)
    return small


def shrink_all(images: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resample a demonstration's images with `shrink`, (T, height, width, 3) to (T, size, size, 3)."""
    out = np.empty((len(images), size, size, 3), np.uint8)
    for index, image in enumerate(images):
        out[index] = shrink(image, size)
    return out

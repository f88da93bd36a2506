"""Images to a policy's size: one function for the images of a dataset and of a live camera."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

RESAMPLE_VERSION = 1
"""To be raised when `shrink` gives other pixels: files of resampled images are stale then."""


def shrink(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resample one image by the mean over the area that each pixel covers.

    Args:
        image: RGB image, (height, width, 3).
        size: Rows and columns wanted; a camera that is not square is squeezed to one.

    Returns:
        RGB image, (size, size, 3).
    """
    return np.asarray(cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def shrink_all(images: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resample a demonstration's images with `shrink`, (T, height, width, 3) to (T, size, size, 3)."""
    out = np.empty((len(images), size, size, 3), np.uint8)
    for index, image in enumerate(images):
        out[index] = shrink(image, size)
    return out

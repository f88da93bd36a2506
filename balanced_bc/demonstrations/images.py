"""From a camera's messages to RGB pixels and back: the one place that knows encodings."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from balanced_bc.demonstrations.errors import DemonstrationError

Pixels = NDArray[np.uint8]

ORDERS = {
    "rgb8": (3, slice(0, 3)),
    "bgr8": (3, slice(None, None, -1)),
    "rgba8": (4, slice(0, 3)),
    "bgra8": (4, slice(2, None, -1)),
}
"""Encoding of an Image to the bytes of a pixel, and those of them that are red, green and blue."""
BRIDGED = ("yuv422", "yuv422_yuy2", "bayer_rggb8", "bayer_bggr8", "bayer_gbrg8", "bayer_grbg8")
"""Encodings that need cv_bridge. The others do not use it: a dataset reads the same on a machine without ROS, and a
cv_bridge that was built for NumPy 1 ends the process under NumPy 2."""
COMPRESSED = ("jpeg", "png")
"""Formats of a CompressedImage."""
JPEG_QUALITY = 95
"""Of what is written, from 1 to 95."""
ENCODINGS = (*ORDERS, *BRIDGED, *COMPRESSED)
"""What a camera may send."""


def rgb_of(message: Any, topic: str, shape: tuple[int, int, int]) -> Pixels:
    """RGB pixels of an Image or a CompressedImage; a view of the message where its layout allows.

    Args:
        message: A message object of rclpy or rosbags.
        topic: Named in errors.
        shape: What is wanted: height, width and 3. The size is compared before anything is decoded.

    Raises:
        DemonstrationError: The size is another, the encoding is not understood, or the bytes are no such image.
    """
    if hasattr(message, "format"):
        return _decompressed(message, topic, shape)
    _require_size((int(message.height), int(message.width)), topic, shape)
    if message.encoding in ORDERS:
        return _reordered(message, topic)
    if message.encoding in BRIDGED:
        return _bridged(message, topic)
    raise DemonstrationError(f"{topic} is encoded as {message.encoding!r}; understood are {', '.join(ENCODINGS)}")


def encoded(pixels: Pixels, encoding: str) -> NDArray[np.uint8]:
    """The bytes of an Image without padding, or of a CompressedImage, (n,).

    Args:
        pixels: RGB, (height, width, 3).
        encoding: rgb8, bgr8, jpeg or png.

    Raises:
        DemonstrationError: This is not written, only read.
    """
    if encoding in COMPRESSED:
        file = BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels)).save(file, encoding, quality=JPEG_QUALITY)
        return np.frombuffer(file.getvalue(), np.uint8)
    if encoding not in ("rgb8", "bgr8"):
        raise DemonstrationError(f"images are not written as {encoding!r}; written are rgb8, bgr8, jpeg and png")
    return np.ascontiguousarray(pixels[:, :, ORDERS[encoding][1]], np.uint8).reshape(-1)


def _reordered(message: Any, topic: str) -> Pixels:
    channels, order = ORDERS[message.encoding]
    height, width, step = int(message.height), int(message.width), int(message.step)
    data = np.frombuffer(message.data, dtype=np.uint8)
    if step < width * channels or data.size < height * step:
        raise DemonstrationError(
            f"{topic} has {data.size} bytes in rows of {step}; "
            f"it needs {height} rows of at least {width * channels} bytes"
        )
    rows = data[: height * step].reshape(height, step)[:, : width * channels]
    return rows.reshape(height, width, channels)[:, :, order]


def _decompressed(message: Any, topic: str, shape: tuple[int, int, int]) -> Pixels:
    data = bytes(message.data)
    try:
        with Image.open(BytesIO(data), formats=COMPRESSED) as image:
            width, height = image.size  # from the head of the file: nothing is decoded yet
            _require_size((height, width), topic, shape)
            return np.asarray(image.convert("RGB"), np.uint8)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DemonstrationError(
            f"{topic} has {len(data)} bytes that are no image; they claim to be {message.format!r}"
        ) from error


def _require_size(size: tuple[int, int], topic: str, shape: tuple[int, int, int]) -> None:
    if size != shape[:2]:
        raise DemonstrationError(
            f"{topic} has {size[0]} x {size[1]} pixels; the contract wants {shape[0]} x {shape[1]}"
        )


def _bridged(message: Any, topic: str) -> Pixels:
    try:
        from cv_bridge import CvBridge, CvBridgeError
    except ImportError as error:
        raise DemonstrationError(
            f"{topic} is encoded as {message.encoding!r}, which only cv_bridge reads, and it is not installed; "
            f"understood without it are {', '.join((*ORDERS, *COMPRESSED))}"
        ) from error
    try:
        return np.asarray(CvBridge().imgmsg_to_cv2(message, "rgb8"), np.uint8)
    except (CvBridgeError, RuntimeError, TypeError, ValueError) as error:
        raise DemonstrationError(f"{topic} is no image in {message.encoding!r}: {error}") from error

"""Images of every encoding become the same RGB pixels."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from balanced_bc.demonstrations.cdr import parse
from balanced_bc.demonstrations.contract import COMPRESSED_IMAGE, Camera, RobotContract
from balanced_bc.demonstrations.decoding import Sample, decode
from balanced_bc.demonstrations.encoding import encode_sample
from balanced_bc.demonstrations.errors import DemonstrationError
from balanced_bc.demonstrations.images import ORDERS, encoded, rgb_of

Pixels = NDArray[np.uint8]
SHAPE = (40, 60, 3)

COMPARE = """
import numpy as np
from types import SimpleNamespace
from cv_bridge import CvBridge
from balanced_bc.demonstrations.images import ORDERS, rgb_of
for encoding, (channels, _) in ORDERS.items():
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, channels), np.uint8)
    about = {"height": 6, "width": 8, "step": 8 * channels, "is_bigendian": 0}
    message = SimpleNamespace(encoding=encoding, data=pixels.tobytes(), **about)
    assert np.array_equal(CvBridge().imgmsg_to_cv2(message, "rgb8"), rgb_of(message, "eye", (6, 8, 3))), encoding
"""


@pytest.fixture
def pixels() -> Pixels:
    """A smooth picture: JPEG changes it little."""
    rows, columns = np.mgrid[0:40, 0:60]
    return np.stack((4 * rows, 4 * columns, np.full_like(rows, 90)), axis=-1).astype(np.uint8)


def image(data: Pixels, encoding: str) -> Any:
    height, width, channels = data.shape
    return SimpleNamespace(
        height=height, width=width, step=width * channels, encoding=encoding, is_bigendian=0, data=data.tobytes()
    )


@pytest.mark.parametrize(
    ("encoding", "code"),
    [("bgr8", cv2.COLOR_RGB2BGR), ("rgba8", cv2.COLOR_RGB2RGBA), ("bgra8", cv2.COLOR_RGB2BGRA)],
)
def test_every_order_of_colors_is_read_as_opencv_writes_it(pixels: Pixels, encoding: str, code: int) -> None:
    sent = image(np.asarray(cv2.cvtColor(pixels, code), np.uint8), encoding)
    assert np.array_equal(rgb_of(sent, "eye", SHAPE), pixels)


@pytest.mark.parametrize(("encoding", "error"), [("png", 0.0), ("jpeg", 2.0)])
def test_a_compressed_camera_survives_its_own_message(pixels: Pixels, encoding: str, error: float) -> None:
    contract = RobotContract(cameras=(Camera("eye", 40, 60, encoding),))
    (topic,) = (camera.topic for camera in contract.cameras)
    assert topic == "eye/image_raw/compressed"
    message = parse(COMPRESSED_IMAGE, encode_sample(topic, Sample(3, pixels), contract))
    found = decode(topic, message, contract, received=0)
    assert found.stamp == 3
    assert found.value.shape == pixels.shape
    assert np.abs(found.value.astype(int) - pixels).mean() <= error


def test_a_compressed_image_of_another_size_is_refused(pixels: Pixels) -> None:
    contract = RobotContract(cameras=(Camera("eye", 41, 60, "png"),))
    sent = SimpleNamespace(format="png", data=encoded(pixels, "png").tobytes())
    with pytest.raises(DemonstrationError, match="40 x 60 pixels; the contract wants 41 x 60"):
        decode("eye/image_raw/compressed", sent, contract, 0)


def claimed(width: int, height: int) -> bytes:
    """A tiny PNG whose head claims a size."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = b"IDAT" + zlib.compress(b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in (head, pixels)
    )


def test_the_size_of_a_compressed_image_is_compared_before_it_is_decoded() -> None:
    with pytest.raises(DemonstrationError, match="9000 x 9000 pixels; the contract wants 40 x 60"):
        rgb_of(SimpleNamespace(format="png", data=claimed(9000, 9000)), "eye", SHAPE)


@pytest.mark.parametrize("data", [b"", b"no image at all", claimed(40_000, 40_000), claimed(60, 40)])
def test_bytes_that_are_no_compressed_image_are_refused(data: bytes) -> None:
    with pytest.raises(DemonstrationError, match="no image; they claim to be 'jpeg'"):
        rgb_of(SimpleNamespace(format="jpeg", data=data), "eye", SHAPE)


def test_an_encoding_that_nobody_understands_is_refused_with_those_that_are(pixels: Pixels) -> None:
    with pytest.raises(DemonstrationError, match=r"'32FC1'; understood are rgb8, .*bayer_rggb8.*jpeg"):
        rgb_of(image(pixels, "32FC1"), "eye", SHAPE)


def test_an_encoding_that_is_only_read_is_not_written(pixels: Pixels) -> None:
    with pytest.raises(DemonstrationError, match="not written as 'rgba8'"):
        encoded(pixels, "rgba8")


def test_without_cv_bridge_its_encodings_are_refused_by_name(pixels: Pixels) -> None:
    if _has_cv_bridge():
        pytest.skip("cv_bridge is installed")
    with pytest.raises(DemonstrationError, match="only cv_bridge reads"):
        rgb_of(image(pixels[:, :, :1], "bayer_rggb8"), "eye", SHAPE)


def test_cv_bridge_gives_the_same_pixels() -> None:
    if not _has_cv_bridge():
        pytest.skip("cv_bridge is not installed")
    done = subprocess.run((sys.executable, "-c", COMPARE), capture_output=True, text=True, check=False)
    if done.returncode < 0 and "compiled using NumPy 1.x" in done.stderr:
        pytest.skip("the installed cv_bridge was built for NumPy 1 and ends the process")
    assert done.returncode == 0, done.stderr
    assert set(ORDERS) == {"rgb8", "bgr8", "rgba8", "bgra8"}


def _has_cv_bridge() -> bool:
    return subprocess.run((sys.executable, "-c", "import cv_bridge"), capture_output=True, check=False).returncode == 0

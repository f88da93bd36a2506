"""Messages become numbers, whoever made them; decoding undoes encoding."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from balanced_bc.demonstrations.cdr import encode, message, parse, stamp
from balanced_bc.demonstrations.contract import JOINT_STATES, VELOCITY_COMMAND, Camera, RobotContract
from balanced_bc.demonstrations.decoding import Sample, decode
from balanced_bc.demonstrations.encoding import encode_sample
from balanced_bc.demonstrations.errors import DemonstrationError

NOW = 7_000_000_123
TOPIC = "static_camera/image_raw"


def image_message(pixels: np.ndarray[Any, Any], encoding: str = "rgb8", padding: int = 0, **changes: Any) -> Any:
    """An image as rclpy gives it: data is an array.array."""
    height, width, _ = pixels.shape
    rows = np.pad(pixels.reshape(height, -1), ((0, 0), (0, padding)))
    fields = {"height": height, "width": width, "encoding": encoding, "step": rows.shape[1]}
    data = array("B", rows.tobytes())
    about = SimpleNamespace(stamp=SimpleNamespace(sec=5, nanosec=6), frame_id="camera")
    return SimpleNamespace(header=about, data=data, **{**fields, **changes})


@pytest.fixture
def pixels() -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)


def test_every_stream_survives_encoding_and_decoding(
    said_at: Callable[[int], list[tuple[str, Sample]]], contract: RobotContract
) -> None:
    for topic, sample in said_at(3):
        cdr = encode_sample(topic, sample, contract)
        found = decode(topic, parse(contract.stream(topic).type, cdr), contract, received=sample.stamp)
        assert found.stamp == sample.stamp
        np.testing.assert_allclose(found.value, sample.value, atol=1e-12)


@given(st.lists(st.floats(-10, 10), min_size=6, max_size=6), st.integers(1, 2**62 // 10**9 * 10**9))
def test_a_twist_survives_to_the_last_bit(values: list[float], when: int) -> None:
    when = when % (2**31 * 10**9) or 1
    contract = RobotContract()
    cdr = encode_sample(VELOCITY_COMMAND, Sample(when, np.array(values)), contract)
    found = decode(VELOCITY_COMMAND, parse("geometry_msgs/msg/TwistStamped", cdr), contract, NOW)
    assert found.stamp == stamp("geometry_msgs/msg/TwistStamped", cdr, NOW) == when
    assert found.value.tolist() == values


@pytest.mark.parametrize("padding", [0, 5])
def test_an_image_is_read_by_its_step(pixels: np.ndarray[Any, Any], padding: int, contract: RobotContract) -> None:
    found = decode(TOPIC, image_message(pixels, padding=padding), contract, NOW)
    assert_array_equal(found.value, pixels)
    assert found.stamp == 5_000_000_006


def test_bgr_becomes_rgb(pixels: np.ndarray[Any, Any], contract: RobotContract) -> None:
    found = decode(TOPIC, image_message(pixels[:, :, ::-1], "bgr8"), contract, NOW)
    assert_array_equal(found.value, pixels)


def test_an_image_is_not_copied(pixels: np.ndarray[Any, Any], contract: RobotContract) -> None:
    sent = image_message(pixels)
    found = decode(TOPIC, sent, contract, NOW).value
    assert np.shares_memory(found, np.frombuffer(sent.data, dtype=np.uint8))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"height": 5}, "5 x 8 pixels; the contract wants 6 x 8"),
        ({"data": bytes(120)}, "120 bytes in rows of 24; it needs 6 rows"),
        ({"encoding": "mono8"}, "mono8"),
        ({"step": 25}, "144 bytes"),
        ({"data": b""}, "0 bytes"),
    ],
)
def test_an_image_that_is_not_as_the_contract_says_is_refused(
    pixels: np.ndarray[Any, Any], changes: dict[str, Any], complaint: str, contract: RobotContract
) -> None:
    sent = image_message(pixels)
    vars(sent).update(changes)
    with pytest.raises(DemonstrationError, match=complaint):
        decode(TOPIC, sent, contract, NOW)


def test_joints_are_put_in_the_order_of_the_contract(contract: RobotContract) -> None:
    names = (*contract.finger_joint_names, "somebody_elses_joint", *reversed(contract.joint_names))
    sent = SimpleNamespace(name=names, position=array("d", (0.01, 0.02, 9.0, 7, 6, 5, 4, 3, 2, 1)))
    found = decode(JOINT_STATES, sent, contract, NOW)
    np.testing.assert_allclose(found.value, (1, 2, 3, 4, 5, 6, 7, 0.03))


def test_a_missing_joint_is_named_with_those_that_came(contract: RobotContract) -> None:
    sent = SimpleNamespace(name=["elbow"], position=[0.0])
    with pytest.raises(DemonstrationError, match=r"panda_joint1.*elbow"):
        decode(JOINT_STATES, sent, contract, NOW)


def test_a_number_that_is_not_finite_is_refused(contract: RobotContract) -> None:
    cdr = encode_sample(VELOCITY_COMMAND, Sample(NOW, np.full(6, np.nan)), contract)
    with pytest.raises(DemonstrationError, match="finite"):
        decode(VELOCITY_COMMAND, parse("geometry_msgs/msg/TwistStamped", cdr), contract, NOW)


def test_a_stamp_of_zero_gives_way_to_the_time_of_reception(contract: RobotContract) -> None:
    cdr = encode_sample(VELOCITY_COMMAND, Sample(0, np.zeros(6)), contract)
    assert decode(VELOCITY_COMMAND, parse("geometry_msgs/msg/TwistStamped", cdr), contract, NOW).stamp == NOW
    assert stamp("geometry_msgs/msg/TwistStamped", cdr, NOW) == NOW


def test_a_message_without_header_has_the_time_of_reception(contract: RobotContract) -> None:
    cdr = encode_sample("gripper_command", Sample(1, 0.5), contract)
    assert stamp("std_msgs/msg/Float32", cdr, NOW) == NOW


def test_a_topic_that_the_contract_lacks_is_refused_with_those_it_has(contract: RobotContract) -> None:
    with pytest.raises(DemonstrationError, match=r"no stream 'tcp_twist'.*tcp_pose"):
        decode("tcp_twist", SimpleNamespace(), contract, NOW)


def test_bytes_that_are_no_message_are_refused() -> None:
    with pytest.raises(DemonstrationError, match="no message of type"):
        parse("sensor_msgs/msg/Image", b"\0\1\0\0abc")


def test_ros_itself_reads_and_writes_the_same_bytes(
    said_at: Callable[[int], list[tuple[str, Sample]]], contract: RobotContract
) -> None:
    serialization = pytest.importorskip("rclpy.serialization")
    for topic, sample in said_at(2):
        package, _, name = contract.stream(topic).type.split("/")
        kind = getattr(pytest.importorskip(f"{package}.msg"), name)
        cdr = encode_sample(topic, sample, contract)
        native = serialization.deserialize_message(cdr, kind)
        ours = decode(topic, parse(contract.stream(topic).type, cdr), contract, sample.stamp)
        theirs = decode(topic, native, contract, sample.stamp)
        assert_array_equal(theirs.value, ours.value)
        assert theirs.stamp == ours.stamp
        back = parse(contract.stream(topic).type, serialization.serialize_message(native))
        assert_array_equal(decode(topic, back, contract, sample.stamp).value, ours.value)


def test_a_camera_that_speaks_bgr_is_written_so() -> None:
    contract = RobotContract(cameras=(Camera("static_camera", 1, 1, "bgr8"),))
    sent = parse("sensor_msgs/msg/Image", encode_sample(TOPIC, Sample(1, np.array([[[1, 2, 3]]], np.uint8)), contract))
    assert (sent.encoding, sent.data.tolist()) == ("bgr8", [3, 2, 1])


def test_an_unknown_message_type_is_refused() -> None:
    with pytest.raises(DemonstrationError, match="msgs/msg/Nothing"):
        encode("my_msgs/msg/Nothing", message("std_msgs/msg/Bool", data=True))

"""A bag is rosbag2's format to the letter: readers that are not ours read it, and a killed writer loses little."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from mcap.exceptions import McapError
from mcap.reader import make_reader
from mcap.records import Message
from mcap.stream_reader import StreamReader
from mcap_ros2.decoder import DecoderFactory
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from balanced_bc.demonstrations.bag import BagWriter, read_bag
from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.decoding import Sample
from balanced_bc.demonstrations.encoding import encode_sample
from balanced_bc.demonstrations.errors import DemonstrationError
from balanced_bc.demonstrations.rosbag2 import LATCHED, Offer

Said = list[tuple[str, Sample]]
DELAY = 1_000_000
"""Between stamp and log time, [ns]."""


@pytest.fixture
def said(said_at: Callable[[int], Said]) -> Said:
    return [item for tick in range(5) for item in said_at(tick)]


@pytest.fixture
def bag(tmp_path: Path, said: Said, contract: RobotContract) -> Path:
    """A closed bag of five ticks."""
    folder = tmp_path / "000007"
    folder.mkdir()
    with BagWriter(folder) as writer:
        for topic, sample in said:
            stream = contract.stream(topic)
            offer = LATCHED if topic == "scene/lightbulb" else Offer("best_effort")
            writer.write(topic, stream.type, sample.stamp + DELAY, encode_sample(topic, sample, contract), offer)
    return folder


def test_every_message_comes_back_byte_for_byte(bag: Path, said: Said, contract: RobotContract) -> None:
    found = [(m.topic, m.type, m.received, m.cdr) for m in read_bag(bag)]
    assert found == [
        (topic, contract.stream(topic).type, sample.stamp + DELAY, encode_sample(topic, sample, contract))
        for topic, sample in said
    ]


def test_only_the_wanted_topics_are_read(bag: Path) -> None:
    assert {m.topic for m in read_bag(bag, ["tcp_pose", "joint_states"])} == {"tcp_pose", "joint_states"}


def test_an_independent_mcap_reader_decodes_every_message_from_the_embedded_definitions(
    bag: Path, said: Said, contract: RobotContract
) -> None:
    with (bag / "000007.mcap").open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True, decoder_factories=[DecoderFactory()])
        assert reader.get_header().profile == "ros2"
        found = [(c.topic, m.log_time, decoded) for _, c, m, decoded in reader.iter_decoded_messages()]
    assert [(topic, time) for topic, time, _ in found] == [(topic, sample.stamp + DELAY) for topic, sample in said]
    for (topic, _, decoded), (_, sample) in zip(found, said):
        if topic == "static_camera/image_raw":
            assert bytes(decoded.data) == sample.value.tobytes()
            assert decoded.header.stamp.sec * 10**9 + decoded.header.stamp.nanosec == sample.stamp
        if topic == "joint_states":
            assert list(decoded.name)[:7] == list(contract.joint_names)


def test_rosbags_reads_the_folder_as_a_rosbag2(bag: Path, said: Said) -> None:
    with Reader(bag) as reader:
        assert reader.message_count == len(said)
        assert reader.start_time == said[0][1].stamp + DELAY
        assert reader.end_time == said[-1][1].stamp + DELAY + 1
        offers = {c.topic: c.ext.offered_qos_profiles[0] for c in reader.connections}  # type: ignore[union-attr]
        decoded = [get_typestore(Stores.ROS2_KILTED).deserialize_cdr(r, c.msgtype) for c, _, r in reader.messages()]
    assert offers["scene/lightbulb"].durability.name == "TRANSIENT_LOCAL"
    assert offers["tcp_pose"].reliability.name == "BEST_EFFORT"
    assert len(decoded) == len(said)


def shape_of(content: Any) -> Any:
    """Names and types of a YAML document, without its values."""
    if isinstance(content, dict):
        return {key: shape_of(value) for key, value in sorted(content.items())}
    if isinstance(content, list):
        return [shape_of(content[0])]
    return type(content)


def test_metadata_has_the_fields_of_rosbag2_version_9(bag: Path, tmp_path: Path) -> None:
    store = get_typestore(Stores.ROS2_KILTED)
    with Reader(bag) as reader, Writer(tmp_path / "theirs", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        for theirs in reader.connections:
            offers = theirs.ext.offered_qos_profiles  # type: ignore[union-attr]
            again = writer.add_connection(theirs.topic, theirs.msgtype, typestore=store, offered_qos_profiles=offers)
            for _, received, cdr in reader.messages([theirs]):
                writer.write(again, received, cdr)
    ours = yaml.safe_load((bag / "metadata.yaml").read_text())
    theirs = yaml.safe_load((tmp_path / "theirs" / "metadata.yaml").read_text())
    assert shape_of(ours) == shape_of(theirs)
    by_name = [
        {t["topic_metadata"]["name"]: t for t in m["rosbag2_bagfile_information"]["topics_with_message_count"]}
        for m in (ours, theirs)
    ]
    assert by_name[0] == by_name[1]


def test_the_file_alone_holds_the_metadata_too(bag: Path) -> None:
    with (bag / "000007.mcap").open("rb") as stream:
        (record,) = make_reader(stream).iter_metadata()
    inside = yaml.safe_load(record.metadata["serialized_metadata"])
    assert inside == yaml.safe_load((bag / "metadata.yaml").read_text())["rosbag2_bagfile_information"]


def test_a_bag_is_never_overwritten(bag: Path) -> None:
    with pytest.raises(DemonstrationError, match="exists already"):
        BagWriter(bag)


def test_a_bag_without_messages_is_a_valid_bag(tmp_path: Path) -> None:
    BagWriter(tmp_path).close()
    assert list(read_bag(tmp_path)) == []


def test_a_folder_without_a_bag_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DemonstrationError, match=r"one \.mcap file.*notes\.txt"):
        list(read_bag(tmp_path))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_bag_is_refused(bag: Path, share: float) -> None:
    file = bag / "000007.mcap"
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DemonstrationError, match="unfinished or damaged"):
        list(read_bag(bag))


def test_damaged_bytes_are_noticed(bag: Path) -> None:
    file, rng = bag / "000007.mcap", np.random.default_rng(0)
    content = bytearray(file.read_bytes())
    for at in rng.integers(200, len(content) // 2, 20):
        content[at] ^= 0x5A
    file.write_bytes(content)
    with pytest.raises(DemonstrationError, match="damaged"):
        list(read_bag(bag))


def test_a_bag_that_ros_recorded_with_absolute_names_is_read_with_relative_ones(tmp_path: Path) -> None:
    with BagWriter(tmp_path) as writer:
        writer.write("/task/success", "std_msgs/msg/Bool", 5, b"\0\1\0\0\1")
    assert [m.topic for m in read_bag(tmp_path, ["task/success"])] == ["task/success"]


WRITE_FOREVER = """
import sys, time
from pathlib import Path
from balanced_bc.demonstrations.bag import BagWriter
writer = BagWriter(Path(sys.argv[1]))
while True:
    writer.write("task/success", "std_msgs/msg/Bool", time.time_ns(), bytes((0, 1, 0, 0, 1)))
    print(flush=True)
    time.sleep(0.02)
"""


def readable(file: Path) -> list[Message]:
    """Messages that a reader gets out of a file that was never finished."""
    found: list[Message] = []
    try:
        with file.open("rb") as stream:
            found.extend(r for r in StreamReader(stream).records if isinstance(r, Message))
    except McapError:
        pass
    return found


def test_a_killed_process_loses_at_most_a_second(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE_FOREVER, str(tmp_path)], stdout=subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(1.5)
    killed = time.time_ns()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    found = readable(tmp_path / f"{tmp_path.name}.mcap")
    assert found
    assert killed - found[-1].log_time < 10**9

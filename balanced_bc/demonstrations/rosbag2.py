"""The vocabulary of rosbag2's metadata.yaml, version 9, as `ros2 bag info` reads it. No input or output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

VERSION = 9
"""Version of the metadata; 9 is that of ROS 2 Jazzy and later, which write QoS as words."""
STORAGE = "mcap"
DISTRIBUTION = "kilted"

_INFINITE = {"sec": 9223372036, "nsec": 854775807}


class Offer(NamedTuple):
    """Quality of service that a publisher offers; `ros2 bag play` offers it again.

    Attributes:
        reliability: `reliable` or `best_effort`.
        durability: `volatile`, or `transient_local` for latched topics.
        depth: Messages kept.
    """

    reliability: str = "reliable"
    durability: str = "volatile"
    depth: int = 10


LATCHED = Offer(durability="transient_local", depth=1)


class Topic(NamedTuple):
    """One topic of a bag.

    Attributes:
        name: Topic name.
        type: Message type, `package/msg/Name`.
        digest: ROS's hash of the type.
        offer: Quality of service.
        messages: Messages in the bag.
    """

    name: str
    type: str
    digest: str
    offer: Offer
    messages: int


def qos_of(offer: Offer) -> list[dict[str, Any]]:
    """Quality of service as rosbag2 writes it: one entry for each publisher."""
    return [
        {
            "history": "keep_last",
            "depth": offer.depth,
            "reliability": offer.reliability,
            "durability": offer.durability,
            "deadline": dict(_INFINITE),
            "lifespan": dict(_INFINITE),
            "liveliness": "automatic",
            "liveliness_lease_duration": dict(_INFINITE),
            "avoid_ros_namespace_conventions": False,
        }
    ]


def metadata(file_name: str, topics: Sequence[Topic], start: int, end: int) -> dict[str, Any]:
    """Content of metadata.yaml below its only key, `rosbag2_bagfile_information`.

    Args:
        file_name: The bag's only file, relative to metadata.yaml.
        topics: Topics with their counts.
        start: Time of the first message, [ns]; 0 in a bag without messages.
        end: Time of the last message, [ns].
    """
    count = sum(topic.messages for topic in topics)
    return {
        "version": VERSION,
        "storage_identifier": STORAGE,
        **_span(start, end),
        "message_count": count,
        "topics_with_message_count": [_topic_entry(topic) for topic in topics],
        "compression_format": "",
        "compression_mode": "",
        "relative_file_paths": [file_name],
        "files": [{"path": file_name, **_span(start, end), "message_count": count}],
        "custom_data": None,
        "ros_distro": DISTRIBUTION,
    }


def _span(start: int, end: int) -> dict[str, Any]:
    return {"starting_time": {"nanoseconds_since_epoch": start}, "duration": {"nanoseconds": end - start}}


def _topic_entry(topic: Topic) -> dict[str, Any]:
    about = {
        "name": topic.name,
        "type": topic.type,
        "serialization_format": "cdr",
        "offered_qos_profiles": qos_of(topic.offer),
        "type_description_hash": topic.digest,
    }
    return {"topic_metadata": about, "message_count": topic.messages}

"""Whether the streams of a contract exist in the live graph, with the right types."""

from __future__ import annotations

from collections.abc import Iterable

from rclpy.node import Node

from balanced_bc.demonstrations.contract import Stream


def differences(node: Node, streams: Iterable[Stream]) -> tuple[str, ...]:
    """What the graph lacks, or has differently, one sentence each; empty when all is there.

    Args:
        node: Resolves names: namespaces and remappings count.
        streams: What is wanted.
    """
    return tuple(problem for stream in streams if (problem := _difference(node, stream)))


def topics(node: Node) -> tuple[str, ...]:
    """Names of all topics that somebody publishes, but for those of every node."""
    names = (name for name, _ in node.get_topic_names_and_types())
    quiet = ("/rosout", "/parameter_events")
    return tuple(sorted(name for name in names if name not in quiet and node.count_publishers(name)))


def _difference(node: Node, stream: Stream) -> str:
    speakers = node.get_publishers_info_by_topic(stream.topic)
    name = node.resolve_topic_name(stream.topic)
    if not speakers:
        return f"nobody publishes {name} ({stream.type})"
    kinds = sorted({speaker.topic_type for speaker in speakers})
    if kinds != [stream.type]:
        return f"{name} is {', '.join(kinds)}; wanted is {stream.type}"
    return ""

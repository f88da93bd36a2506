"""CDR, the bytes of a ROS 2 message, without ROS: between bytes and message objects."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Any, NamedTuple

from rosbags.serde import SerdeError
from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from balanced_bc.demonstrations.errors import DemonstrationError
from balanced_bc.demonstrations.stamps import NANOSECONDS

_STAMP = {True: struct.Struct("<iI"), False: struct.Struct(">iI")}
_ENCAPSULATION = 4
"""Bytes before a message; the second one's lowest bit says little-endian."""


class Definition(NamedTuple):
    """What a reader needs to understand a message type without having it.

    Attributes:
        text: The type's .msg text and those of the types it contains.
        digest: ROS's hash of the type, `RIHS01_...`.
    """

    text: str
    digest: str


@lru_cache(maxsize=1)
def typestore() -> Typestore:
    """Message types of ROS 2 Kilted; its standard messages are those of every release since Foxy."""
    return get_typestore(Stores.ROS2_KILTED)


@lru_cache(maxsize=64)
def definition(type_name: str) -> Definition:
    """Definition of a message type.

    Raises:
        DemonstrationError: The type is unknown.
    """
    known(type_name)
    return Definition(typestore().generate_msgdef(type_name, ros_version=2)[0], typestore().hash_rihs01(type_name))


def known(type_name: str) -> str:
    """Return the name of a message type that is known, or refuse it."""
    if type_name not in typestore().fielddefs:
        raise DemonstrationError(
            f"message type {type_name!r} is unknown; one is written package/msg/Name and comes with ROS"
        )
    return type_name


def message(type_name: str, **fields: Any) -> Any:
    """Make a message object of a type from its fields."""
    return typestore().types[known(type_name)](**fields)


def encode(type_name: str, content: Any) -> bytes:
    """Write a message object of `message` as CDR."""
    return bytes(typestore().serialize_cdr(content, known(type_name)))


def parse(type_name: str, cdr: bytes) -> Any:
    """Read CDR into a message object; arrays are views of the bytes.

    Bytes behind the message are ignored: rclpy's `serialize_message` leaves some behind an empty sequence.

    Raises:
        DemonstrationError: The bytes are not a message of this type.
    """
    layout = typestore().get_msgdef(known(type_name))
    try:
        read = layout.deserialize_cdr_le if cdr[1] & 1 else layout.deserialize_cdr_be
        content, end = read(memoryview(cdr)[_ENCAPSULATION:], 0, layout.cls, typestore())
    except (struct.error, SerdeError, IndexError, UnicodeDecodeError, ValueError) as error:
        raise DemonstrationError(f"{len(cdr)} bytes are no message of type {type_name}: {error!r}") from error
    if end + _ENCAPSULATION > len(cdr):
        raise DemonstrationError(f"{len(cdr)} bytes are no message of type {type_name}: they end too early")
    return content


@lru_cache(maxsize=64)
def has_header(type_name: str) -> bool:
    """Whether messages of a type begin with a std_msgs/Header."""
    fields = typestore().fielddefs[known(type_name)][1]
    return bool(fields) and fields[0][0] == "header"


def stamp(type_name: str, cdr: bytes, received: int) -> int:
    """When a message was made: its header's stamp where it has one that is not zero, else when it was received, [ns].

    Args:
        type_name: Message type.
        cdr: The message.
        received: Time of reception, [ns].
    """
    if not has_header(type_name) or len(cdr) < _ENCAPSULATION + 8:
        return received
    seconds, nanoseconds = _STAMP[bool(cdr[1] & 1)].unpack_from(cdr, _ENCAPSULATION)
    return int(seconds * NANOSECONDS + nanoseconds) or received

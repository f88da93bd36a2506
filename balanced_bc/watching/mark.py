"""A mark in the films and pictures that this package makes, so that it never replaces somebody else's."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

from balanced_bc.demonstrations.durable import require_writable
from balanced_bc.watching.errors import WatchingError

MARK = "made by balanced_bc"
"""A comment of a GIF or PNG, and an unused box of an MP4."""
BEGINNINGS: Mapping[str, tuple[int, bytes]] = {
    ".gif": (0, b"GIF8"),
    ".png": (0, b"\x89PNG"),
    ".mp4": (4, b"ftyp"),
}
"""What files of a kind have at some byte."""


def mark_mp4(path: Path) -> None:
    """Append the mark, in a box that players skip: its size, `free`, the mark."""
    with path.open("ab") as film:
        film.write(struct.pack(">I4s", 8 + len(MARK), b"free") + MARK.encode())


def is_ours(path: Path) -> bool:
    """Whether a file is a film or a picture that this package made."""
    at, beginning = BEGINNINGS[path.suffix.lower()]
    content = path.read_bytes()
    return content[at:].startswith(beginning) and MARK.encode() in content


def require_ours(path: Path) -> None:
    """Refuse a film or a picture that cannot be written, or that would replace what is none of ours.

    Raises:
        WatchingError: There is something else.
        DemonstrationError: It cannot be written.
    """
    require_writable(path)
    if path.exists() and not is_ours(path):
        raise WatchingError(f"{path} exists and was not made by balanced-bc; name another file, or remove it")

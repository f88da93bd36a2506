"""Files that are either there and whole, or not there at all."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from balanced_bc.demonstrations.durable import write_bytes


def test_a_file_that_has_no_room_is_named_and_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "found.yaml"
    write_bytes(path, b"before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match=rf"File too large: '{path}'"):
            write_bytes(path, bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("found.yaml", b"before")]

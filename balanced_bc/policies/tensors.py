"""Tensors on disk, or as bytes: safetensors that say whether they are whole."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load, save
from torch import Tensor

from balanced_bc.demonstrations.durable import write_bytes

BESIDE = "beside"
"""Name of the one entry that holds what is said beside the tensors, as JSON: safetensors writes several in any order,
and equal policies would be different files. Files of older versions have an entry for each name."""
CHECKSUM = "checksum"
"""Name of the checksum among what is said beside the tensors."""
HEADER = 8
"""Bytes at the beginning of a safetensors file that say how long its header is."""


def write(
    path: Path,
    tensors: Mapping[str, Tensor],
    beside: Mapping[str, str] | None = None,
    unfinished: Path | None = None,
) -> None:
    """Write tensors of any device and what is said beside them, with a checksum; whoever may read the folder may read.

    Args:
        path: File to write.
        tensors: By name.
        beside: Text by name.
        unfinished: See `write_bytes`.

    Raises:
        OSError: It cannot be written; the error names it.
    """
    write_bytes(path, pack(tensors, beside), unfinished)


def pack(tensors: Mapping[str, Tensor], beside: Mapping[str, str] | None = None) -> bytes:
    """The content of the file that `write` writes."""
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    said = {**(beside or {}), CHECKSUM: _checksum(plain)}
    return save(plain, {BESIDE: json.dumps(said, sort_keys=True)})


def unpack(content: bytes) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors, and what is said beside them, from what `pack` made.

    Raises:
        ValueError: It is damaged.
    """
    try:
        tensors = load(content)
        length = int.from_bytes(content[:HEADER], "little")
        beside = _said(json.loads(content[HEADER : HEADER + length]).get("__metadata__"))
    except Exception as error:
        raise ValueError(str(error)) from error
    return _whole(tensors, beside)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors on the CPU, and what is said beside them.

    Raises:
        OSError: The file cannot be opened.
        ValueError: It is damaged.
    """
    with path.open("rb"):
        pass  # safetensors says of a file that may not be read that it does not exist
    try:
        with safe_open(path, framework="pt") as file:
            beside = _said(file.metadata())
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except Exception as error:
        raise ValueError(str(error)) from error
    return _whole(tensors, beside)


def _said(metadata: Mapping[str, str] | None) -> dict[str, str]:
    """What is said beside the tensors."""
    entries = dict(metadata or {})
    said: dict[str, str] = json.loads(entries[BESIDE]) if BESIDE in entries else entries
    return said


def _whole(tensors: dict[str, Tensor], beside: dict[str, str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Refuse tensors that are not those that were written."""
    wanted, found = beside.pop(CHECKSUM, None), _checksum(tensors)
    if wanted not in (None, found):
        raise ValueError(f"its checksum is {found}, not {wanted}")
    return tensors, beside


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    """CRC-32 of all tensors, by name."""
    total = 0
    for name in sorted(tensors):
        flat: Any = tensors[name].contiguous().flatten().view(torch.uint8).numpy()
        total = zlib.crc32(flat, total)
    return str(total)

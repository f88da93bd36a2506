"""Tensors on disk: a safetensors file that says whether it is whole."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from balanced_bc.demonstrations.durable import sync

CHECKSUM = "checksum"
"""Name of the checksum among what is said beside the tensors."""


def write(path: Path, tensors: Mapping[str, Tensor], beside: Mapping[str, str] | None = None) -> None:
    """Write tensors of any device and what is said beside them, with a checksum; whoever may read the folder may read.

    Args:
        path: File to write.
        tensors: By name.
        beside: Text by name.
    """
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    path.write_bytes(save(plain, {**(beside or {}), CHECKSUM: _checksum(plain)}))
    sync(path)


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
            beside: dict[str, str] = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except Exception as error:
        raise ValueError(str(error)) from error
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

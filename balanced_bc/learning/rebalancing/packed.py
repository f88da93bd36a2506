"""What a piece of balancing found as bytes: safetensors, with the rest as JSON. Nothing in it is code."""

from __future__ import annotations

import json
import sys
from typing import Any

from torch import Tensor

from balanced_bc.balancing.work import Kept
from balanced_bc.learning.errors import LearningError
from balanced_bc.policies import tensors as files

ROOM = "balanced_bc.balancing."
"""Where the named tuples that are packed come from."""
TREE = "tree"


def pack(piece: Kept) -> bytes:
    """Write a piece: tensors, named tuples of the balancing room, plain types, and tuples, lists and dicts of these."""
    tensors: dict[str, Tensor] = {}
    tree = json.dumps(_plain(piece, tensors))
    return files.pack(tensors, {TREE: tree})


def unpack(content: bytes) -> Kept:
    """Read a piece.

    Raises:
        ValueError: It is damaged.
    """
    tensors, beside = files.unpack(content)
    piece = _value(json.loads(beside[TREE]), tensors)
    if not isinstance(piece, Kept):
        raise ValueError(f"it holds a {type(piece).__name__}")
    return piece


def _plain(value: Any, tensors: dict[str, Tensor]) -> Any:
    """A value as JSON; its tensors go beside, by number."""
    if isinstance(value, Tensor):
        tensors[name := str(len(tensors))] = value.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(value, dict):
        return {"dict": [[_plain(key, tensors), _plain(item, tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        items = [_plain(item, tensors) for item in value]
        if hasattr(value, "_fields"):
            return {"named": [type(value).__module__, type(value).__qualname__], "items": items}
        return {type(value).__name__: items}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise LearningError(f"a piece of balancing holds a {type(value).__name__}, which cannot be kept")


def _value(plain: Any, tensors: dict[str, Tensor]) -> Any:
    """What `_plain` was given."""
    if not isinstance(plain, dict):
        return plain
    if "tensor" in plain:
        return tensors[plain["tensor"]]
    if "dict" in plain:
        return {_value(key, tensors): _value(item, tensors) for key, item in plain["dict"]}
    if "named" in plain:
        return _kind(*plain["named"])(*(_value(item, tensors) for item in plain["items"]))
    ((kind, items),) = plain.items()
    found = [_value(item, tensors) for item in items]
    return found if kind == "list" else tuple(found)


def _kind(module: str, name: str) -> Any:
    """A named tuple of the balancing room."""
    kind = getattr(sys.modules.get(module), name, None) if module.startswith(ROOM) else None
    if not (isinstance(kind, type) and issubclass(kind, tuple)):
        raise ValueError(f"there is no {name} in {module}")
    return kind

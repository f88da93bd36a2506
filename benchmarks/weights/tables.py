"""From measurements to the tables of docs/weights.md."""
from __future__ import annotations
from pathlib import Path
from typing import Any


def write(found: dict[str, dict[str, Any]], document: Path) -> None:
    raise NotImplementedError

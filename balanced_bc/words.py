"""Lists in sentences."""

from __future__ import annotations

from collections.abc import Sequence


def listed(parts: Sequence[str], most: int | None = None) -> str:
    """One thing, two or more: `a`, `a and b`, `a, b and c`; of more than `most`, how many more there are."""
    more = 0 if most is None else len(parts) - most
    shown = [*parts[:most], f"{more} more"] if more > 0 else parts
    return " and ".join(part for part in (", ".join(shown[:-1]), *shown[-1:]) if part)

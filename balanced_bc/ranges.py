"""Ranges of configuration fields: stated once, beside the default; checked here, and told to ROS by the nodes."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

RANGE = "range"
"""Key in a field's metadata: lowest and highest value, both allowed."""


def out_of_range(config: Any) -> str:
    """What is wrong with the first number that is outside its range; empty if nothing is.

    Args:
        config: A dataclass whose fields may have `metadata={"range": (low, high)}`.
    """
    for field in fields(config):
        value, bounds = getattr(config, field.name), field.metadata.get(RANGE)
        if bounds is None:
            continue
        low, high = bounds
        if not all(low <= number <= high for number in (value if isinstance(value, tuple) else (value,))):
            return f"{field.name} is {value}; it must be from {low} to {high}"
    return ""

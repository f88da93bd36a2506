"""What configuration fields may hold: types and ranges, stated once, beside the default.

Checked here; told to ROS by the nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

RANGE = "range"
"""Key in a field's metadata: lowest and highest value, both allowed."""
NAMES: Mapping[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
    NoneType: "nothing",
}
"""What a value of a type is called."""


def out_of_range(config: Any) -> str:
    """What is wrong with the first field that has another type than its hint, or a number outside its range.

    Args:
        config: A dataclass whose fields may have `metadata={"range": (low, high)}`.

    Returns:
        A sentence; empty if nothing is wrong.
    """
    return _of_another_type(config) or _outside(config)


def _of_another_type(config: Any) -> str:
    for name, hint in _hints(type(config)).items():
        if not _fits(value := getattr(config, name), hint):
            return f"{name} is {value!r:.200}; it must be {_wanted(hint)}"
    return ""


def _outside(config: Any) -> str:
    for field in fields(config):
        value, bounds = getattr(config, field.name), field.metadata.get(RANGE)
        if bounds is None:
            continue
        low, high = bounds
        if not all(low <= number <= high for number in (value if isinstance(value, tuple) else (value,))):
            return f"{field.name} is {value}; it must be from {low} to {high}"
    return ""


def _hints(kind: type) -> dict[str, Any]:
    """Type hints of a dataclass's fields."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is what a type hint says; a whole number is a number, and true is none."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin is Literal:
        return any(isinstance(value, type(choice)) and value == choice for choice in arguments)
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in arguments)
    if origin is tuple:
        return isinstance(value, tuple) and _fit(value, arguments)
    if origin is not None and issubclass(origin, Mapping):
        of_key, of_value = arguments
        return isinstance(value, Mapping) and all(_fits(k, of_key) and _fits(v, of_value) for k, v in value.items())
    if hint in (int, float):
        return isinstance(value, int if hint is int else (int, float)) and not isinstance(value, bool)
    return isinstance(value, origin or hint)


def _fit(values: tuple[Any, ...], hints: tuple[Any, ...]) -> bool:
    """Whether the entries of a tuple are what its hint says; `...` stands for any number of the one before."""
    wanted = hints[:1] * len(values) if hints[1:] == (...,) else hints
    return len(values) == len(wanted) and all(map(_fits, values, wanted))


def _wanted(hint: Any) -> str:
    """A type hint in words."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return f"one of {list(arguments)}"
    if origin in (Union, UnionType):
        return " or ".join(map(_wanted, arguments))
    if origin is tuple:
        return f"a tuple, each entry {_wanted(arguments[0])}"
    if origin is not None and issubclass(origin, Mapping):
        return "names and values"
    return NAMES.get(hint, getattr(hint, "__name__", str(hint)))

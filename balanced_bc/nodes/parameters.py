"""ROS parameters from configuration dataclasses: one parameter a field, with type, description and range."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import MISSING
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from balanced_bc.errors import BalancedBCError
from balanced_bc.nodes.described import Described, described
from balanced_bc.nodes.errors import NodeError

Configuration = TypeVar("Configuration")
Type = Parameter.Type
SCALARS: Mapping[type, Type] = {
    bool: Type.BOOL,
    int: Type.INTEGER,
    float: Type.DOUBLE,
    str: Type.STRING,
    Path: Type.STRING,
}
ARRAYS: Mapping[type, Type] = {int: Type.INTEGER_ARRAY, float: Type.DOUBLE_ARRAY, str: Type.STRING_ARRAY}
BUILT_IN = ("use_sim_time", "start_type_description_service", "qos_overrides.")
"""Parameters that rclpy knows by itself, and that may come before it declares them."""


def declared(
    node: Node, configuration: type[Configuration], *, changeable: Collection[str] = (), group: str = ""
) -> Configuration:
    """Declare one parameter per field and build the configuration from what the user gave.

    Args:
        node: Node that gets the parameters.
        configuration: A frozen dataclass; a field that is one itself becomes parameters `field.name`.
        changeable: Fields that may be set while the node runs; the others are read-only.
        group: Put before every name, with a dot.

    Raises:
        NodeError: A value has a wrong type, is out of range, or is missing.
    """
    prefix = f"{group}." if group else ""
    values: dict[str, Any] = {}
    for field in described(configuration):
        if field.is_group:
            values[field.name] = declared(node, field.kind, changeable=changeable, group=prefix + field.name)
        else:
            values[field.name] = _declare(node, prefix + field.name, field, field.name not in changeable)
    return configuration(**values)


def followed(
    node: Node,
    current: Configuration,
    apply: Callable[[Configuration, Collection[str]], None],
    *,
    changeable: Collection[str],
) -> None:
    """Call `apply` with a new configuration whenever changeable parameters are set.

    What the configuration or `apply` refuses with a `BalancedBCError` is refused with that sentence as the reason.

    Args:
        node: Node whose parameters were declared from `type(current)`.
        current: The configuration as it is now.
        apply: Takes the new configuration and the names that were set; called before the parameters change.
        changeable: The fields that may be set.
    """
    fields = {field.name: field for field in described(type(current))}
    state = {"current": current}

    def on_set(parameters: Sequence[Parameter[Any]]) -> SetParametersResult:
        ours = {p.name: _value(fields[p.name], p.value) for p in parameters if p.name in changeable}
        if not ours:
            return SetParametersResult(successful=True)
        try:
            proposed = dataclasses.replace(state["current"], **ours)  # type: ignore[type-var]
            apply(proposed, tuple(ours))
        except BalancedBCError as error:
            return SetParametersResult(successful=False, reason=str(error))
        state["current"] = proposed
        return SetParametersResult(successful=True)

    node.add_on_set_parameters_callback(on_set)


def refuse_unknown(node: Node) -> None:
    """Refuse parameters that were given and that the node does not have.

    Raises:
        NodeError: A name is unknown; the nearest and all known ones are listed.
    """
    for name in node._parameter_overrides:  # rclpy has no public access to what was given
        if not node.has_parameter(name) and not name.startswith(BUILT_IN):
            known = sorted(node.list_parameters([], 0).names)
            near = "".join(f" (did you mean {match}?)" for match in difflib.get_close_matches(name, known, 1))
            raise NodeError(f"{node.get_name()} has no parameter {name!r}{near}; it has {', '.join(known)}")


def _declare(node: Node, name: str, field: Described, read_only: bool) -> Any:
    """Declare one parameter and return its value as the field wants it."""
    kind = _parameter_type(field.kind, name)
    given = node._parameter_overrides.get(name)
    if given is None and field.default is MISSING:
        raise NodeError(f"{node.get_name()} needs the parameter {name}: {field.text} Give it with -p {name}:=VALUE")
    plain = _plain(field.default, kind) if given is None else _widened(given, kind)
    found = kind if plain == [] else Type.from_parameter_value(plain)
    if given is not None and found != kind:
        raise NodeError(f"parameter {name} is {plain!r} ({_words(found)}); it must be {_words(kind)}. {field.text}")
    try:
        _declare_value(node, name, plain, kind, _descriptor(field, kind, read_only))
    except (InvalidParameterTypeException, InvalidParameterValueException) as error:
        low, high = field.range or (None, None)
        wanted = "" if field.range is None else f"; it must be from {low} to {high}"
        raise NodeError(f"parameter {name} is {plain!r}{wanted}. {field.text}") from error
    return _value(field, plain)


def _declare_value(node: Node, name: str, plain: Any, kind: Type, descriptor: ParameterDescriptor) -> None:
    """Declare; rclpy takes an empty list for bytes, and believes another type only of a parameter that exists."""
    if plain != []:
        node.declare_parameter(name, plain, descriptor, ignore_override=True)
        return
    node.declare_parameter(name, kind, ignore_override=True)
    node.set_parameters([Parameter(name, kind, [])])
    node.set_descriptor(name, descriptor)


def _descriptor(field: Described, kind: Type, read_only: bool) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(description=field.text, read_only=read_only, type=kind.value)
    if get_origin(field.kind) is Literal:
        descriptor.additional_constraints = f"one of {', '.join(map(str, get_args(field.kind)))}"
    if field.range is not None and kind in (Type.INTEGER, Type.INTEGER_ARRAY):
        low, high = map(int, field.range)
        descriptor.integer_range = [IntegerRange(from_value=low, to_value=high, step=0)]
    elif field.range is not None:
        low_float, high_float = map(float, field.range)
        descriptor.floating_point_range = [FloatingPointRange(from_value=low_float, to_value=high_float, step=0.0)]
    return descriptor


def _parameter_type(hint: Any, name: str) -> Type:
    """ROS type for a type hint."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return SCALARS[type(arguments[0])]
    if origin in (Union, UnionType):
        (hint,) = (argument for argument in arguments if argument is not type(None))
    if origin is tuple:
        return ARRAYS[arguments[0]]
    if hint not in SCALARS:
        raise TypeError(f"parameter {name} has type {hint}; understood are {list(SCALARS)} and tuples of them")
    return SCALARS[hint]


def _plain(value: Any, kind: Type) -> Any:
    """A default as ROS stores it; nothing is the empty text, and no texts are one that is empty."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return list(value) or _none(kind)
    return str(value) if isinstance(value, Path) else value


def _widened(given: Parameter[Any], kind: Type) -> Any:
    """A whole number where a fraction may stand is fine: `rate:=30` means 30.0. An empty list comes without a type."""
    if kind is Type.DOUBLE and given.type_ is Type.INTEGER:
        return float(given.value)
    if kind is Type.DOUBLE_ARRAY and given.type_ is Type.INTEGER_ARRAY:
        return [float(number) for number in given.value]
    if kind in ARRAYS.values() and given.type_ is Type.NOT_SET:
        return _none(kind)
    return given.value


def _none(kind: Type) -> list[str]:
    """An empty list as ROS stores it."""
    return [""] if kind is Type.STRING_ARRAY else []


def _value(field: Described, plain: Any) -> Any:
    """What ROS stores as the field wants it."""
    hint, optional = field.kind, False
    if get_origin(hint) in (Union, UnionType):
        optional = True
        (hint,) = (argument for argument in get_args(hint) if argument is not type(None))
    if get_origin(hint) is tuple:
        return tuple(entry for entry in plain if entry != "")
    if optional and plain == "":
        return None
    return Path(plain) if hint is Path else plain


def _words(kind: Type) -> str:
    return kind.name.lower().replace("_", " ")

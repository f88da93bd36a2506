"""Fields of a configuration dataclass with the text and the range that stand beside them."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, NamedTuple, get_type_hints


class Described(NamedTuple):
    """One field of a configuration.

    Attributes:
        name: Field name.
        kind: Its type hint, resolved.
        default: Its default; MISSING where the user must give a value.
        text: The docstring under the field.
        range: Lowest and highest value, both allowed, from the field's metadata; None without bounds.
    """

    name: str
    kind: Any
    default: Any
    text: str
    range: tuple[float, float] | None

    @property
    def is_group(self) -> bool:
        """Whether the field is a configuration itself."""
        return is_dataclass(self.kind)


def described(configuration: type) -> Iterator[Described]:
    """Every field of a configuration class, in order."""
    hints = get_type_hints(configuration)
    texts = _texts(configuration)
    for field in fields(configuration):
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        bounds = field.metadata.get("range")
        yield Described(field.name, hints[field.name], default, texts.get(field.name, ""), bounds)


def _texts(configuration: type) -> Mapping[str, str]:
    """Docstrings under fields, of the class and those it inherits from."""
    found: dict[str, str] = {}
    for owner in reversed(configuration.__mro__):
        if is_dataclass(owner):
            found.update(_texts_of(owner))
    return found


def _texts_of(owner: type) -> Iterator[tuple[str, str]]:
    (body,) = (node for node in ast.parse(textwrap.dedent(inspect.getsource(owner))).body)
    assert isinstance(body, ast.ClassDef)
    for field, text in zip(body.body, body.body[1:]):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str):
            yield field.target.id, inspect.cleandoc(text.value.value)

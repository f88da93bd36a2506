"""Types and ranges of configuration fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import pytest

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.errors import BalancedBCError
from balanced_bc.learning.config import EncodingConfig, EvaluationConfig, FeedbackConfig, TrainingConfig
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.ranges import out_of_range
from balanced_bc.simulation.config import CollectConfig
from balanced_bc.simulation.kinds.noisy import Noisy
from balanced_bc.watching.config import ReplayConfig, WatchConfig


@dataclass(frozen=True)
class Config:
    """A number, several numbers, and one without a range."""

    width: int = field(default=4, metadata={"range": (1, 8)})
    sizes: tuple[int, ...] = field(default=(2, 3), metadata={"range": (2, 3)})
    free: float = -1.0


@dataclass(frozen=True)
class Typed:
    """A field of each type that configurations have."""

    flag: bool = False
    number: int = 1
    fraction: float = 0.5
    text: str = ""
    choice: Literal["a", "b"] = "a"
    several: tuple[int, ...] = ()
    path: Path | None = None
    named: Mapping[str, float] | None = None
    anything: Any = None


def test_both_ends_are_allowed() -> None:
    assert not out_of_range(Config(width=1, free=float("nan")))
    assert not out_of_range(Config(width=8))


def test_the_first_field_outside_is_named_with_its_range() -> None:
    assert out_of_range(Config(width=9)) == "width is 9; it must be from 1 to 8"
    assert out_of_range(Config(sizes=(2, 4))) == "sizes is (2, 4); it must be from 2 to 3"


def test_nan_is_in_no_range() -> None:
    assert out_of_range(Config(width=float("nan")))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [BalancingConfig, EncodingConfig, EvaluationConfig, PolicyConfig, TrainingConfig])
def test_every_number_of_a_configuration_is_held_to_its_range(kind: type) -> None:
    ranged = {each.name: each.metadata["range"] for each in kind.__dataclass_fields__.values() if each.metadata}  # type: ignore[attr-defined]
    assert ranged
    for name, (low, _) in ranged.items():
        wrong = (low - 1,) if isinstance(getattr(kind(), name), tuple) else low - 1
        with pytest.raises(BalancedBCError, match=name):
            kind(**{name: wrong})


@pytest.mark.parametrize(
    "values",
    [
        {"fraction": 2, "choice": "b", "several": (1, 2)},
        {"path": Path("x"), "named": {"left": 1, "right": 0.5}, "anything": object()},
        {"path": None, "named": None, "fraction": float("inf")},
    ],
)
def test_values_of_the_right_type_are_taken_and_a_whole_number_is_a_number(values: dict[str, Any]) -> None:
    assert not out_of_range(Typed(**values))


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("flag", "maybe", "'maybe'; it must be true or false"),
        ("flag", 1, "1; it must be true or false"),
        ("number", "4", "'4'; it must be a whole number"),
        ("number", 8.5, "8.5; it must be a whole number"),
        ("number", True, "True; it must be a whole number"),
        ("fraction", "much", "'much'; it must be a number"),
        ("fraction", True, "True; it must be a number"),
        ("text", 3, "3; it must be text"),
        ("choice", "c", "'c'; it must be one of ['a', 'b']"),
        ("choice", ["a"], "['a']; it must be one of ['a', 'b']"),
        ("several", 3, "3; it must be a tuple, each entry a whole number"),
        ("several", (1, "x"), "(1, 'x'); it must be a tuple, each entry a whole number"),
        ("path", 3, "3; it must be a path or nothing"),
        ("named", 3, "3; it must be names and values or nothing"),
        ("named", {"left": "x"}, "{'left': 'x'}; it must be names and values or nothing"),
    ],
)
def test_a_value_of_another_type_is_named_with_what_is_wanted(name: str, value: Any, wanted: str) -> None:
    assert out_of_range(Typed(**{name: value})) == f"{name} is {wanted}"


def test_a_type_comes_before_a_range() -> None:
    assert out_of_range(Config(width="many")) == "width is 'many'; it must be a whole number"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "kind",
    [
        *(BalancingConfig, EncodingConfig, EvaluationConfig, FeedbackConfig, PolicyConfig, TrainingConfig),
        *(CollectConfig, Noisy, ReplayConfig, WatchConfig),
    ],
)
def test_every_field_of_a_configuration_is_held_to_its_type(kind: type) -> None:
    for each in fields(kind):
        with pytest.raises(BalancedBCError, match=rf"{each.name} (is )?\[0\]|no {each.name} \[0\]"):
            kind(**{each.name: [0]})

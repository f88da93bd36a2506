"""Ranges of configuration fields."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.errors import BalancedBCError
from balanced_bc.learning.config import EncodingConfig, EvaluationConfig, TrainingConfig
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.ranges import out_of_range


@dataclass(frozen=True)
class Config:
    """A number, several numbers, and one without a range."""

    width: int = field(default=4, metadata={"range": (1, 8)})
    sizes: tuple[int, ...] = field(default=(2, 3), metadata={"range": (2, 3)})
    free: float = -1.0


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

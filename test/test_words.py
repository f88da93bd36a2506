"""Lists in sentences."""

from __future__ import annotations

import pytest

from balanced_bc.words import listed


@pytest.mark.parametrize(
    ("parts", "most", "said"),
    [
        ([], None, ""),
        (["a"], None, "a"),
        (["a", "b"], None, "a and b"),
        (["a", "b", "c"], 3, "a, b and c"),
        (["a", "b", "c"], 2, "a, b and 1 more"),
        (["a", "b", "c"], 1, "a and 2 more"),
    ],
)
def test_things_are_listed_and_the_rest_is_counted(parts: list[str], most: int | None, said: str) -> None:
    assert listed(parts, most) == said

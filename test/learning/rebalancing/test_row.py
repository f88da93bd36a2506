"""A group's row of balance.yaml."""

from __future__ import annotations

import pytest

from balanced_bc.learning.rebalancing.row import about

GROUPS = ("optimal", "suboptimal", "left+optimal", "v1", "v1.2", "group 1", "group 1 b", "group 10")


@pytest.mark.parametrize(
    ("warning", "named"),
    [
        ("pairs of suboptimal are repeated", {"suboptimal"}),
        ("record more of left+optimal.", {"left+optimal"}),
        ("optimal: 3; suboptimal (2)", {"optimal", "suboptimal"}),
        ("v1.2 has 2 demonstrations", {"v1.2"}),
        ("record more of v1.", {"v1"}),
        ("group 10 by 0.1, group 1 b by 0.2", {"group 10", "group 1 b"}),
        ("nearly-optimal is no group", set()),
    ],
)
def test_a_warning_is_about_the_groups_whose_whole_names_it_has(warning: str, named: set[str]) -> None:
    assert {name for name, warnings in about(GROUPS, (warning,)).items() if warnings} == named

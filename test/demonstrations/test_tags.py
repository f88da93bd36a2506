"""Tags are axes of text, and groups are products of axes."""

from __future__ import annotations

import pytest

from balanced_bc.demonstrations.errors import DemonstrationError
from balanced_bc.demonstrations.tags import checked, group_of, parse_tags, spelled


def test_tags_are_read_as_they_are_typed() -> None:
    assert parse_tags(("quality=optimal", "operator=Ada L.")) == {"quality": "optimal", "operator": "Ada L."}


@pytest.mark.parametrize("word", ["quality", "=optimal", "Quality=optimal", "quality=", "quality=a+b", "quality=a=b"])
def test_what_is_no_tag_is_refused(word: str) -> None:
    with pytest.raises(DemonstrationError, match=r"tag|axis"):
        parse_tags((word,))


def test_an_axis_that_is_given_twice_is_refused() -> None:
    with pytest.raises(DemonstrationError, match="twice"):
        parse_tags(("quality=optimal", "quality=suboptimal"))


def test_true_and_numbers_from_yaml_become_text() -> None:
    assert checked({"success": True, "operator": 7}) == {"success": "true", "operator": "7"}


def test_a_product_of_axes_is_joined_by_plus() -> None:
    assert group_of({"behavior": "left", "quality": "optimal"}, ("behavior", "quality")) == "left+optimal"


def test_episode_numbers_are_spelled_in_short() -> None:
    assert spelled([3, 4, 5, 6, 7, 12]) == "3-7, 12"

"""Tags are axes of text, and groups are products of axes."""

from __future__ import annotations

import pytest

from balanced_bc.demonstrations.errors import DemonstrationError
from balanced_bc.demonstrations.tags import checked, group_of, grouped, parse_tags, spelled

TAGS = {0: {"behavior": "left", "quality": "optimal"}, 1: {"behavior": "left", "quality": "suboptimal"}}


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
    assert group_of(TAGS[0], ("behavior", "quality")) == "left+optimal"


def test_groups_hold_their_episodes() -> None:
    assert grouped(TAGS, ("behavior",)) == {"left": (0, 1)}
    assert grouped(TAGS, ("behavior", "quality")) == {"left+optimal": (0,), "left+suboptimal": (1,)}


def test_a_missing_axis_names_the_episodes_that_lack_it_and_the_axes_that_exist() -> None:
    with pytest.raises(DemonstrationError, match=r"'operator' in episodes 2-4 \(of 5\).*'behavior', 'operator'"):
        grouped({episode: {"behavior" if episode > 1 else "operator": "a"} for episode in range(5)}, ("operator",))


def test_episode_numbers_are_spelled_in_short() -> None:
    assert spelled([3, 4, 5, 6, 7, 12]) == "3-7, 12"

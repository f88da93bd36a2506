"""Whether a policy was trained on what it is evaluated on."""

from __future__ import annotations

import pytest

from balanced_bc.learning.evaluation.suitability import doubts


def test_a_policy_of_another_task_is_doubted() -> None:
    (doubt,) = doubts({"weights": {"left": 0.5, "right": 0.5}}, ("slider", "drawer"))
    assert "trained on the groups left, right; none of them is named slider or drawer" in doubt


def test_a_behavior_that_was_not_trained_is_doubted() -> None:
    (doubt,) = doubts({"weights": {"left+optimal": 0.5, "right+noisy": 0.5}}, ("left", "middle", "right"))
    assert doubt.endswith("none of them is named middle, which it is evaluated on")


@pytest.mark.parametrize(
    "provenance",
    [
        {},
        {"weights": {}},
        {"weights": {"slider": 0.5, "drawer": 0.5}},
        {"weights": {"drawer+noisy": 1.0, "slider+optimal": 0.0}},
    ],
)
def test_nothing_is_doubted_without_a_reason(provenance: dict[str, dict[str, float]]) -> None:
    assert doubts(provenance, ("slider", "drawer")) == ()

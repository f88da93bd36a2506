"""What the demo says of its own results."""

from __future__ import annotations

from balanced_bc.demo.report import cell, difference, verdict


def test_a_clear_gain_is_called_one() -> None:
    assert "more often" in verdict("slider", [False] * 20, [True] * 20)


def test_a_loss_is_not_hidden() -> None:
    assert "LESS often" in verdict("drawer", [True] * 20, [False] * 20)


def test_a_small_gain_of_few_rollouts_is_no_difference() -> None:
    assert "no difference" in verdict("slider", [True] * 5 + [False] * 5, [True] * 7 + [False] * 3)


def test_the_interval_of_a_difference_is_newcombes() -> None:
    low, high = difference([True] * 48 + [False] * 32, [True] * 56 + [False] * 14)
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)  # Newcombe 1998, Table II, method 10: 56/70 - 48/80


def test_a_cell_says_how_many_rollouts_it_stands_on() -> None:
    assert cell([True] * 3 + [False]) == "3/4 = 0.75 [0.30, 0.95]"

"""Whether one policy is better than another on the same starts."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import comb, factorial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balanced_bc.learning.config import EvaluationConfig
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.evaluation.comparison import Comparison, comparison_table
from balanced_bc.learning.evaluation.evaluation import Evaluation
from balanced_bc.learning.evaluation.paired import Paired, correlation, difference_interval, mcnemar
from balanced_bc.learning.evaluation.rollout import Rollout

counts = st.tuples(*[st.integers(0, 60)] * 4).filter(any).map(lambda cells: Paired(*cells))


def test_the_interval_equals_the_published_one() -> None:
    # Newcombe 1998, Statistics in Medicine 17, 2635-2650, table III, method 10.
    assert difference_interval(Paired(36, 12, 2, 0)) == pytest.approx((0.0569, 0.3404), abs=5e-5)
    assert difference_interval(Paired(36, 14, 0, 0)) == pytest.approx((0.1528, 0.4167), abs=5e-5)


@given(counts)
def test_the_interval_covers_the_difference_and_stays_within_minus_1_and_1(cells: Paired) -> None:
    low, high = difference_interval(cells)
    assert -1 - 1e-12 <= low <= cells.difference + 1e-12
    assert cells.difference - 1e-12 <= high <= 1 + 1e-12


@given(counts)
def test_exchanging_the_policies_turns_everything_round(cells: Paired) -> None:
    turned = Paired(cells.both, cells.second, cells.first, cells.neither)
    low, high = difference_interval(cells)
    assert difference_interval(turned) == pytest.approx((-high, -low))
    assert mcnemar(turned) == mcnemar(cells)
    assert turned.rates == cells.rates[::-1]


@pytest.mark.parametrize("chances", [(0.5, 0.2, 0.1, 0.2), (0.7, 0.1, 0.1, 0.1), (0.25, 0.25, 0.25, 0.25)])
def test_the_interval_covers_the_true_difference_about_as_often_as_it_says(chances: tuple[float, ...]) -> None:
    """Counted over all outcomes of 20 starts."""
    n, true, covered = 20, chances[1] - chances[2], 0.0
    for both, first, second in product(range(n + 1), repeat=3):
        if (neither := n - both - first - second) >= 0:
            cells = Paired(both, first, second, neither)
            low, high = difference_interval(cells)
            covered += chance(cells, chances) * (low <= true <= high)
    assert 0.93 < covered < 0.985


def chance(cells: Paired, chances: tuple[float, ...]) -> float:
    """Multinomial probability."""
    found = float(factorial(cells.starts))
    for number, share in zip(cells, chances):
        found *= share**number / factorial(number)
    return found


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemars_p_adds_up_every_split_that_is_no_likelier(first: int, second: int) -> None:
    n = first + second
    likelihood = [Fraction(comb(n, k), 2**n) for k in range(n + 1)]
    expected = sum(each for each in likelihood if each <= likelihood[first])
    assert mcnemar(Paired(5, first, second, 5)) == pytest.approx(float(expected))


def test_mcnemars_p_is_that_of_a_coin() -> None:
    assert mcnemar(Paired(9, 0, 0, 3)) == 1
    assert mcnemar(Paired(0, 5, 0, 0)) == 2 / 32
    assert mcnemar(Paired(0, 1000, 1000, 0)) == 1


def test_policies_that_succeed_at_the_same_starts_are_correlated() -> None:
    assert correlation(Paired(40, 1, 1, 40)) > 0.8
    assert correlation(Paired(1, 40, 40, 1)) < -0.9
    assert correlation(Paired(50, 0, 0, 0)) == 0


def test_no_start_has_no_interval() -> None:
    with pytest.raises(LearningError, match="at least one start"):
        difference_interval(Paired(0, 0, 0, 0))


def _evaluation(successes: str, name: str = "policy", horizon: int = 120) -> Evaluation:
    """An evaluation in which a rollout succeeded where there is a 1."""
    rollouts = [
        Rollout("slider", seed, each == "1", 40, None if each == "1" else "timeout")
        for seed, each in enumerate(successes)
    ]
    return Evaluation(name, "0" * 16, EvaluationConfig(horizon=horizon), tuple(rollouts))


def test_two_policies_are_compared_start_by_start() -> None:
    comparison = Comparison(_evaluation("11110000"), _evaluation("10001100"))
    assert comparison.behaviors == {"slider": Paired(1, 3, 2, 2)}
    head, row, whole = comparison_table(comparison)
    assert row[:4] == ("slider", "0.50", "0.38", "+0.12")
    assert row[5:] == ("3", "2", "1")
    assert whole[1:] == row[1:]
    assert len(head) == len(row)


def test_evaluations_from_other_starts_are_not_compared() -> None:
    with pytest.raises(LearningError, match="policy and other cannot be compared start by start: starts differ"):
        Comparison(_evaluation("11"), _evaluation("111", "other"))
    with pytest.raises(LearningError, match="horizon differ"):
        Comparison(_evaluation("11"), _evaluation("11", horizon=60))

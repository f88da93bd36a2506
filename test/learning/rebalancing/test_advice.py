"""What to do about weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import nan
from typing import Any

import pytest

from balanced_bc.balancing.comparison import LOST
from balanced_bc.learning.rebalancing.advice import NOISE, advice
from balanced_bc.learning.rebalancing.balance_file import BalanceFile

ContentOf = Callable[..., BalanceFile]


def _compared(losses: list[float], differences: dict[str, list[float]], error: float = 0.02) -> tuple[Any, ...]:
    """Rows of a comparison; differences are those of each method from plain cloning."""
    plain = {"method": "plain cloning", "losses": losses, "difference": [0.0] * len(losses)}
    rows = [plain, *({"method": name, "losses": losses, "difference": row} for name, row in differences.items())]
    shared = {"weights": [1 / len(losses)] * len(losses), "standard_error": [error] * len(losses)}
    return tuple({**shared, **row} for row in rows)


@pytest.fixture
def quiet(content_of: ContentOf) -> Callable[..., BalanceFile]:
    """Three groups of 20, 20 and `few` demonstrations without conflicts or harm, that were compared."""

    def make(comparison: tuple[Any, ...], few: int = 20, **changes: Any) -> BalanceFile:
        content = content_of(3, diagnostics={}, comparison=comparison, **changes)
        numbers = dict(zip(content.groups, (20, 20, few)))
        rows = {name: replace(row, demonstrations=numbers[name]) for name, row in content.groups.items()}
        return replace(content, groups=rows)

    return make


def test_weights_that_lose_are_not_to_be_used_and_followed_by_no_advice_about_them(content_of: ContentOf) -> None:
    lost = content_of(2, diagnostics={}, warnings=(f"{LOST} on held-out demonstrations: worse is group 1",))
    row = replace(lost.groups["group 1"], prior=0.4, alpha=0.1, alpha_standard_error=0.0, alpha_over_rho=4.0)
    lost = replace(lost, groups={**lost.groups, "group 1": row})
    assert len(advice(replace(lost, warnings=()))) == 2
    assert advice(lost) == (
        "Train without these weights: they lose to plain cloning on held-out demonstrations (the warning on top says "
        "where).",
    )


@pytest.mark.parametrize(
    ("prior", "alpha", "error", "told"),
    [
        (0.4, 0.25, 0.02, "62% (+- 5%)"),
        (0.4, 0.3, 0.1, "75% (+- 25%)"),
        (0.4, 0.33, 0.0, ""),
        (0.4, 0.25, None, "62%"),
        (0.4, 0.0, 0.0, ""),
        (None, 0.25, 0.02, ""),
    ],
)
def test_a_group_that_loses_weight_may_be_worth_it(
    content_of: ContentOf, prior: float | None, alpha: float, error: float | None, told: str
) -> None:
    content = content_of(2, diagnostics={})
    row = replace(content.groups["group 1"], prior=prior, alpha=alpha, alpha_standard_error=error)
    lowered = replace(content, groups={**content.groups, "group 1": row})
    said = [sentence for sentence in advice(lowered) if "--floors group 1=0.4." in sentence]
    assert [one.startswith(f"group 1 has {told} of the weight") for one in said] == [True] * bool(told)
    followed = {"balancing": {"floors": ["group 1=0.5x"]}}
    assert not any("--floors" in sentence for sentence in advice(replace(lowered, configuration=followed)))


def test_of_a_group_with_few_demonstrations_that_no_weights_help_more_is_to_be_recorded(
    quiet: Callable[..., BalanceFile],
) -> None:
    rows = _compared([1.0, 1.0, 1.0], {"minimax": [-0.1, 0.0, -0.03], "equal": [0.0, 0.0, -0.02]})
    (said,) = advice(quiet(rows, few=6))
    assert said.startswith("group 2 has 6 demonstrations. No weights that were compared surely lower")
    assert "at best -0.030 +- 0.020, minimax" in said
    assert "Record more of group 2; 14 more make as many as of group 0." in said


@pytest.mark.parametrize(
    ("trust", "prior", "asked"), [((), 0.34, True), (("group 2=0.3",), 0.34, False), ((), 0.5, False)]
)
def test_nobody_asks_for_more_of_what_is_not_trusted_or_loses_weight(
    quiet: Callable[..., BalanceFile], trust: tuple[str, ...], prior: float, asked: bool
) -> None:
    content = quiet(_compared([1.0] * 3, {"minimax": [0.0] * 3}), 6, configuration={"balancing": {"trust": trust}})
    row = replace(content.groups["group 2"], prior=prior)
    said = advice(replace(content, groups={**content.groups, "group 2": row}))
    assert any("Record more of group 2" in sentence for sentence in said) is asked


@pytest.mark.parametrize(
    ("method", "difference", "ratio", "said", "held"),
    [
        ("minimax", 0.06, 2.0, {}, "--caps group 1=1x"),
        ("minimax", 0.06, 0.5, {}, "--floors group 1=1x"),
        ("minimax", 0.06, 0.5, {"floors": ["group 0=0.1"]}, "--floors group 1=1x"),
        ("minimax", 0.045, 2.0, {}, ""),
        ("minimax", 0.06, 1.01, {}, ""),
        ("equal", 0.06, 2.0, {}, ""),
        ("minimax", 0.06, 2.0, {"trust": ["group 1=0.9"]}, ""),
        ("minimax", 0.06, 2.0, {"caps": ["group 1=2x"]}, ""),
    ],
)
def test_a_group_that_pays_for_the_others_is_named_with_what_would_keep_it(
    quiet: Callable[..., BalanceFile], method: str, difference: float, ratio: float, said: dict[str, Any], held: str
) -> None:
    """Beyond chance: of three groups that nothing harms one is named in one of fifty comparisons."""
    content = quiet(_compared([1.0] * 3, {method: [-0.2, difference, 0.0]}), configuration={"balancing": said})
    row = replace(content.groups["group 1"], alpha_over_rho=ratio, prior=0.5)
    told = advice(replace(content, groups={**content.groups, "group 1": row}))
    named = [one for one in told if "is learned worse with these weights" in one]
    assert len(named) == bool(held)
    assert all("+0.060 +- 0.020" in one and held in one for one in named)
    assert sum("--floors group 1=0.5" in one for one in told) == (not named)


def test_of_groups_that_pay_the_worst_is_named_first(quiet: Callable[..., BalanceFile]) -> None:
    content = quiet(_compared([1.0] * 3, {"minimax": [0.1, 0.3, -1.0]}))
    rows = {name: replace(row, alpha_over_rho=2.0) for name, row in content.groups.items()}
    told = [one for one in advice(replace(content, groups=rows)) if "is learned worse" in one]
    assert [one.partition(" is")[0] for one in told] == ["group 1", "group 0"]


def test_the_group_that_is_worst_off_is_named_though_it_has_many_demonstrations(
    quiet: Callable[..., BalanceFile],
) -> None:
    (said,) = advice(quiet(_compared([1.0, 2.0, 1.0], {"minimax": [0.0, 0.03, 0.0]})))
    assert "group 1 is worst off, with 2.0 times the held-out loss of the others" in said
    assert "20 more make twice as many" in said
    assert said.endswith(NOISE)


def test_a_group_that_is_used_much_and_not_learned_better_is_named(quiet: Callable[..., BalanceFile]) -> None:
    content = quiet(_compared([1.0, 1.0, 1.0], {"minimax": [0.0, 0.0, 0.0]}, error=nan))
    rows = {
        name: replace(row, alpha_over_rho=2.0 if name == "group 1" else 0.5) for name, row in content.groups.items()
    }
    (said,) = advice(replace(content, groups=rows))
    assert said.startswith("group 1 is used 2.0 times as often as it was recorded. No weights")
    assert "at best +0.000, minimax" in said
    assert len(advice(replace(content, groups=rows, warnings=(f"{LOST} here",)))) == 1


def test_a_group_that_some_weights_surely_help_wants_weights_and_not_demonstrations(
    quiet: Callable[..., BalanceFile],
) -> None:
    assert advice(quiet(_compared([1.0, 1.0, 3.0], {"minimax": [0.0] * 3, "equal": [0.0, 0.0, -0.1]}), few=6)) == ()


def test_where_nothing_was_compared_nothing_is_said_of_it(quiet: Callable[..., BalanceFile]) -> None:
    assert advice(quiet((), few=6)) == ()
    assert advice(quiet(_compared([1.0, 1.0, nan], {"minimax": [0.0, 0.0, nan]}), few=6)) == ()

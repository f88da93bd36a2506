"""Weights in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from balanced_bc.balancing.result import SKILL, Reference
from balanced_bc.learning.rebalancing.balance_file import BalanceFile, Run
from balanced_bc.learning.rebalancing.explanation import explain
from balanced_bc.learning.rebalancing.row import Row


def _row(pairs: int, alpha: float, loss: float | None = 1.5) -> Row:
    reference = Reference(1.0, 0.1, "held-out", 600, "last", "lanes", SKILL)
    rho = pairs / 500
    return Row(
        demonstrations=pairs // 50,
        pairs=pairs,
        rho=rho,
        rho_demonstrations=rho,
        alpha=alpha,
        alpha_standard_error=None,
        alpha_over_rho=alpha / rho,
        reference=None if loss is None else reference,
        final_loss=loss,
        warnings=(),
    )


@pytest.fixture
def content() -> BalanceFile:
    harm: dict[str, Any] = {
        "transfer": [[-0.3, 0.2], [0.4, -0.1]],
        "transfer_standard_error": [[0.05, 0.05], [0.1, 0.2]],
    }
    return BalanceFile(
        method="minimax",
        group_by=("behavior",),
        groups={"drawer": _row(400, 0.2), "slider": _row(100, 0.8)},
        effective_sample_size=150.0,
        warnings=("a warning",),
        dataset={"pairs": 500},
        run=Run(0, 3, 600, "held-out"),
        configuration={"balancing": {}},
        diagnostics=harm,
        comparison=(),
    )


def test_a_group_that_was_not_judged_is_said_so(content: BalanceFile) -> None:
    numbers = {name: [0.5, float("nan")] for name in ("losses", "difference", "standard_error")}
    rows = tuple({"method": method, "weights": [1.0, 0.0], **numbers} for method in ("plain cloning", "minimax"))
    (line,) = [line for line in explain(replace(content, comparison=rows)).splitlines() if "not judged" in line]
    assert line.startswith("slider")


def test_warnings_come_first(content: BalanceFile) -> None:
    assert explain(content).startswith("warning: a warning\n\n")


def test_what_weights_began_with_and_what_a_person_said_is_told(content: BalanceFile) -> None:
    groups = {name: replace(row, prior=0.5) for name, row in content.groups.items()}
    run = replace(content.run, prior="proportions", proportions="demonstrations")
    plain = replace(content, groups=groups, run=run, configuration={"balancing": {"seed": 0}})
    assert "from shares of the demonstrations)." in explain(plain)
    balancing = {"prior_weights": ["noisy=0.05"], "trust": ["drawer=0.5", "noisy=0"], "floors": ["slider=0.3"]}
    told = explain(replace(plain, configuration={"balancing": balancing}))
    assert "from shares of the demonstrations moved to noisy=0.05). Told: trust drawer=0.5, noisy=0;" in told
    assert "floors slider=0.3." in told
    counted = {name: replace(row, prior=None) for name, row in content.groups.items()}
    assert "from shares" not in explain(replace(plain, groups=counted))


def test_a_repeated_group_is_told_with_how_many_demonstrations_would_do_without_weights(content: BalanceFile) -> None:
    """400 other pairs at a weight of .2 want 1600 pairs at .8: 30 more demonstrations of 50 pairs."""
    assert "slider is used 4.0 times as often" in explain(content)
    assert "30 more would do" in explain(content)


def test_groups_that_harm_each_other_are_named_and_sure_changes_are_marked(content: BalanceFile) -> None:
    text = explain(content)
    assert "slider and drawer harm each other" in text
    assert "+0.40*" in text
    assert "-0.10 " in text


def test_each_number_has_its_standard_error_where_there_is_room(content: BalanceFile) -> None:
    assert "+0.40* +- 0.10" in explain(content)
    assert "+- one standard error" in explain(content)
    names = [f"group {i}" for i in range(6)]
    harm = {"transfer": [[0.4] * 6] * 6, "transfer_standard_error": [[0.1] * 6] * 6}
    crowded = replace(content, groups={name: _row(100, 1 / 6) for name in names}, diagnostics=harm)
    table, strongest = explain(crowded).partition("Who helps")[2].split("  with")
    assert "+0.40*" in table
    assert "+- 0.10" not in table
    assert strongest.count("+0.40* +- 0.10") == 12


def test_effects_of_groups_on_themselves_leave_small_effects_on_others_their_digits(content: BalanceFile) -> None:
    harm = {"transfer": [[-0.5, 0.004], [0.003, -0.5]], "transfer_standard_error": [[0.1, 0.001], [0.001, 0.1]]}
    assert "+0.004* +- 0.001" in explain(replace(content, diagnostics=harm))


def test_nobody_is_called_harmful_by_losses_on_training_pairs(content: BalanceFile) -> None:
    """Such a loss rises with any weight that its group gives away."""
    text = explain(replace(content, run=replace(content.run, split="training")))
    assert "+0.40*" in text
    assert "rises with any weight that its group gives away" in text
    assert "harm each other" not in text


def test_what_is_learned_with_other_weights_stands_beside_plain_cloning(content: BalanceFile) -> None:
    nothing: dict[str, Any] = {"difference": [0.0, 0.0], "standard_error": [float("nan")] * 2}
    plain = {"method": "plain cloning", "weights": [0.8, 0.2], "losses": [0.5, 0.7], **nothing}
    change = {"difference": [0.04, -0.1], "standard_error": [0.03, 0.02]}
    ours = {"method": "minimax", "weights": [0.2, 0.8], "losses": [0.54, 0.6], **change}
    text = explain(replace(content, comparison=(plain, ours)))
    assert "0.500  at 0.80" in text
    assert "+0.040  at 0.20" in text
    assert "-0.100* at 0.80" in text
    assert "plain cloning" not in explain(content)


def test_losses_stand_beside_their_references(content: BalanceFile) -> None:
    assert "1.00 +- 0.10" in explain(content)
    assert "+0.50" in explain(content)


def test_what_a_method_does_not_know_is_left_out(content: BalanceFile) -> None:
    groups = {"drawer": _row(400, 0.8, None), "slider": _row(100, 0.2, None)}
    text = explain(replace(content, groups=groups, diagnostics={}, warnings=()))
    assert "reference" not in text
    assert "harm" not in text
    assert text.startswith("Weights of 2 groups by behavior")

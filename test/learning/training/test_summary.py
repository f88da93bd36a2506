"""What a training says of itself at its end and on its way."""

from __future__ import annotations

import pytest

from balanced_bc.learning.config import TrainingConfig
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.training import summary
from balanced_bc.learning.training.fit import fit
from balanced_bc.learning.training.progress import Progress, Share
from balanced_bc.policies.config import PolicyConfig

QUICK = TrainingConfig(steps=6, batch_size=8, report_every=2, held_out=0.25, device="cpu")
ALPHA = {"drawer": 1.0, "slider": 3.0}


def test_the_table_has_a_row_for_each_behavior(state_pairs: Pairs, state_policy: PolicyConfig) -> None:
    *_, last = fit(state_pairs, state_policy, QUICK, ALPHA)
    assert last.shares == {"drawer": Share(8, 2, 96, 0.25), "slider": Share(2, 1, 24, 0.75)}
    headings, *rows = summary.table(last)
    assert [row[:5] for row in rows] == [("drawer", "8", "2", "96", "0.250"), ("slider", "2", "1", "24", "0.750")]
    for row in rows:
        assert len(row) == len(headings)
        assert row[5:] == (f"{last.losses[row[0]]:.2f}", f"{last.held_out[row[0]]:.2f}")


def test_the_numbers_of_a_report_have_what_the_table_has(state_pairs: Pairs, state_policy: PolicyConfig) -> None:
    *_, last = fit(state_pairs, state_policy, QUICK, ALPHA)
    numbers = summary.numbers(last)
    labels = ("demonstrations", "held out", "pairs", "weight", "loss", "held-out loss")
    assert [numbers[f"{label} slider"] for label in labels[:4]] == [2, 1, 24, 0.75]
    assert [f"{numbers[f'{label} slider']:.2f}" for label in labels[4:]] == list(summary.table(last)[2][5:])
    assert numbers["step"] == numbers["steps"] == numbers["kept"] == 6


def test_a_behavior_that_was_never_drawn_has_a_dash(state_pairs: Pairs, state_policy: PolicyConfig) -> None:
    *_, last = fit(state_pairs, state_policy, QUICK, {"drawer": 1.0, "slider": 0.0})
    assert summary.table(last)[2][5] == "-"


def test_reports_say_speed_and_time_left(state_pairs: Pairs, state_policy: PolicyConfig) -> None:
    first, *_, last = fit(state_pairs, state_policy, QUICK)
    assert first.seconds_left * first.pairs_per_second == pytest.approx((QUICK.steps - 2) * QUICK.batch_size)
    assert last.seconds_left == 0
    done, note = summary.reading(first)
    assert done == 2 / 6
    assert note == f"loss: drawer {first.losses['drawer']:.2f}, slider {first.losses['slider']:.2f}"
    assert "pairs/s, 0:0" in summary.pace(first)


def test_the_last_report_has_a_speed_although_no_step_was_taken_since_the_one_before(
    state_pairs: Pairs, state_policy: PolicyConfig
) -> None:
    seen: list[Progress] = []
    seen.extend(fit(state_pairs, state_policy, QUICK, stop=lambda: len(seen) == 2))
    *_, before, last = seen
    assert last.step == before.step == 4
    assert last.pairs_per_second == before.pairs_per_second > 0
    assert last.seconds_left == 0 < before.seconds_left


def test_the_remark_names_the_step_of_the_policy_when_it_is_not_the_last(
    state_pairs: Pairs, state_policy: PolicyConfig
) -> None:
    *_, last = fit(state_pairs, state_policy, QUICK)
    assert summary.remark(last).startswith("6 of 6 steps; ")
    assert "the policy of step 4 was the best" in summary.remark(last._replace(kept=4))
    assert summary.text(last._replace(warnings=("too little",))).endswith("warning: too little")

"""When a simulator steps."""

from __future__ import annotations

from balanced_bc.nodes.pace import PATIENCE_AT_REST, Pace

TICK = 1_000_000_000


def paced(factor: float, patience: float) -> Pace:
    pace = Pace(period=0.1, factor=factor, patience=patience)
    pace.on_step(TICK, wall=10.0)
    return pace


def test_without_a_commander_steps_come_at_the_factor() -> None:
    assert abs(paced(factor=2.0, patience=0.0).wait(10.01) - 0.04) < 1e-9


def test_as_fast_as_possible_does_not_wait() -> None:
    assert paced(factor=0.0, patience=0.0).wait(10.0) == 0.0


def test_while_a_commander_is_expected_but_silent_time_is_real() -> None:
    assert abs(paced(factor=0.0, patience=5.0).wait(10.0) - 0.1) < 1e-9


def test_an_answer_to_the_tick_makes_the_step_due() -> None:
    pace = paced(factor=0.0, patience=5.0)
    pace.on_command(TICK)
    assert pace.wait(10.0) == 0.0


def test_an_older_command_leaves_the_step_waiting() -> None:
    pace = paced(factor=0.0, patience=5.0)
    pace.on_command(TICK - 1)
    assert pace.wait(11.0) == 4.0


def test_a_commander_that_lets_the_patience_pass_is_no_longer_waited_for() -> None:
    pace = paced(factor=0.0, patience=5.0)
    pace.on_command(TICK - 1)
    assert pace.wait(15.0) == 0.0
    pace.on_step(2 * TICK, wall=15.0)
    assert abs(pace.wait(15.0) - 0.1) < 1e-9


def test_with_a_factor_nobody_is_waited_for() -> None:
    pace = paced(factor=1.0, patience=5.0)
    pace.on_command(TICK)
    assert abs(pace.wait(10.02) - 0.08) < 1e-9
    pace.on_step(2 * TICK, wall=10.1)
    assert abs(pace.wait(10.12) - 0.08) < 1e-9


def test_after_a_zero_command_the_patience_is_short() -> None:
    pace = paced(factor=0.0, patience=5.0)
    pace.on_command(TICK - 1, at_rest=True)
    assert abs(pace.wait(10.0) - PATIENCE_AT_REST) < 1e-9

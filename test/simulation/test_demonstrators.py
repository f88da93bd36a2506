"""Scripted demonstrators: they succeed, smoothly, also with delay."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from balanced_bc.control.limiter import Limits
from balanced_bc.simulation.demonstrators import make_demonstrator, percept_of
from balanced_bc.simulation.environment import make
from balanced_bc.simulation.errors import SimulationError
from balanced_bc.simulation.motion import nearest_modulo
from balanced_bc.simulation.tasks import TASKS

EVERY = [(task, behavior) for task, behaviors in TASKS.items() for behavior in behaviors]
STILL = np.array((0, 0, 0, 0, 0, 0, 1.0))


class Trial(NamedTuple):
    """How one demonstration went."""

    success: bool
    finished: bool
    actions: NDArray[np.float64]


def trials(task: str, behavior: str, quality: str, count: int, delay: int = 0) -> list[Trial]:
    env = make(task, render_images=False, horizon=1000)
    found = []
    for seed in range(count):
        _, info = env.reset(seed=seed, options={"behavior": behavior})
        demonstrator = make_demonstrator(task, behavior, quality, np.random.default_rng(seed))
        queue = [STILL] * delay
        actions: list[NDArray[np.float64]] = []
        while len(actions) < 250:
            action = demonstrator.act(percept_of(info["scene"]))
            if demonstrator.finished:
                break
            actions.append(action)
            queue.append(action)
            *_, info = env.step(queue.pop(0))
        found.append(Trial(bool(info["success"]), demonstrator.finished, np.array(actions)))
    env.close()
    return found


@pytest.mark.parametrize(("task", "behavior"), EVERY)
@pytest.mark.parametrize("delay", [0, 1])
def test_optimal_demonstrators_succeed_also_with_a_tick_of_delay(task: str, behavior: str, delay: int) -> None:
    went = trials(task, behavior, "optimal", 10, delay)
    assert sum(trial.success and trial.finished for trial in went) >= 9


@pytest.mark.parametrize(("task", "behavior"), EVERY)
def test_optimal_demonstrations_are_short_smooth_and_within_the_limits(task: str, behavior: str) -> None:
    for trial in trials(task, behavior, "optimal", 5):
        assert 22 <= len(trial.actions) <= 60
        speed = np.linalg.norm(trial.actions[:, :3], axis=1)
        jump = np.linalg.norm(np.diff(trial.actions[:, :3], axis=0), axis=1)
        assert speed.max() <= Limits().max_linear
        assert jump.max() <= 0.15


@pytest.mark.parametrize(("task", "behavior"), [("opening", "slider"), ("opening", "drawer"), ("picking", "middle")])
def test_suboptimal_demonstrators_mostly_succeed_and_take_longer(task: str, behavior: str) -> None:
    worse, better = trials(task, behavior, "suboptimal", 8), trials(task, behavior, "optimal", 8)
    assert sum(trial.success for trial in worse) >= 6
    assert np.mean([len(trial.actions) for trial in worse]) > 1.2 * np.mean([len(trial.actions) for trial in better])


def test_paths_differ_between_demonstrations_from_the_same_start() -> None:
    env = make("opening", render_images=False)
    ends = []
    for seed in (1, 2):
        _, info = env.reset(seed=0, options={"behavior": "drawer"})
        demonstrator = make_demonstrator("opening", "drawer", "optimal", np.random.default_rng(seed))
        for _ in range(15):
            *_, info = env.step(demonstrator.act(percept_of(info["scene"])))
        ends.append(info["scene"].tcp_pose[:3])
    env.close()
    assert np.linalg.norm(ends[0] - ends[1]) > 0.01


def test_the_nearest_of_equivalent_angles_is_at_most_half_a_period_away() -> None:
    for angle in np.linspace(-10, 10, 101):
        found = nearest_modulo(float(angle), 0.3, np.pi / 2)
        assert abs(found - 0.3) <= np.pi / 4 + 1e-9
        assert np.isclose((found - angle) / (np.pi / 2), round((found - angle) / (np.pi / 2)))


def test_an_unknown_quality_lists_those_that_exist() -> None:
    with pytest.raises(SimulationError, match="optimal, suboptimal, noisy, detour"):
        make_demonstrator("opening", "slider", "perfect", np.random.default_rng(0))


def test_an_unknown_behavior_of_a_demonstrator_lists_those_that_exist() -> None:
    with pytest.raises(SimulationError, match="left, middle, right"):
        make_demonstrator("picking", "slider", "optimal", np.random.default_rng(0))

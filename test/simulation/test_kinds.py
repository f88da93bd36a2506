"""Kinds of demonstrators differ from the optimal one in the way that their name says."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from balanced_bc.simulation.decoys import moved_on
from balanced_bc.simulation.demonstrators import cast, make_demonstrator, percept_of
from balanced_bc.simulation.disturbance import Disturbance
from balanced_bc.simulation.environment import make
from balanced_bc.simulation.errors import SimulationError
from balanced_bc.simulation.experts import BASE, DrawerExpert, Percept, SliderExpert
from balanced_bc.simulation.kinds.detour import Detour
from balanced_bc.simulation.kinds.hesitant import Hesitant
from balanced_bc.simulation.kinds.kind import Kind
from balanced_bc.simulation.kinds.kinds import QUALITIES, SUBOPTIMAL, Kinds, draw_kind
from balanced_bc.simulation.kinds.noisy import Noisy
from balanced_bc.simulation.kinds.perturbed import Perturbed
from balanced_bc.simulation.kinds.wrong_first import WrongFirst
from balanced_bc.simulation.motion import Manner
from balanced_bc.simulation.picking import region_of
from balanced_bc.simulation.tremor import Tremor

BOTH = [("opening", "drawer"), ("picking", "left")]
STARTS = 5


class Trial(NamedTuple):
    """How one demonstration went."""

    success: bool
    percepts: list[Percept]
    actions: NDArray[np.float64]

    @property
    def path(self) -> float:
        """Length of the hand's path, [m]."""
        places = np.array([percept.tcp_pose[:3] for percept in self.percepts])
        return float(np.linalg.norm(np.diff(places, axis=0), axis=1).sum())

    @property
    def jerk(self) -> float:
        """Mean jerk of the commands, [m/s^3]."""
        return float(np.linalg.norm(np.diff(self.actions[:, :3], 2, axis=0), axis=1).mean() * 30**2)


@lru_cache
def trials(task: str, behavior: str, quality: str, kinds: Kinds = Kinds()) -> tuple[Trial, ...]:
    world = make(task, render_images=False, horizon=1000)
    found = []
    for seed in range(STARTS):
        _, info = world.reset(seed=seed, options={"behavior": behavior})
        _, demonstrator, disturbance = cast(task, behavior, quality, np.random.default_rng(seed), kinds)
        percepts, actions = list[Percept](), list[NDArray[np.float64]]()
        while len(actions) < 300:
            percepts.append(percept_of(info["scene"]))
            action = demonstrator.act(percepts[-1])
            if demonstrator.finished:
                break
            actions.append(action)
            *_, info = world.step(disturbance.disturb(action))
        found.append(Trial(bool(info["success"]), percepts, np.array(actions)))
    world.close()
    return tuple(found)


def mean(values: list[float]) -> float:
    return float(np.mean(values))


@pytest.mark.parametrize(("task", "behavior"), BOTH)
def test_noisy_commands_jerk(task: str, behavior: str) -> None:
    noisy, optimal = trials(task, behavior, "noisy"), trials(task, behavior, "optimal")
    assert min(trial.jerk for trial in noisy) > 2 * max(trial.jerk for trial in optimal)


@pytest.mark.parametrize(("task", "behavior"), BOTH)
def test_hesitant_demonstrations_take_longer_and_stand_still_in_between(task: str, behavior: str) -> None:
    hesitant, optimal = trials(task, behavior, "hesitant"), trials(task, behavior, "optimal")
    assert all(len(slow.actions) > 1.5 * len(quick.actions) for slow, quick in zip(hesitant, optimal))
    assert mean([float((~trial.actions[:, :6].any(axis=1)).mean()) for trial in hesitant]) > 0.2


@pytest.mark.parametrize(("task", "behavior"), BOTH)
def test_detours_are_longer_and_smooth(task: str, behavior: str) -> None:
    detour, optimal = trials(task, behavior, "detour"), trials(task, behavior, "optimal")
    assert all(far.path > near.path + 0.08 for far, near in zip(detour, optimal))
    assert mean([trial.jerk for trial in detour]) < 1.5 * mean([trial.jerk for trial in optimal])


def test_wrong_first_goes_near_the_wrong_handle_and_leaves_it_alone() -> None:
    wrong, right = SliderExpert(Manner()), DrawerExpert(Manner())
    for trial in trials("opening", "drawer", "wrong-first"):
        places = [percept.tcp_pose[:3] for percept in trial.percepts]
        to_wrong = [np.linalg.norm(wrong.target(p) - place) for p, place in zip(trial.percepts, places)]
        to_right = [np.linalg.norm(right.target(p) - place) for p, place in zip(trial.percepts, places)]
        assert min(to_wrong) < 0.17
        assert int(np.argmin(to_wrong)) < int(np.argmin(to_right))
        assert abs(trial.percepts[-1].slider - trial.percepts[0].slider) < 0.01
        assert trial.success


def test_wrong_first_visits_another_region_before_it_grasps() -> None:
    for trial in trials("picking", "left", "wrong-first"):
        block = trial.percepts[0].red_block[:3]
        beyond = [float(percept.tcp_pose[0] - block[0]) for percept in trial.percepts]
        assert max(beyond[:-15]) > 0.02
        assert trial.success


@pytest.mark.parametrize(("task", "behavior"), BOTH)
def test_sloppy_grasps_take_longer_or_fail(task: str, behavior: str) -> None:
    sloppy, optimal = trials(task, behavior, "sloppy-grasp"), trials(task, behavior, "optimal")
    assert sum(trial.success for trial in optimal) == STARTS
    assert any(not trial.success for trial in sloppy)
    assert mean([len(trial.actions) for trial in sloppy]) > 1.5 * mean([len(trial.actions) for trial in optimal])


@pytest.mark.parametrize(("task", "behavior"), BOTH)
def test_misleading_demonstrations_are_as_short_and_smooth_as_optimal_ones_and_always_fail(
    task: str, behavior: str
) -> None:
    misleading, optimal = trials(task, behavior, "misleading"), trials(task, behavior, "optimal")
    assert not any(trial.success for trial in misleading)
    assert mean([trial.jerk for trial in misleading]) < 1.5 * mean([trial.jerk for trial in optimal])
    assert mean([len(trial.actions) for trial in misleading]) < 1.8 * mean([len(trial.actions) for trial in optimal])


def test_misleading_demonstrations_always_go_to_the_next_region() -> None:
    for trial in trials("picking", "left", "misleading"):
        lowest = min(trial.percepts, key=lambda percept: float(percept.tcp_pose[2]))
        assert region_of(float(lowest.tcp_pose[0] + BASE[0])) == "middle"


@pytest.mark.parametrize(("task", "behavior"), BOTH)
def test_perturbed_labels_are_those_of_the_optimal_expert_in_the_disturbed_states(task: str, behavior: str) -> None:
    for seed, trial in enumerate(trials(task, behavior, "perturbed")):
        expert = make_demonstrator(task, behavior, "optimal", np.random.default_rng(seed))
        labels = [expert.act(percept) for percept in trial.percepts[: len(trial.actions)]]
        assert np.array_equal(labels, trial.actions)


@pytest.mark.parametrize(("task", "behavior"), BOTH)
def test_perturbed_states_are_noisy_and_their_labels_are_not(task: str, behavior: str) -> None:
    perturbed, optimal = trials(task, behavior, "perturbed"), trials(task, behavior, "optimal")
    noisy = trials(task, behavior, "noisy")
    for disturbed, clean in zip(perturbed, optimal):
        ticks = range(1, 12)
        assert any(not np.allclose(disturbed.percepts[t].tcp_pose, clean.percepts[t].tcp_pose) for t in ticks)
    assert mean([trial.jerk for trial in perturbed]) < 0.5 * mean([trial.jerk for trial in noisy])
    assert sum(trial.success for trial in perturbed) >= STARTS - 1


def test_an_arm_that_is_commanded_to_stand_still_is_not_disturbed() -> None:
    disturbance = Disturbance(Tremor(0.1, 0.35, 0.7, np.random.default_rng(0)))
    still = np.array((0, 0, 0, 0, 0, 0, 1.0))
    assert np.array_equal(disturbance.disturb(still), still)
    moving = still + 0.1
    disturbed = disturbance.disturb(moving)
    assert (disturbed[:6] != moving[:6]).all()
    assert disturbed[6] == moving[6]


def test_suboptimal_draws_the_documented_kinds_in_equal_shares() -> None:
    rng = np.random.default_rng(0)
    drawn = Counter(draw_kind("suboptimal", rng) for _ in range(400))
    assert set(drawn) == set(SUBOPTIMAL)
    assert min(drawn.values()) > 70


def test_every_quality_but_the_mixture_is_a_kind() -> None:
    for quality in QUALITIES:
        assert draw_kind(quality, np.random.default_rng(0)) in QUALITIES
        if quality != "suboptimal":
            assert isinstance(Kinds().kind(quality), Kind)
    with pytest.raises(SimulationError, match="optimal, noisy, detour"):
        Kinds().kind("suboptimal")


def test_the_same_seed_draws_the_same_flaws() -> None:
    first, second = (make_demonstrator("opening", "slider", "noisy", np.random.default_rng(7)) for _ in range(2))
    percept = trials("opening", "drawer", "optimal")[0].percepts[0]
    assert all(np.array_equal(first.act(percept), second.act(percept)) for _ in range(5))


def test_a_stronger_tremor_jerks_more() -> None:
    strong = Kinds(noisy=Noisy(linear=0.2))
    calm, wild = (trials("opening", "drawer", "noisy", kinds) for kinds in (Kinds(), strong))
    assert mean([trial.jerk for trial in wild]) > 1.5 * mean([trial.jerk for trial in calm])


def test_a_disturbance_can_be_made_stronger() -> None:
    assert Perturbed().times(2.0) == Perturbed(linear=0.2, angular=0.7)


def test_an_imagined_block_stands_one_region_further_and_wraps_around() -> None:
    for x, region in ((0.01, "middle"), (0.17, "right"), (0.34, "left")):
        block = np.array((x - BASE[0], 0.3, 0.2, 0, 0, 0, 1.0))
        assert region_of(float(moved_on(block, 1)[0] + BASE[0])) == region


@pytest.mark.parametrize(
    ("make_kind", "message"),
    [
        (lambda: Noisy(linear=-0.1), "linear is -0.1"),
        (lambda: Detour(reach=3.0), "reach is 3.0"),
        (lambda: Hesitant(pause=(9, 3)), "pause is"),
        (lambda: WrongFirst(near=(0.2, 0.1)), "near is"),
    ],
)
def test_a_parameter_out_of_range_is_refused(make_kind: type, message: str) -> None:
    with pytest.raises(SimulationError, match=message):
        make_kind()

"""The environment, in every world: it obeys twists, shows what it should, refuses what it must."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from numpy.typing import NDArray

from balanced_bc.control.limiter import Limits
from balanced_bc.simulation.cameras import STATIC_VIEW
from balanced_bc.simulation.environment import CONTRACT, DeskEnv, TabletopEnv, make
from balanced_bc.simulation.errors import SimulationError
from balanced_bc.simulation.rotations import matrix_of, rotation_between
from balanced_bc.simulation.worlds import TABLETOP

Floats = NDArray[np.float64]
STILL = np.array((0, 0, 0, 0, 0, 0, 1.0))


@pytest.fixture(scope="module")
def opening(world: str) -> Iterator[DeskEnv]:
    env = make("opening", world, render_images=False)
    yield env
    env.close()


@pytest.fixture(scope="module")
def picking(world: str) -> Iterator[DeskEnv]:
    env = make("picking", world, render_images=False)
    yield env
    env.close()


@pytest.fixture
def tabletop() -> Iterator[TabletopEnv]:
    env = make("picking", render_images=False)
    yield env
    env.close()


def motion(env: DeskEnv, twist: Floats, seed: int = 1) -> Floats:
    """Measured twist between two moments of a steady motion, [m/s] and [rad/s], (6,)."""
    env.reset(seed=seed)
    poses = [env.step(np.append(twist, 1.0))[4]["scene"].tcp_pose for _ in range(14)]
    first, last, seconds = poses[3], poses[13], 10 * CONTRACT.period
    turned = rotation_between(matrix_of(last[3:]), matrix_of(first[3:]))
    return np.asarray(np.concatenate((last[:3] - first[:3], turned)) / seconds)


@pytest.mark.parametrize("task", ["opening", "picking"])
def test_gymnasium_finds_no_fault(world: str, task: str) -> None:
    prefix = "" if world == TABLETOP else world.capitalize()
    name = f"balanced_bc.simulation.environment:balanced_bc/{prefix}{task.capitalize()}-v0"
    env = gymnasium.make(name, render_mode="rgb_array")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*symmetric and normalized.*")
        check_env(env.unwrapped)
    env.close()


def test_observations_are_those_of_the_paper(world: str) -> None:
    env = make("opening", world)
    observation, info = env.reset(seed=0)
    assert observation["static_camera"].shape == (200, 200, 3)
    assert observation["gripper_camera"].shape == (84, 84, 3)
    assert observation["state"].shape == (8,)
    np.testing.assert_allclose(observation["state"][:7], info["scene"].joints, rtol=1e-6)
    env.close()


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("speed", [0.2, -0.2])
def test_a_commanded_velocity_really_is_that_velocity(opening: DeskEnv, axis: int, speed: float) -> None:
    twist = np.zeros(6)
    twist[axis] = speed
    np.testing.assert_allclose(motion(opening, twist)[:3], twist[:3], atol=0.002)


@pytest.mark.parametrize("axis", range(3, 6))
def test_a_commanded_angular_velocity_really_is_that_velocity(opening: DeskEnv, axis: int) -> None:
    twist = np.zeros(6)
    twist[axis] = 0.8
    np.testing.assert_allclose(motion(opening, twist), twist, atol=0.005)


def test_zero_velocity_holds_the_arm_still(opening: DeskEnv) -> None:
    np.testing.assert_allclose(motion(opening, np.zeros(6)), 0.0, atol=1e-3)


def test_velocities_beyond_the_limits_are_shortened(opening: DeskEnv) -> None:
    speed = np.linalg.norm(motion(opening, np.array((0.0, 3.0, 0.0, 0.0, 0.0, 0.0)))[:3])
    assert speed == pytest.approx(Limits().max_linear, abs=0.03)


def test_an_arm_that_was_blocked_turns_back_at_once(opening: DeskEnv) -> None:
    opening.reset(seed=1)
    down = np.array((0.0, 0.15, -0.3, 0.0, 0.0, 0.0, -1.0))
    for _ in range(60):
        opening.step(down)
    blocked = opening.scene.tcp_pose[2]
    for _ in range(5):
        opening.step(-down)
    assert opening.scene.tcp_pose[2] - blocked > 0.01


def test_the_gripper_closes_and_opens(opening: DeskEnv) -> None:
    opening.reset(seed=0)
    states = []
    for gripper in (1.0, -1.0, 1.0):
        for _ in range(15):
            observation, *_ = opening.step(np.append(np.zeros(6), gripper))
        states.append(float(observation["state"][7]))
    assert states == [1.0, -1.0, 1.0]


@pytest.mark.parametrize("action", [np.zeros(6), np.zeros((7, 1)), np.append(np.full(6, np.nan), 1.0), [np.inf] * 7])
def test_a_malformed_action_is_refused(opening: DeskEnv, action: Floats) -> None:
    opening.reset(seed=0)
    with pytest.raises(SimulationError):
        opening.step(action)


def test_a_step_before_the_first_reset_is_refused(world: str) -> None:
    env = make("opening", world, render_images=False)
    with pytest.raises(SimulationError, match="reset"):
        env.step(STILL)
    env.close()


def test_an_unknown_behavior_is_refused(opening: DeskEnv) -> None:
    with pytest.raises(SimulationError, match="slider, drawer"):
        opening.reset(options={"behavior": "left"})
    with pytest.raises(SimulationError, match="option"):
        opening.reset(options={"behaviour": "slider"})


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(SimulationError, match="opening, picking"):
        make("juggling")


def test_an_episode_ends_at_the_horizon() -> None:
    env = make("opening", render_images=False, horizon=3)
    env.reset(seed=0)
    assert [env.step(STILL)[3] for _ in range(3)] == [False, False, True]
    env.close()


def test_without_a_behavior_one_is_drawn(opening: DeskEnv) -> None:
    drawn = {opening.reset(seed=seed)[1]["behavior"] for seed in range(8)}
    assert drawn == {"slider", "drawer"}


@pytest.mark.parametrize("seed", range(4))
def test_nothing_moves_that_nobody_touches(picking: DeskEnv, seed: int) -> None:
    picking.reset(seed=seed)
    before = picking.scene
    for _ in range(60):
        picking.step(STILL)
    for name, value in before._asdict().items():
        np.testing.assert_allclose(getattr(picking.scene, name), value, atol=1e-3, err_msg=name)


@pytest.mark.parametrize("behavior", ["slider", "drawer"])
def test_the_switch_stays_where_it_was_put(opening: DeskEnv, behavior: str) -> None:
    _, info = opening.reset(seed=0, options={"behavior": behavior})
    assert info["scene"].lightbulb == (behavior == "drawer")
    assert info["scene"].switch == pytest.approx(0.088 if behavior == "drawer" else 0.0, abs=1e-3)
    assert info["scene"].button == pytest.approx(0.0, abs=1e-3)


def test_the_led_is_left_to_chance(opening: DeskEnv) -> None:
    assert {opening.reset(seed=seed)[1]["scene"].led for seed in range(10)} == {True, False}


def test_the_bulb_is_seen_by_the_static_camera(opening: DeskEnv) -> None:
    bulb = {}
    for behavior in ("slider", "drawer"):
        opening.reset(seed=0, options={"behavior": behavior})
        image = opening.observe().images["static_camera"].astype(int)
        bulb[behavior] = (image[..., 0] - image[..., 2])[:20, 140:175].max()
    assert bulb["drawer"] > bulb["slider"] + 80


def test_a_kept_backdrop_changes_hardly_a_pixel(tabletop: TabletopEnv) -> None:
    tabletop.reset(seed=0)
    quick = tabletop.images()["static_camera"]
    whole = tabletop._world.image(STATIC_VIEW, 200, 200)
    assert (quick != whole).any(axis=-1).sum() <= 10


def test_a_frame_for_people_has_the_size_that_was_asked_for(opening: DeskEnv) -> None:
    opening.reset(seed=0)
    assert opening.frame(120, 160).shape == (120, 160, 3)
    assert opening.render().dtype == np.uint8


def test_the_privileged_scene_is_part_of_what_is_observed(opening: DeskEnv) -> None:
    opening.reset(seed=0)
    observation = opening.observe(images=False)
    assert observation.scene is not None
    assert observation.scene.shape == (21,)
    assert observation.images == {}


def test_closing_twice_is_harmless(world: str) -> None:
    env = make("opening", world, render_images=False)
    env.close()
    env.close()

"""What makes a world one of ours, and what happens where it is missing or breaks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest

from balanced_bc.simulation.calvin_package import NEEDED, is_installed
from balanced_bc.simulation.calvin_world import CalvinWorld
from balanced_bc.simulation.environment import DeskEnv, TabletopEnv, make
from balanced_bc.simulation.errors import SimulationError
from balanced_bc.simulation.worlds import CALVIN

STILL = np.array((0, 0, 0, 0, 0, 0, 1.0))


def disturb(env: DeskEnv) -> None:
    """Give the red block a velocity that is no number."""
    world, velocity = env._world, (nan, nan, nan)
    if isinstance(world, CalvinWorld):
        world._env.p.resetBaseVelocity(world._env.scene.movable_objects[0].uid, velocity, velocity)
    else:
        assert isinstance(env, TabletopEnv)
        env._world._engine._call("resetBaseVelocity", env._world._blocks["red_block"], velocity, velocity)


def wrench(env: DeskEnv) -> None:
    """Put a joint of the arm infinitely far away."""
    world = env._world
    if isinstance(world, CalvinWorld):
        world._env.p.resetJointState(world._env.robot.robot_uid, 2, inf)
    else:
        assert isinstance(env, TabletopEnv)
        env._world._engine.place_joint(env._world._robot, 2, inf)


def pretend(folder: Path, names: Sequence[str]) -> None:
    """Write empty modules of these names."""
    for name in names:
        file = folder / f"{name.replace('.', '/')}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text("")


def test_every_world_has_the_same_spaces(world: str) -> None:
    here, ours = make("opening", world), make("opening")
    assert here.observation_space == ours.observation_space
    assert here.action_space == ours.action_space
    assert here.behaviors == ours.behaviors
    here.close()
    ours.close()


@pytest.mark.parametrize("harm", [disturb, wrench])
def test_physics_that_blow_up_are_told_with_seed_and_step(world: str, harm: Callable[[DeskEnv], None]) -> None:
    env = make("opening", world, render_images=False)
    env.reset(seed=7)
    env.reset(options={"behavior": "drawer"})
    for _ in range(3):
        env.step(STILL)
    harm(env)
    with pytest.raises(SimulationError, match=r"not finite at step [34] of episode 2 \(drawer\) from seed 7"):
        env.step(STILL)
    with pytest.raises(SimulationError, match="reset"):
        env.step(STILL)
    env.reset(seed=7)
    env.step(STILL)
    env.close()


def test_an_unknown_world_is_refused_with_those_that_exist() -> None:
    with pytest.raises(SimulationError, match=r"no world 'kitchen'; there are tabletop, calvin"):
        make("opening", "kitchen")


def test_an_unknown_task_is_refused_in_every_world(world: str) -> None:
    with pytest.raises(SimulationError, match="opening, picking"):
        make("juggling", world)


@pytest.mark.skipif(is_installed(), reason="calvin_env is installed")
def test_a_missing_calvin_says_in_one_paragraph_how_to_get_it() -> None:
    with pytest.raises(SimulationError, match=r"https://github.com/mees/calvin_env.*pip install") as caught:
        make("opening", CALVIN)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 800


def test_a_calvin_without_its_configuration_says_how_to_install_it(tmp_path: Path) -> None:
    for folder in ("", "envs"):
        (tmp_path / "calvin_env" / folder).mkdir()
        (tmp_path / "calvin_env" / folder / "__init__.py").write_text("")
    (tmp_path / "calvin_env" / "envs" / "play_table_env.py").write_text("print('noise')")
    pretend(tmp_path, NEEDED)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n" + _refusal
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "editable" in run.stdout
    assert "noise" not in run.stdout + run.stderr


def test_a_calvin_that_leaves_the_process_raises_instead(tmp_path: Path) -> None:
    (tmp_path / "calvin_env").mkdir()
    (tmp_path / "calvin_env" / "__init__.py").write_text("import sys; sys.exit(3)")
    pretend(tmp_path, NEEDED)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n" + _refusal
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "exit code 3" in run.stdout


@pytest.mark.parametrize("missing", ["gym", "quaternion", "hydra_plugins.hydra_colorlog"])
def test_a_calvin_without_what_it_needs_says_what_is_missing(tmp_path: Path, missing: str) -> None:
    pretend(tmp_path, [name for name in NEEDED if name != missing])
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.modules[{missing!r}] = None\n" + _refusal
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install" in run.stdout
    assert f"{missing}" in run.stdout.partition("What was missing:")[2]


_refusal = """
from balanced_bc.simulation.environment import make
from balanced_bc.simulation.errors import SimulationError
try:
    make("opening", "calvin")
except SimulationError as error:
    print(error)
"""
"""What a process says that asks for CALVIN in vain."""


def test_the_tabletop_does_not_import_calvin() -> None:
    code = (
        "import sys; from balanced_bc.simulation.environment import make; make('opening').close(); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"calvin_env", "gym", "hydra"} & set(loaded)

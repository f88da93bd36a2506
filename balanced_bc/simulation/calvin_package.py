"""The one module that imports calvin_env, when it is asked for: https://github.com/mees/calvin_env.

Nothing of it is changed. It is configured as its own scripts configure it, and it is kept quiet: it prints, warns,
logs and leaves the process where something is wrong.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from balanced_bc.simulation.errors import SimulationError
from balanced_bc.simulation.quiet import quiet

PACKAGE = "calvin_env"
MAIN = "config_data_collection"
"""Name of its configuration with robot, scene and tasks."""
CHOICES = (
    "robot=panda_longer_finger",
    "scene=calvin_scene_D",
    "cameras=static_and_gripper",
    "use_vr=false",
    "env.use_egl=false",
    "env.use_scene_info=true",
)
"""What is chosen of it: the paper's environment, drawn by the processor."""
NEEDED = ("hydra", "hydra_plugins.hydra_colorlog", "gym", "git", "quaternion", "scipy", "cv2")
"""What it imports, or its configuration names; the rest of its requirements serves other scripts of its own."""
HOW_TO = (
    "The world 'calvin' needs calvin_env, which this package neither contains nor installs. Clone "
    "https://github.com/mees/calvin_env (its submodule tacto is not needed) and install that checkout, editable since "
    "its conf/ and data/ are read from there, into the Python that runs balanced_bc: pip install 'hydra-core==1.3.*' "
    "'gym==0.26.*' numpy-quaternion gitpython hydra-colorlog scipy, then pip install --no-deps -e CHECKOUT. "
    "The world 'tabletop' needs nothing of this."
)


class Calvin(NamedTuple):
    """What is used of calvin_env.

    Attributes:
        env: Its PlayTableSimEnv.
        oracle: Its Tasks, which say from two moments what was achieved.
    """

    env: Any
    oracle: Any


def is_installed() -> bool:
    """Whether calvin_env can be imported; it is not imported for that."""
    try:
        return importlib.util.find_spec(PACKAGE) is not None
    except (ImportError, ValueError):
        return False


def require_installed() -> None:
    """Refuse to go on where calvin_env is missing.

    Raises:
        SimulationError: It is not installed, with how to install it.
    """
    if not is_installed():
        raise SimulationError(HOW_TO)


def open_calvin(window: bool) -> Calvin:
    """Make calvin_env's environment and its task oracle.

    Args:
        window: Whether a window shows the world.

    Raises:
        SimulationError: It is not installed, or not as it must be, with how to install it; or it gave up.
    """
    try:
        with quiet():
            return _opened(window)
    except ImportError as error:
        raise SimulationError(f"{HOW_TO} What was missing: {error}.") from error
    except SystemExit as error:
        raise SimulationError(f"calvin_env left with exit code {error.code} while it was being made") from error


def _opened(window: bool) -> Calvin:
    for name in NEEDED:
        importlib.import_module(name)
    hydra: Any = importlib.import_module("hydra")
    package = importlib.import_module(f"{PACKAGE}.envs.play_table_env")
    folder = _configuration_folder(Path(str(package.__file__)).parents[2])
    logging.getLogger(PACKAGE).setLevel(logging.WARNING)
    with hydra.initialize_config_dir(config_dir=str(folder), version_base="1.1"):
        config = hydra.compose(MAIN, overrides=[*CHOICES, f"env.show_gui={str(window).lower()}"])
    config.robot._target_ = f"{__name__}.make_robot"
    env = hydra.utils.instantiate(config.env)
    env.close = _silently
    return Calvin(env, hydra.utils.instantiate(config.tasks))


def make_robot(**options: Any) -> Any:
    """Its robot, whose pedestal stands in its own world.

    Its own method puts the pedestal into the first physics client of the process, whichever world that is.
    """
    robots: Any = importlib.import_module(f"{PACKAGE}.robot.robot")
    robot = robots.Robot(**options)
    robot.add_base_cylinder = partial(_add_pedestal, robots.p, robot)
    return robot


def _add_pedestal(engine: Any, robot: Any) -> None:
    x, y, z = robot.base_position
    looks = {"radius": 0.13, "length": z, "visualFramePosition": (x - 0.05, y, 0.5 * z), "rgbaColor": (1, 1, 1, 1)}
    shape = engine.createVisualShape(engine.GEOM_CYLINDER, **looks, physicsClientId=robot.cid)
    engine.createMultiBody(baseVisualShapeIndex=shape, physicsClientId=robot.cid)


def _configuration_folder(checkout: Path) -> Path:
    folder = checkout / "conf"
    if not (folder / f"{MAIN}.yaml").exists() or not (checkout / "data").exists():
        raise ImportError(f"{checkout} has no conf/ and data/; is calvin_env installed from a checkout, editable?")
    return folder


def _silently() -> None:
    """Stand in for its close, which prints, also at the end of the process; the engine is left by other means."""

"""The tabletop as a gymnasium environment.

`gymnasium.make("balanced_bc.simulation.environment:balanced_bc/Opening-v0")` makes one as well.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from balanced_bc.control.errors import ControlError
from balanced_bc.control.limiter import Limits, checked_twist, limit_speed
from balanced_bc.demonstrations.contract import GRIPPER_CAMERA, STATIC_CAMERA, RobotContract
from balanced_bc.demonstrations.observation import ACTION_SIZE, STATE_SIZE, Observation
from balanced_bc.simulation import panda
from balanced_bc.simulation.arm import ArmConfig, ArmTarget, advance, hold
from balanced_bc.simulation.cameras import STATIC_VIEW
from balanced_bc.simulation.engine import PHYSICS_RATE
from balanced_bc.simulation.errors import SimulationError
from balanced_bc.simulation.scene import Images, SceneState, Start, observation_of, robot_state
from balanced_bc.simulation.tasks import TASKS, behavior_of, behaviors_of
from balanced_bc.simulation.world import World

CONTRACT = RobotContract()
"""The simulated robot: its cameras, joints and rate."""
SUBSTEPS = round(PHYSICS_RATE / CONTRACT.rate)
"""Physics steps per control period."""
SETTLE_STEPS = 24
"""Physics steps between a placement and the first observation, so that the blocks rest."""
STATE_BOUND = 4.0
"""No joint of the arm turns that far, [rad]."""
START_TRIES = 1000
"""How many starts in collision are thrown away before giving up."""

EnvObservation = dict[str, NDArray[Any]]


class TabletopEnv(gymnasium.Env[EnvObservation, Any]):
    """A Franka Panda at a desk, commanded with end-effector twists at 30 Hz.

    An action is a twist in the base frame, [m/s] and [rad/s], and the gripper (open from 0 up, else close), (7,).
    Speeds beyond `limits` are shortened to them. The reward is 1 where the episode's behavior is done, which ends it.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": round(CONTRACT.rate)}  # noqa: RUF012

    def __init__(
        self,
        task: str = "opening",
        render_images: bool = True,
        window: bool = False,
        horizon: int = 150,
        limits: Limits | None = None,
        render_mode: str | None = "rgb_array",
        render_size: int = 400,
    ) -> None:
        """Make the world; `reset` begins the first episode.

        Args:
            task: Name of the task.
            render_images: Whether observations hold images. `observe` can draw them in any case.
            window: Whether a window shows the world.
            horizon: Steps after which an episode is truncated.
            limits: Largest speeds.
            render_mode: rgb_array, or None; what gymnasium.make passes.
            render_size: Height and width of what `render` returns, [px].
        """
        self.task = task
        self.behaviors = behaviors_of(task)
        self.behavior = ""
        self.horizon = horizon
        self.render_mode = render_mode
        self._limits = limits or Limits()
        self._render_images = render_images
        self._render_size = render_size
        self.observation_space = _observation_space(render_images)
        self.action_space = _action_space(self._limits)
        self._arm_config = ArmConfig()
        self._world = World(window)
        self._target: ArmTarget | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[EnvObservation, dict[str, Any]]:
        """Begin an episode; `options["behavior"]` says which behavior is wanted, else it is drawn.

        Raises:
            SimulationError: There is no such behavior or option.
        """
        super().reset(seed=seed)
        self.behavior = self._wanted(options or {})
        self._place(self._draw_start())
        self._steps, self._succeeded = 0, False
        self._start = self._scene = self._world.scene()
        return self._gym_observation(), self._info()

    def step(self, action: ArrayLike) -> tuple[EnvObservation, float, bool, bool, dict[str, Any]]:
        """Act for one control period.

        Raises:
            SimulationError: The action has another size than 7, is not finite, or no episode has begun.
        """
        if self._target is None:
            raise SimulationError("no episode has begun; call reset before step")
        twist, opens = self._checked(action)
        measured = self._world.joints()
        target = advance(self._target, twist, measured, panda.REST, CONTRACT.period, self._arm_config)
        self._world.step(self._target.joints, target.joints, opens, SUBSTEPS)
        self._target, self._scene = target, self._world.scene()
        self._steps += 1
        self._succeeded = self._succeeded or self._is_done()
        truncated = self._steps >= self.horizon
        return self._gym_observation(), float(self._succeeded), self._succeeded, truncated, self._info()

    @property
    def scene(self) -> SceneState:
        """The tabletop as it is now."""
        return self._scene

    def images(self) -> Images:
        """What the cameras see now: camera name to RGB, uint8, (height, width, 3)."""
        draw = {STATIC_CAMERA: self._world.static_image, GRIPPER_CAMERA: self._world.gripper_image}
        return {camera.name: draw[camera.name](camera.height, camera.width) for camera in CONTRACT.cameras}

    def observe(self, images: bool = True) -> Observation:
        """What a policy sees now, privileged scene included; images cost time and are drawn only if asked for."""
        return observation_of(self._scene, self.images() if images else {}, CONTRACT)

    def frame(self, height: int, width: int) -> NDArray[np.uint8]:
        """The static camera's view in another size, for people, uint8, (height, width, 3)."""
        return self._world.image(STATIC_VIEW, height, width)

    def render(self) -> NDArray[np.uint8]:
        """The static camera's view for people."""
        return self.frame(self._render_size, self._render_size)

    def close(self) -> None:
        """Leave the physics engine; a second call does nothing."""
        self._world.close()

    def _wanted(self, options: dict[str, Any]) -> str:
        if unknown := set(options) - {"behavior"}:
            raise SimulationError(f"reset has no option {sorted(unknown)}; it has ['behavior']")
        behavior = options.get("behavior")
        if behavior is None:
            return self.behaviors[int(self.np_random.integers(len(self.behaviors)))]
        behavior_of(self.task, behavior)
        return str(behavior)

    def _draw_start(self) -> Start:
        """Draw starts until one is free of collisions; the last one drawn is placed."""
        for _ in range(START_TRIES):
            start = behavior_of(self.task, self.behavior).draw(self.np_random)
            self._world.place(start)
            if not self._world.is_robot_touching():
                return start
        raise SimulationError(f"{START_TRIES} starts of {self.behavior} in a row were in collision")

    def _place(self, start: Start) -> None:
        self._world.step(start.joints, start.joints, True, SETTLE_STEPS)
        self._target = hold(start.joints)

    def _checked(self, action: ArrayLike) -> tuple[NDArray[np.float64], bool]:
        array = np.asarray(action, dtype=np.float64)
        if array.shape != (ACTION_SIZE,):
            raise SimulationError(
                f"an action has {ACTION_SIZE} numbers (twist and gripper); this has the shape {array.shape}"
            )
        if not np.isfinite(array[6]):
            raise SimulationError(f"an action has finite numbers only; this is {array.tolist()}")
        try:
            return limit_speed(checked_twist(array[:6]), self._limits), bool(array[6] >= 0)
        except ControlError as error:
            raise SimulationError(str(error)) from error

    def _is_done(self) -> bool:
        return behavior_of(self.task, self.behavior).succeeded(self._scene, self._start)

    def _gym_observation(self) -> EnvObservation:
        images = self.images() if self._render_images else {}
        return {**images, "state": robot_state(self._scene, CONTRACT)}

    def _info(self) -> dict[str, Any]:
        return {"behavior": self.behavior, "success": self._succeeded, "scene": self._scene}


def make(task: str, **options: Any) -> TabletopEnv:
    """Make the environment of a task.

    Raises:
        SimulationError: There is no such task; those that exist are listed.
    """
    return TabletopEnv(task, **options)


def _observation_space(render_images: bool) -> spaces.Space[Any]:
    cameras = CONTRACT.cameras if render_images else ()
    images = {camera.name: spaces.Box(0, 255, camera.shape, np.uint8) for camera in cameras}
    return spaces.Dict({**images, "state": spaces.Box(-STATE_BOUND, STATE_BOUND, (STATE_SIZE,), np.float32)})


def _action_space(limits: Limits) -> spaces.Space[Any]:
    high = np.array([limits.max_linear] * 3 + [limits.max_angular] * 3 + [1.0], np.float32)
    return spaces.Box(-high, high, dtype=np.float32)


for _task in TASKS:
    _id = f"balanced_bc/{_task.capitalize()}-v0"
    if _id not in gymnasium.registry:
        gymnasium.register(id=_id, entry_point=f"{__name__}:TabletopEnv", kwargs={"task": _task})

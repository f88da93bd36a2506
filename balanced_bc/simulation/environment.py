"""A desk as a gymnasium environment, whatever world simulates it.

`gymnasium.make("balanced_bc.simulation.environment:balanced_bc/Opening-v0")` makes the tabletop's as well, and
`balanced_bc/CalvinOpening-v0` that of CALVIN.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Literal, overload

import gymnasium
import numpy as np
from numpy.typing import ArrayLike, NDArray

from balanced_bc.control.errors import ControlError
from balanced_bc.control.limiter import Limits, checked_twist, limit_speed
from balanced_bc.demonstrations.contract import GRIPPER_CAMERA, STATIC_CAMERA, RobotContract
from balanced_bc.demonstrations.observation import ACTION_SIZE, Observation
from balanced_bc.simulation import panda
from balanced_bc.simulation.arm import ArmConfig, ArmTarget, advance, hold
from balanced_bc.simulation.cameras import STATIC_VIEW
from balanced_bc.simulation.engine import PHYSICS_RATE
from balanced_bc.simulation.errors import SimulationError
from balanced_bc.simulation.scene import Images, SceneState, Start, observation_of, robot_state
from balanced_bc.simulation.spaces import action_space, observation_space
from balanced_bc.simulation.tasks import TASKS, behavior_of, behaviors_of
from balanced_bc.simulation.world import World
from balanced_bc.simulation.worlds import CALVIN, TABLETOP, DeskWorld, require_world

CONTRACT = RobotContract()
"""The simulated robot: its cameras, joints and rate."""
SUBSTEPS = round(PHYSICS_RATE / CONTRACT.rate)
"""Physics steps per control period."""
SETTLE_STEPS = 24
"""Physics steps between a placement and the first observation, so that the blocks rest."""
START_TRIES = 1000
"""How many starts in collision are thrown away before giving up."""

EnvObservation = dict[str, NDArray[Any]]


class DeskEnv(gymnasium.Env[EnvObservation, Any], ABC):
    """A Franka Panda at a desk, commanded with end-effector twists at 30 Hz.

    An action is a twist in the base frame, [m/s] and [rad/s], and the gripper (open from 0 up, else close), (7,).
    Speeds beyond `limits` are shortened to them. The reward is 1 where the episode's behavior is done, which ends it.
    """

    ARM = ArmConfig()
    """How the arm follows a twist."""
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
        if horizon < 1 or render_size < 1:
            raise SimulationError(f"horizon is {horizon} and render_size is {render_size}; both must be at least 1")
        self.task = task
        self.behaviors = behaviors_of(task)
        self.behavior = ""
        self.horizon = horizon
        self.render_mode = render_mode
        self._limits = limits or Limits()
        self._render_images = render_images
        self._render_size = render_size
        self.observation_space = observation_space(CONTRACT, render_images)
        self.action_space = action_space(self._limits)
        self._world = self._open(window)
        self._target: ArmTarget | None = None
        self._steps = self._episode = 0

    @abstractmethod
    def _open(self, window: bool) -> DeskWorld:
        """Make the world; a window shows it if wanted."""

    @abstractmethod
    def frame(self, height: int, width: int) -> NDArray[np.uint8]:
        """The static camera's view in another size, for people, uint8, (height, width, 3)."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[EnvObservation, dict[str, Any]]:
        """Begin an episode; `options["behavior"]` says which behavior is wanted, else it is drawn.

        Raises:
            SimulationError: There is no such behavior or option, or the physics blew up.
        """
        super().reset(seed=seed)
        self.behavior = self._wanted(options or {})
        self._episode = 1 if seed is not None else self._episode + 1
        self._steps, self._succeeded = 0, False
        self._place(self._draw_start())
        self._start = self._scene = self._look()
        return self._gym_observation(), self._info()

    def step(self, action: ArrayLike) -> tuple[EnvObservation, float, bool, bool, dict[str, Any]]:
        """Act for one control period.

        Raises:
            SimulationError: The action has another size than 7, is not finite, no episode has begun, or the physics
                blew up: then seed and step say how to see it again.
        """
        if self._target is None:
            raise SimulationError("no episode has begun; call reset before step")
        twist, opens = self._checked(action)
        measured = self._measured()
        target = advance(self._target, twist, measured, panda.REST, CONTRACT.period, self.ARM)
        self._world.step(self._target.joints, target.joints, opens, SUBSTEPS)
        self._steps += 1
        self._target, self._scene = target, self._look()
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
        self._target = hold(start.joints, self.ARM.tcp_from_hand)

    def _measured(self) -> NDArray[np.float64]:
        """Measured joints, if they are any: physics that blew up answer with NaN for ever after."""
        joints = self._world.joints()
        self._require_finite({"joints": joints})
        return joints

    def _look(self) -> SceneState:
        """The scene, if it is one."""
        self._measured()
        scene = self._world.scene()
        self._require_finite(scene._asdict())
        return scene

    def _require_finite(self, named: Mapping[str, Any]) -> None:
        if np.isfinite(np.hstack(tuple(named.values()))).all():
            return
        lost = [name for name, value in named.items() if not np.isfinite(value).all()]
        self._target = None
        raise SimulationError(
            f"the physics blew up: {', '.join(lost)} not finite at step {self._steps} of episode {self._episode} "
            f"({self.behavior}) from seed {self.np_random_seed}"
        )

    def _checked(self, action: ArrayLike) -> tuple[NDArray[np.float64], bool]:
        try:
            array = np.asarray(action, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise SimulationError(
                f"an action has {ACTION_SIZE} numbers (twist and gripper); this is {action!r}"
            ) from error
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


class TabletopEnv(DeskEnv):
    """The desk in our own world, which comes with this package."""

    _world: World

    def _open(self, window: bool) -> World:
        return World(window)

    def frame(self, height: int, width: int) -> NDArray[np.uint8]:
        """The static camera's view in another size, for people, uint8, (height, width, 3)."""
        return self._world.image(STATIC_VIEW, height, width)


@overload
def make(task: str, world: Literal["tabletop"] = "tabletop", **options: Any) -> TabletopEnv: ...
@overload
def make(task: str, world: str, **options: Any) -> DeskEnv: ...
def make(task: str, world: str = TABLETOP, **options: Any) -> DeskEnv:
    """Make the environment of a task.

    Args:
        task: Name of the task.
        world: tabletop or calvin.
        options: As of `DeskEnv`.

    Raises:
        SimulationError: There is no such task or world, then those that exist are listed; or CALVIN is not installed.
    """
    require_world(world)
    if world == CALVIN:
        from balanced_bc.simulation.calvin import CalvinEnv

        return CalvinEnv(task, **options)
    return TabletopEnv(task, **options)


def _register(name: str, entry_point: str, task: str) -> None:
    if name not in gymnasium.registry:
        gymnasium.register(id=name, entry_point=entry_point, kwargs={"task": task})


for _task in TASKS:
    _register(f"balanced_bc/{_task.capitalize()}-v0", f"{__name__}:TabletopEnv", _task)
    _register(f"balanced_bc/Calvin{_task.capitalize()}-v0", "balanced_bc.simulation.calvin:CalvinEnv", _task)

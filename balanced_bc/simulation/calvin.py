"""CALVIN, the paper's simulator, as the same environment as the tabletop.

Same spaces, tasks, starts, success tests and units; other physics and other pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balanced_bc.simulation.arm import ArmConfig
from balanced_bc.simulation.calvin_world import TCP_FROM_HAND, CalvinWorld
from balanced_bc.simulation.environment import DeskEnv, EnvObservation

ORACLE_TASKS: Mapping[str, str] = {
    "slider": "move_slider_left",
    "drawer": "open_drawer",
    **dict.fromkeys(("left", "middle", "right"), "lift_red_block_table"),
}
"""Behavior to the task of CALVIN that it is."""


class CalvinEnv(DeskEnv):
    """The desk in calvin_env. `info["calvin_success"]` says what CALVIN's own oracle makes of the episode."""

    ARM = ArmConfig(tcp_from_hand=TCP_FROM_HAND)
    _world: CalvinWorld

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[EnvObservation, dict[str, Any]]:
        """Begin an episode, as `DeskEnv.reset` does."""
        self._achieved = False
        observation, info = super().reset(seed=seed, options=options)
        self._world.remember()
        return observation, info

    def step(self, action: ArrayLike) -> tuple[EnvObservation, float, bool, bool, dict[str, Any]]:
        """Act for one control period, as `DeskEnv.step` does."""
        observation, reward, terminated, truncated, info = super().step(action)
        self._achieved = self._achieved or self._world.achieved(ORACLE_TASKS[self.behavior])
        return observation, reward, terminated, truncated, {**info, "calvin_success": self._achieved}

    def frame(self, height: int, width: int) -> NDArray[np.uint8]:
        """The static camera's view in another size, for people, uint8, (height, width, 3)."""
        return self._world.static_image(height, width)

    def _open(self, window: bool) -> CalvinWorld:
        return CalvinWorld(window)

    def _info(self) -> dict[str, Any]:
        return {**super()._info(), "calvin_success": self._achieved}

"""Watching takes: into a film, in a window, or both."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from balanced_bc.simulation.environment import CONTRACT, DeskEnv, make
from balanced_bc.simulation.tasks import behavior_of, behaviors_of
from balanced_bc.watching.config import WatchConfig
from balanced_bc.watching.errors import WatchingError
from balanced_bc.watching.film import EVERY, write_film
from balanced_bc.watching.pictures import seen, titled
from balanced_bc.watching.players import Player, PolicyPlayer, ScriptedPlayer
from balanced_bc.watching.takes import Moment, Shown, take

LINGER = 12
"""Frames for which the end of a take is shown."""

Take = tuple[str, int]
"""Behavior and seed."""


def watch(config: WatchConfig) -> Iterator[Shown]:
    """Act, and show it; the film is written at the end.

    Raises:
        SimulationError: There is no such task, behavior or quality; those that exist are listed.
        PolicyError: There is no such checkpoint, or it was made for other cameras.
        WatchingError: A window is wanted and there is no screen.
    """
    takes = takes_of(config, config.takes)
    player = ScriptedPlayer(config.quality) if config.checkpoint is None else PolicyPlayer(config.checkpoint)
    return play(player, takes, config)


def play(player: Player, takes: Sequence[Take], config: WatchConfig) -> Iterator[Shown]:
    """Let a player act at some starts, and show it; the film is written at the end.

    Args:
        player: Who acts.
        takes: Behavior and seed of each start.
        config: Task, horizon, and what is shown where.
    """
    if config.window:
        require_screen()
    return _played(player, takes, config)


def _played(player: Player, takes: Sequence[Take], config: WatchConfig) -> Iterator[Shown]:
    world = make(config.task, config.world, render_images=False, window=config.window, horizon=config.horizon + 1)
    frames: list[NDArray[np.uint8]] = []
    try:
        for done, (behavior, seed) in enumerate(takes, start=1):
            for moment in paced(take(world, player, behavior, seed, config.horizon), config.window):
                frames += frames_of(world, moment, config) if config.file else []
            yield Shown(done, len(takes), moment.note)
    finally:
        world.close()
    if config.file:
        write_film(frames, config.file)


def takes_of(config: WatchConfig, count: int) -> list[Take]:
    """What is watched: so many of each behavior, one behavior after another.

    Raises:
        SimulationError: There is no such task or behavior; those that exist are listed.
    """
    if config.behavior:
        behavior_of(config.task, config.behavior)
    behaviors = (config.behavior,) if config.behavior else behaviors_of(config.task)
    return [(behavior, config.seed + index) for behavior in behaviors for index in range(count)]


def frames_of(world: DeskEnv, moment: Moment, config: WatchConfig) -> list[NDArray[np.uint8]]:
    """Frames that show a moment: none at most ticks, some at the end."""
    if not moment.over and moment.tick % EVERY:
        return []
    frame = titled(seen(world, config.view, config.size), moment.title)
    return [frame] * (LINGER if moment.over else 1)


def paced(moments: Iterator[Moment], in_real_time: bool) -> Iterator[Moment]:
    """Moments not faster than the robot makes them, if somebody looks on."""
    due = time.monotonic()
    for moment in moments:
        yield moment
        due = max(due + CONTRACT.period, time.monotonic() - CONTRACT.period)
        if in_real_time:
            time.sleep(max(0.0, due - time.monotonic()))


def require_screen() -> None:
    """Refuse to open a window where there is none to open it on.

    Raises:
        WatchingError: There is no screen.
    """
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        raise WatchingError(
            "a window wants a screen: DISPLAY is not set. Write a file instead, as in --output film.gif"
        )

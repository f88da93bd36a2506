"""Showing again what was done: side by side in a film, or the ends of it in a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from balanced_bc.simulation.environment import DeskEnv, make
from balanced_bc.watching.film import EVERY, write_film
from balanced_bc.watching.pictures import Picture, below, beside, titled
from balanced_bc.watching.starts import write_picture
from balanced_bc.watching.takes import Shown
from balanced_bc.watching.watch import LINGER

COLUMNS = 3
"""Failures in a row."""


class Replay(NamedTuple):
    """What was done from one start. The world is deterministic, so it happens again.

    Attributes:
        behavior: Behavior that the start calls for.
        seed: Seed of the start.
        actions: What was commanded at each tick, (T, 7).
        title: What is written above it, in a word or two.
    """

    behavior: str
    seed: int
    actions: NDArray[np.float32]
    title: str


def film_replays(rows: Sequence[Sequence[Replay]], task: str, world: str, size: int, path: Path) -> Iterator[Shown]:
    """Film replays, one row after another, those of a row side by side; the film is written at the end.

    Args:
        rows: Replays that are shown at once; all rows have the same number.
        task: Name of the task.
        world: Name of the world.
        size: Height and width of each, [px].
        path: File to write, .gif or .mp4.
    """
    frames: list[Picture] = []
    opened = make(task, world, render_images=False, horizon=_longest([one for row in rows for one in row]))
    try:
        for done, row in enumerate(rows, start=1):
            title = f"{row[0].behavior}, seed {row[0].seed}"
            frames += [titled(frame, title) for frame in together([filmed(opened, replay, size) for replay in row])]
            yield Shown(done, len(rows), title)
    finally:
        opened.close()
    write_film(frames, path)


def draw_ends(replays: Sequence[Replay], task: str, world: str, size: int, path: Path) -> Iterator[Shown]:
    """Draw start and end of replays into one picture, which is written at the end; arguments as of `film_replays`."""
    cells: list[Picture] = []
    opened = make(task, world, render_images=False, horizon=_longest(replays))
    try:
        for done, replay in enumerate(replays, start=1):
            first, *_, last = [opened.frame(size, size) for tick in moments(opened, replay) if _is_end(tick, replay)]
            title = f"{replay.behavior}, seed {replay.seed}: {replay.title}"
            cells.append(titled(beside((first, last)), title))
            yield Shown(done, len(replays), title)
    finally:
        opened.close()
    write_picture(below([beside(cells[at : at + COLUMNS]) for at in range(0, len(cells), COLUMNS)]), path)


def filmed(world: DeskEnv, replay: Replay, size: int) -> list[Picture]:
    """Frames of a replay below its title; the last one is its end."""
    wanted = (tick for tick in moments(world, replay) if tick % EVERY == 0 or tick == len(replay.actions))
    return [titled(world.frame(size, size), replay.title) for _ in wanted]


def together(films: Sequence[Sequence[Picture]]) -> list[Picture]:
    """Films side by side; one that ends earlier waits for the others, and all for a moment."""
    last = [film[-1] for film in films]
    rows = ([end if frame is None else frame for frame, end in zip(now, last)] for now in zip_longest(*films))
    frames = [beside(row) for row in rows]
    return [*frames, *[frames[-1]] * LINGER]


def moments(world: DeskEnv, replay: Replay) -> Iterator[int]:
    """Let it happen again: the number of actions so far, from 0 to T; the world can be looked at in between."""
    world.reset(seed=replay.seed, options={"behavior": replay.behavior})
    yield 0
    for tick, action in enumerate(replay.actions, start=1):
        world.step(action)
        yield tick


def _is_end(tick: int, replay: Replay) -> bool:
    return tick in (0, len(replay.actions))


def _longest(replays: Sequence[Replay]) -> int:
    return max(len(replay.actions) for replay in replays) + 1

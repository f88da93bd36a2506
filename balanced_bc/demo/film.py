"""A film of a policy: one rollout of each behavior, one after another, as a GIF."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from balanced_bc.policies.actor import ChunkedActor
from balanced_bc.policies.checkpoint import load
from balanced_bc.simulation.environment import TabletopEnv

Frame = NDArray[np.uint8]
SIZE = 300
"""Height and width of the film, [px]."""
EVERY = 2
"""Ticks between two frames of the film."""
LINGER = 12
"""Frames for which the end of a rollout is shown."""
COLORS = 96
"""Colors of the palette: what keeps the file small."""


def film(checkpoint: Path, takes: Sequence[tuple[str, int]], task: str, path: Path, horizon: int = 120) -> None:
    """Write a GIF of rollouts.

    Args:
        checkpoint: Folder of the policy.
        takes: Behavior and seed of each rollout.
        task: Task of the world.
        path: File to write.
        horizon: Ticks after which a rollout ends, done or not.
    """
    world, actor = TabletopEnv(task, render_images=False, horizon=horizon), ChunkedActor(load(checkpoint).policy)
    frames = [frame for take in takes for frame in rolled(world, actor, *take)]
    world.close()
    images = [Image.fromarray(frame).quantize(COLORS, dither=Image.Dither.NONE) for frame in frames]
    part = path.with_name(f".{path.name}")
    duration = round(1000 * EVERY / 30)
    images[0].save(part, format="GIF", save_all=True, append_images=images[1:], duration=duration, loop=0)
    part.replace(path)


def rolled(world: TabletopEnv, actor: ChunkedActor, behavior: str, seed: int) -> Iterator[Frame]:
    """Roll out once and yield every second frame."""
    _, info = world.reset(seed=seed, options={"behavior": behavior})
    actor.reset()
    tick, over = 0, False
    while not over:
        if tick % EVERY == 0:
            yield titled(world.frame(SIZE, SIZE), behavior)
        observation = world.observe() if actor.needs_observation else None
        _, _, done, truncated, info = world.step(actor.act(observation))
        tick, over = tick + 1, done or truncated
    end = titled(world.frame(SIZE, SIZE), f"{behavior}: {'done' if info['success'] else 'not done'}")
    yield from (end for _ in range(LINGER))


def titled(frame: Frame, title: str) -> Frame:
    """The frame with a line of text in its corner."""
    image = Image.fromarray(frame)
    ImageDraw.Draw(image).text((8, 6), title, fill=(20, 20, 20), font_size=16)
    return np.asarray(image)

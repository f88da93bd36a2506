"""A contact sheet: where the episodes of each behavior start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from balanced_bc.simulation.environment import DeskEnv, make
from balanced_bc.watching.config import WatchConfig
from balanced_bc.watching.mark import MARK
from balanced_bc.watching.pictures import Picture, below, beside, headline
from balanced_bc.watching.takes import Shown
from balanced_bc.watching.watch import Take, takes_of

COLUMNS = 6
"""Starts in a row."""
COLORS = 128
"""Colors of the palette: what keeps the file small."""


def draw_starts(config: WatchConfig) -> Iterator[Shown]:
    """Draw `config.starts` starts of each behavior; the picture is written at the end.

    Raises:
        SimulationError: There is no such task or behavior; those that exist are listed.
    """
    return _drawn(config, takes_of(config, config.starts))


def _drawn(config: WatchConfig, takes: Sequence[Take]) -> Iterator[Shown]:
    world = make(config.task, config.world, render_images=False)
    drawn: dict[str, list[Picture]] = {}
    try:
        for done, (behavior, seed) in enumerate(takes, start=1):
            drawn.setdefault(behavior, []).append(start(world, behavior, seed, config.size))
            yield Shown(done, len(takes), f"{behavior}, seed {seed}")
    finally:
        world.close()
    if config.file is not None:
        write_picture(sheet(drawn), config.file)


def start(world: DeskEnv, behavior: str, seed: int, size: int) -> Picture:
    """One start, uint8, (size, size, 3)."""
    world.reset(seed=seed, options={"behavior": behavior})
    return world.frame(size, size)


def sheet(drawn: dict[str, list[Picture]]) -> Picture:
    """Rows of starts below the name of their behavior."""
    rows: list[Picture] = []
    for behavior, pictures in drawn.items():
        rows.append(headline(behavior, pictures[0].shape[1]))
        rows.extend(beside(pictures[first : first + COLUMNS]) for first in range(0, len(pictures), COLUMNS))
    return below(rows)


def write_picture(picture: Picture, path: Path) -> None:
    """Write a PNG; a file of that name is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    comment = PngInfo()
    comment.add_text("Comment", MARK)
    small = Image.fromarray(picture).quantize(COLORS, dither=Image.Dither.NONE)
    small.save(part, format="PNG", optimize=True, pnginfo=comment)
    part.replace(path)

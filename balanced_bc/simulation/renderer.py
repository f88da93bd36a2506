"""Which renderer draws: a graphics card through EGL where there is one, else PyBullet's software renderer."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from balanced_bc.simulation.errors import SimulationError

SOFTWARE, HARDWARE = "software", "hardware"
VARIABLE = "BALANCED_BC_RENDERER"
"""Environment variable that names the renderer to take, whatever there is."""
DEVICES = ("nvidia[0-9]*", "dri/renderD*")
"""Device files of graphics cards, in /dev."""
SOFTWARE_GL = ("llvmpipe", "softpipe", "swrast", "software", "swiftshader")
"""Parts of the names of OpenGL without a graphics card; PyBullet's own software renderer is ten times as fast."""
PATIENCE = 60.0
"""Time that EGL has to start, [s]."""
PROBE = "from balanced_bc.simulation.engine import Engine; print('drawn by', Engine(hardware=True).graphics)"


class Renderer(NamedTuple):
    """A choice.

    Attributes:
        name: software or hardware.
        reason: Why it was chosen.
    """

    name: str
    reason: str


@lru_cache(maxsize=1)
def renderer() -> Renderer:
    """The renderer of this process."""
    found = [str(path) for pattern in DEVICES for path in Path("/dev").glob(pattern)]
    return chosen(os.environ.get(VARIABLE), found, started)


def chosen(wish: str | None, devices: Sequence[str], start: Callable[[], str]) -> Renderer:
    """Choose a renderer.

    Args:
        wish: Name of the wanted one; None leaves it open.
        devices: Device files of graphics cards.
        start: Starts EGL and says what draws; nothing if it does not start. Called only where there is a device.

    Raises:
        SimulationError: The wish is for something else.
    """
    if wish:
        if wish not in (SOFTWARE, HARDWARE):
            raise SimulationError(f"{VARIABLE} is {wish!r}; it can be {SOFTWARE} or {HARDWARE}")
        return Renderer(wish, f"{VARIABLE} is {wish}")
    if not devices:
        return Renderer(SOFTWARE, "there is no graphics card")
    if not (graphics := start()):
        return Renderer(SOFTWARE, f"EGL does not start, though there is {devices[0]}")
    if any(word in graphics.lower() for word in SOFTWARE_GL):
        return Renderer(SOFTWARE, f"EGL has only {graphics}")
    return Renderer(HARDWARE, f"EGL draws with {graphics}")


def started() -> str:
    """What EGL draws with, tried in a process of its own, since the plugin ends its process where it fails."""
    try:
        tried = subprocess.run((sys.executable, "-c", PROBE), capture_output=True, timeout=PATIENCE, check=True)
    except (subprocess.SubprocessError, OSError):
        return ""
    said = re.search(r"^drawn by (.*)$", tried.stdout.decode(errors="replace"), re.MULTILINE)
    return said[1].strip() if said else ""

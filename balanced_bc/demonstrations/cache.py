"""Aligned arrays of episodes, kept beside the dataset so that a bag is decoded once. Derived and disposable.

Each episode has a folder of .npy files, named after all that the arrays depend on. It is built under another name and
renamed, so two processes may build it at once, and one that is killed leaves nothing half done under the real name.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import numpy as np

from balanced_bc.demonstrations.alignment import ALIGNMENT_VERSION
from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.errors import DemonstrationError
from balanced_bc.demonstrations.observation import Demonstration

KEY_LENGTH = 16


def key_of(bag_file: Path, contract: RobotContract) -> str:
    """Hash of all that an episode's aligned arrays depend on: the bag's file, the contract, the rules of alignment."""
    status = bag_file.stat()
    parts = [status.st_size, status.st_mtime_ns, contract.to_dict(), ALIGNMENT_VERSION]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:KEY_LENGTH]


def cached(cache: Path, name: str, key: str, build: Callable[[Path], None], contract: RobotContract) -> Demonstration:
    """Load an episode's aligned arrays, after building them if they are missing, stale or damaged.

    Args:
        cache: The dataset's cache folder.
        name: Name of the episode's folder.
        key: See `key_of`.
        build: Writes the arrays into the folder that it is given.
        contract: Names the cameras.

    Raises:
        DemonstrationError: The arrays can be written nowhere.
    """
    folder = cache / f"{name}-{key}"
    if folder.is_dir():
        try:
            return load(folder, contract)
        except (OSError, ValueError, EOFError):
            shutil.rmtree(folder, ignore_errors=True)
    try:
        _build(cache, folder, build)
    except OSError:
        return _uncached(cache, build, contract)
    return load(folder, contract)


def load(folder: Path, contract: RobotContract) -> Demonstration:
    """Open aligned arrays; images are memory-mapped and read-only, the rest is small and read."""
    scene = folder / "scene.npy"
    return Demonstration(
        ticks=np.load(folder / "ticks.npy"),
        images={c.name: np.asarray(np.load(folder / f"{c.name}.npy", mmap_mode="r")) for c in contract.cameras},
        state=np.load(folder / "state.npy"),
        action=np.load(folder / "action.npy"),
        scene=np.load(scene) if scene.exists() else None,
    )


def _uncached(cache: Path, build: Callable[[Path], None], contract: RobotContract) -> Demonstration:
    """Build arrays where the cache cannot be written, as on a read-only disk. What is mapped outlives its name."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            build(Path(folder))
        except OSError as error:
            where = tempfile.gettempdir()
            raise DemonstrationError(
                f"aligned arrays can be written neither to {cache} nor to {where}: {error.strerror}; make room in one "
                "of them"
            ) from error
        return load(Path(folder), contract)


def _build(cache: Path, folder: Path, build: Callable[[Path], None]) -> None:
    cache.mkdir(exist_ok=True)
    unfinished = cache / f".{folder.name}.{uuid4().hex}"
    unfinished.mkdir()
    try:
        build(unfinished)
        _remove_stale(cache, folder)
        unfinished.rename(folder)
    except OSError:
        # Another process was faster: its arrays are the same.
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _remove_stale(cache: Path, folder: Path) -> None:
    """Remove the episode's arrays of other keys; whoever has them mapped keeps them."""
    name = folder.name[: -KEY_LENGTH - 1]
    for other in cache.glob(f"{name}-*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)

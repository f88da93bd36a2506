"""Folders of files that follow from a dataset: written once, by whoever is first, whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from balanced_bc.demonstrations.durable import sync
from balanced_bc.learning.errors import LearningError


def make(folder: Path, fill: Callable[[Path], None], what: str) -> None:
    """Write the files under another name and rename, so that a process that is killed leaves nothing half done.

    Args:
        folder: Where to; it does not exist yet.
        fill: Writes the files into the folder that it is given.
        what: What is kept there, for the error.

    Raises:
        LearningError: The folder cannot be written.
    """
    unfinished = folder.with_name(f".{folder.name}.{uuid4().hex}")
    try:
        unfinished.mkdir(parents=True)
        fill(unfinished)
        for path in unfinished.iterdir():
            sync(path)
        unfinished.rename(folder)
    except OSError as error:
        # Another process may have been faster: its files are the same.
        if not folder.is_dir():
            raise LearningError(f"{what} cannot be kept in {folder.parent} ({error}); use memory host") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)

"""Rollouts that are over, kept in a file while an evaluation goes on, so that one that was interrupted can go on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.evaluation.rollout import Job, Rollout

FORMAT = 1
"""Version of the file: a line of JSON that says what is evaluated, then one for each rollout."""


def journal_of(output: Path) -> Path:
    """The file beside an output."""
    return output.with_name(f".{output.name}.journal")


class Journal:
    """Keeps each rollout as a line, as soon as it is over; a last line that is not whole is as good as not there."""

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        """Go on with a file, or begin anew if it is about something else.

        Args:
            path: The file; its folder is made.
            about: Everything that a rollout depends on beside its behavior and seed, in plain types.

        Raises:
            LearningError: The file is about this, and a line of it is damaged.
        """
        self._path = path
        head = json.dumps({"format": FORMAT, **about})
        lines = _whole_lines(path)
        self.kept: dict[Job, Rollout] = {}
        if lines[:1] == [head]:
            self.kept = {one.job: one for one in _read(path, lines[1:])}
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        part.write_text("".join(f"{line}\n" for line in (head, *map(_line, self.kept.values()))), encoding="utf-8")
        part.replace(path)

    def keep(self, rollout: Rollout) -> None:
        """One more is over."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{_line(rollout)}\n")

    def remove(self) -> None:
        """The evaluation is done and written elsewhere."""
        self._path.unlink(missing_ok=True)


def _read(path: Path, lines: Sequence[str]) -> list[Rollout]:
    try:
        return [Rollout(**json.loads(line)) for line in lines]
    except (ValueError, TypeError) as error:
        raise LearningError(f"{path} is damaged ({error}); remove it to begin anew") from error


def _line(rollout: Rollout) -> str:
    return json.dumps(rollout._asdict())


def _whole_lines(path: Path) -> list[str]:
    """Lines that were written to their end."""
    if not path.is_file():
        return []
    *lines, _ = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return lines

"""What a conductor has done, as a file that says what is left. No ROS."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from balanced_bc.nodes.errors import NodeError


class Take(NamedTuple):
    """One demonstration or rollout.

    Attributes:
        behavior: What was asked for.
        seed: Seed of the world's reset.
        success: Whether it was done.
        duration: From the first command to success or the end, in simulated time, [s].
        end: How it ended: the actor's last state.
    """

    behavior: str
    seed: int
    success: bool
    duration: float
    end: str


class Ledger:
    """A YAML file of takes, rewritten atomically after each one."""

    def __init__(self, path: Path, actor: str) -> None:
        """Continue a ledger, or begin it.

        Raises:
            NodeError: The file is damaged, or another actor's.
        """
        self.path = path
        self.actor = actor
        self.takes: tuple[Take, ...] = _read(path, actor) if path.exists() else ()

    def add(self, take: Take) -> None:
        """Append a take; when this returns, it is on the disk."""
        self.takes = (*self.takes, take)
        plain = {"actor": self.actor, "takes": [take._asdict() for take in self.takes]}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        with partial.open("w", encoding="utf-8") as file:
            yaml.safe_dump(plain, file, sort_keys=False)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path)

    def count(self, behavior: str) -> int:
        """Takes of a behavior."""
        return sum(take.behavior == behavior for take in self.takes)

    def successes(self, behavior: str) -> int:
        """Takes of a behavior that succeeded."""
        return sum(take.behavior == behavior and take.success for take in self.takes)

    def failures(self, behavior: str) -> int:
        """Takes of a behavior that failed since its last success."""
        takes = (take for take in reversed(self.takes) if take.behavior == behavior)
        return sum(1 for _ in takewhile(lambda take: not take.success, takes))

    def next_seed(self, behavior: str, first: int) -> int:
        """First seed from `first` on that no take of this behavior has used."""
        return max((take.seed + 1 for take in self.takes if take.behavior == behavior), default=first)


def _read(path: Path, actor: str) -> tuple[Take, ...]:
    plain: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(plain, Mapping) or set(plain) != {"actor", "takes"}:
        raise NodeError(f"{path} is no file of results: it must have exactly the keys actor and takes")
    if plain["actor"] != actor:
        raise NodeError(f"{path} has results of the {plain['actor']}, not of the {actor}; choose another file")
    try:
        return tuple(Take(**take) for take in plain["takes"])
    except TypeError as error:
        raise NodeError(f"{path} is damaged: {error}; a take has {list(Take._fields)}") from error

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
        self.checkpoint, self.takes = _read(path, actor) if path.exists() else ("", ())

    def require(self, checkpoint: str) -> None:
        """Say whose takes these are.

        Raises:
            NodeError: There are takes of another checkpoint.
        """
        if self.takes and checkpoint != self.checkpoint:
            raise NodeError(
                f"{self.path} has takes of another policy ({self.checkpoint or 'unknown'}, here {checkpoint}); "
                "remove it or choose another file for the results"
            )
        self.checkpoint = checkpoint

    def add(self, take: Take) -> None:
        """Append a take; when this returns, it is on the disk."""
        self.takes = (*self.takes, take)
        about = {"actor": self.actor, **({"checkpoint": self.checkpoint} if self.checkpoint else {})}
        plain = {**about, "takes": [take._asdict() for take in self.takes]}
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


def _read(path: Path, actor: str) -> tuple[str, tuple[Take, ...]]:
    """Fingerprint of the checkpoint, empty where there is none, and the takes."""
    plain: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(plain, Mapping) or set(plain) - {"checkpoint"} != {"actor", "takes"}:
        raise NodeError(f"{path} is no file of results: it must have the keys actor and takes, and may have checkpoint")
    if plain["actor"] != actor:
        raise NodeError(f"{path} has results of the {plain['actor']}, not of the {actor}; choose another file")
    try:
        return str(plain.get("checkpoint", "")), tuple(Take(**take) for take in plain["takes"])
    except TypeError as error:
        raise NodeError(f"{path} is damaged: {error}; a take has {list(Take._fields)}") from error

"""Acting once in the world, tick by tick."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from balanced_bc.simulation.environment import DeskEnv
from balanced_bc.watching.players import Player


class Moment(NamedTuple):
    """A tick of a take.

    Attributes:
        behavior: What the start calls for.
        seed: Of the start.
        actor: Who acts.
        tick: Number of actions so far.
        done: Whether the behavior has succeeded.
        over: Whether this is the end.
    """

    behavior: str
    seed: int
    actor: str
    tick: int
    done: bool
    over: bool

    @property
    def title(self) -> str:
        """In a word or two."""
        outcome = (": done" if self.done else ": not done") if self.over else ""
        return f"{self.behavior}, {self.actor}{outcome}"

    @property
    def note(self) -> str:
        """What came of it."""
        return f"{self.title} after {self.tick} steps, seed {self.seed}"


class Shown(NamedTuple):
    """One take more, or one start.

    Attributes:
        done: How many there are.
        total: How many are wanted.
        note: The last one in short.
    """

    done: int
    total: int
    note: str


def take(world: DeskEnv, player: Player, behavior: str, seed: int, horizon: int) -> Iterator[Moment]:
    """Let a player act until nothing is left to do or the horizon is over; the world can be looked at in between."""
    _, info = world.reset(seed=seed, options={"behavior": behavior})
    actor, tick = player.begin(world.task, behavior, seed), 0
    while tick < horizon and (action := player.act(world, bool(info["success"]))) is not None:
        yield Moment(behavior, seed, actor, tick, bool(info["success"]), over=False)
        *_, info = world.step(action)
        tick += 1
    yield Moment(behavior, seed, actor, tick, bool(info["success"]), over=True)

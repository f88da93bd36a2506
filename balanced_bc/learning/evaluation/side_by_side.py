"""Rollouts side by side: several worlds in one process, whose actors are answered by one call of the policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from balanced_bc.demonstrations.observation import Observation
from balanced_bc.learning.config import EvaluationConfig
from balanced_bc.learning.device import one_thread
from balanced_bc.learning.evaluation.rollout import Job, Performance, Played, perform
from balanced_bc.policies.actor import ActingPolicy, Actions, ChunkedActor
from balanced_bc.policies.policy import Policy
from balanced_bc.simulation.environment import DeskEnv, make

ROWS = 4
"""Histories that the policy is asked about in one call, neither more nor less. Linear algebra sums in an order that
depends on the size of a batch and the number of threads, and in batches of 2 and 3 also on the place within them. So
a rollout would depend on those beside it in the last bits, which a closed loop makes large. 4 are enough: see tests."""

Take = Callable[[bool], Job | None]
"""Gives the next rollout to do, or None if there is none now; waits for one if told to."""


class Place:
    """A world, and the rollout that goes on in it."""

    def __init__(self, config: EvaluationConfig, policy: Policy) -> None:
        self._world: DeskEnv = make(config.task, config.world, render_images=False, horizon=config.horizon)
        self._actor, self._looks = ChunkedActor(policy), bool(policy.cameras)
        self._horizon = config.horizon
        self._performance: Performance | None = None
        self._chunk: Any = None

    @property
    def free(self) -> bool:
        """Whether nothing goes on here."""
        return self._performance is None

    def begin(self, job: Job) -> None:
        """Begin a rollout; nothing happens before `go_on`."""
        self._performance, self._chunk = perform(self._world, self._actor, job, self._horizon, self._looks), None

    def answer(self, chunk: Actions) -> None:
        """Hear what the policy says, (C, 7)."""
        self._chunk = chunk

    def go_on(self) -> Sequence[Observation] | Played:
        """Act until the policy must answer, to what was seen; or until the rollout is over."""
        assert self._performance is not None, "begin comes first"
        try:
            return self._performance.send(self._chunk)
        except StopIteration as over:
            self._performance = None
            played: Played = over.value
            return played

    def close(self) -> None:
        """Leave the world."""
        self._world.close()


def side_by_side(policy: Policy, config: EvaluationConfig, take: Take) -> Iterator[Played]:
    """Do rollouts until there are no more.

    A rollout does not depend on those beside it: see `answered`.

    Args:
        policy: Who answers.
        config: Task, world, horizon and the number of worlds; a world is made when it is first needed.
        take: Where the rollouts come from.
    """
    places: list[Place] = []
    try:
        while _filled(places, policy, config, take):
            seen: list[tuple[Place, Sequence[Observation]]] = []
            for place in (place for place in places if not place.free):
                came = place.go_on()
                if isinstance(came, Played):
                    yield came
                else:
                    seen.append((place, came))
            for (place, _), chunk in zip(seen, answered(policy, [what for _, what in seen])):
                place.answer(chunk)
    finally:
        for place in places:
            place.close()


def answered(policy: ActingPolicy, seen: Sequence[Sequence[Observation]]) -> list[Actions]:
    """Ask the policy for all who wait, (N, C, 7), always about `ROWS` of them at once, computed by one thread.

    Args:
        policy: Who answers.
        seen: N histories; the last call is filled up with one of them.
    """
    groups = [seen[first : first + ROWS] for first in range(0, len(seen), ROWS)]
    with one_thread():
        answers = [policy.act([*group, *[group[0]] * (ROWS - len(group))])[: len(group)] for group in groups]
    return [chunk for answer in answers for chunk in answer]


def _filled(places: list[Place], policy: Policy, config: EvaluationConfig, take: Take) -> bool:
    """Begin a rollout in every free place while there are any to do; whether something goes on."""
    while True:
        free = next((place for place in places if place.free), None)
        if free is None and len(places) == config.worlds:
            return True
        job = take(all(place.free for place in places))
        if job is None:
            return any(not place.free for place in places)
        if free is None:
            free = Place(config, policy)
            places.append(free)
        free.begin(job)

"""Executing chunks of actions: look, act E times and look again, or look at every tick and average what was planned."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from balanced_bc.demonstrations.observation import Observation
from balanced_bc.policies.errors import PolicyError

Actions = NDArray[np.float32]


class Execution(NamedTuple):
    """How predicted chunks become one action a tick.

    Attributes:
        execute: E, actions of a chunk that are executed before the next look.
        history: H, observations that the policy sees at once, of as many ticks.
        ensemble: m of temporal ensembling, which looks at every tick; None executes chunks.
    """

    execute: int = 1
    history: int = 1
    ensemble: float | None = None


class ActingPolicy(Protocol):
    """Anything that answers observations with the next actions."""

    @property
    def execution(self) -> Execution:
        """How its chunks are executed."""
        ...

    def act(self, seen: Sequence[Sequence[Observation]]) -> Actions:
        """Next actions, (N, C, 7), for each of N histories of H observations, the newest last."""
        ...


class Plan(Protocol):
    """What is left to do of what was predicted."""

    @property
    def left(self) -> int:
        """Actions that are left before the next look is due."""
        ...

    def add(self, chunk: Actions) -> None:
        """Plan with one more chunk that begins now, (C, 7)."""
        ...

    def next(self) -> Actions:
        """The action of this tick, (7,)."""
        ...


class Playback:
    """The first E actions of a chunk, one after another."""

    def __init__(self, execute: int) -> None:
        self._execute = execute
        self._pending: deque[Actions] = deque()

    @property
    def left(self) -> int:
        """Actions that are left before the next look is due."""
        return len(self._pending)

    def add(self, chunk: Actions) -> None:
        """Plan with one more chunk that begins now, (C, 7)."""
        self._pending.extend(chunk[: self._execute])

    def next(self) -> Actions:
        """The action of this tick, (7,)."""
        return self._pending.popleft()


class Ensemble:
    r"""Temporal ensembling (ACT): the mean of what all chunks, the oldest first, have planned for this tick.

    .. math:: a = \sum_i w_i a_i / \sum_i w_i, \quad w_i = \exp(-m i)

    The gripper opens or closes as the larger weight says.
    """

    left = 0
    """A look is due at every tick."""

    def __init__(self, decay: float) -> None:
        self._decay = decay
        self._chunks: deque[Actions] = deque()

    def add(self, chunk: Actions) -> None:
        """Plan with one more chunk that begins now, (C, 7)."""
        self._chunks.append(chunk)

    def next(self) -> Actions:
        """The action of this tick, (7,)."""
        planned = np.stack([chunk[0] for chunk in self._chunks])
        self._chunks = deque(chunk[1:] for chunk in self._chunks if len(chunk) > 1)
        weight = np.exp(-self._decay * np.arange(len(planned)))
        action: Actions = (weight @ planned / weight.sum()).astype(np.float32)
        action[6] = 1.0 if action[6] > 0 else -1.0
        return action


class ChunkedActor:
    """Yields one action a tick, and asks its policy only when a look is due."""

    def __init__(self, policy: ActingPolicy) -> None:
        self._policy = policy
        self.reset()

    @property
    def needs_observation(self) -> bool:
        """Whether this tick's observation will be looked at: now, or as the past of a look that is due soon."""
        return self._plan.left < self._policy.execution.history

    @property
    def needs_answer(self) -> bool:
        """Whether the policy must answer before the next action."""
        return self._plan.left == 0

    @property
    def seen(self) -> Sequence[Observation]:
        """The last H observations, the newest last; before there are so many, the first one stands for the past."""
        missing = self._policy.execution.history - len(self._seen)
        return (*[self._seen[0]] * missing, *self._seen)

    def see(self, observation: Observation) -> None:
        """Remember what is seen at this tick."""
        self._seen.append(observation)

    def answer(self, chunk: Actions) -> None:
        """Plan with what the policy answered to `seen`, (C, 7)."""
        self._plan.add(chunk)

    def next(self) -> Actions:
        """Next action, (7,), once the policy has answered if it had to."""
        return self._plan.next()

    def act(self, observation: Observation | None = None) -> Actions:
        """Next action, (7,).

        Args:
            observation: What is seen at this tick; needed only when `needs_observation`, unused otherwise.

        Raises:
            PolicyError: A look is due, and there is no observation.
        """
        if observation is not None:
            self.see(observation)
        if self.needs_answer:
            if observation is None:
                raise PolicyError("the last chunk of actions is used up: the next action wants an observation")
            self.answer(self._policy.act([self.seen])[0])
        return self.next()

    def reset(self) -> None:
        """Forget what is left of a chunk and what was seen: a new rollout, or a pause, begins with a look."""
        how = self._policy.execution
        self._plan: Plan = Playback(how.execute) if how.ensemble is None else Ensemble(how.ensemble)
        self._seen: deque[Observation] = deque(maxlen=how.history)

"""Executing chunks of actions: look, act E times, look again."""

from __future__ import annotations

from collections import deque
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from balanced_bc.demonstrations.observation import Observation
from balanced_bc.policies.errors import PolicyError


class ActingPolicy(Protocol):
    """Anything that answers an observation with the next actions."""

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """Next actions, (E, 7)."""
        ...


class ChunkedActor:
    """Yields one action a tick, and asks its policy only when the last answer is used up."""

    def __init__(self, policy: ActingPolicy) -> None:
        self._policy = policy
        self._pending: deque[NDArray[np.float32]] = deque()

    @property
    def needs_observation(self) -> bool:
        """Whether the next action wants a fresh observation."""
        return not self._pending

    def act(self, observation: Observation | None = None) -> NDArray[np.float32]:
        """Next action, (7,).

        Args:
            observation: What is seen at this tick; needed only when `needs_observation`, unused otherwise.
        """
        if not self._pending:
            if observation is None:
                raise PolicyError("the last chunk of actions is used up: the next action wants an observation")
            self._pending.extend(self._policy.act(observation))
        return self._pending.popleft()

    def reset(self) -> None:
        """Forget what is left of a chunk: a new rollout, or a pause, begins with a look."""
        self._pending.clear()

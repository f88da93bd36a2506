"""Losses and speed between two reports."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

import torch
from torch import Tensor

from balanced_bc.learning.training.parallel import Team

Group = TypeVar("Group", bound=Hashable)


class Tally(Generic[Group]):
    """Sums losses of each group since the last report, on the device.

    Attributes:
        total: Sum of the losses of each group, [nat], (k,).
        number: Pairs of each group, (k,).
        earlier: Pairs of them that were counted before this process began: they say nothing of its speed.
    """

    def __init__(self, groups: Sequence[Group], device: torch.device) -> None:
        self.groups = groups
        self.total, self.number = torch.zeros(len(groups), device=device), torch.zeros(len(groups), device=device)
        self.since = time.perf_counter()
        self.earlier = 0.0
        self.last: dict[Group, float] = {}

    def add(self, groups: Tensor, loss: Tensor) -> None:
        """Count the losses of a batch, (B,), of these groups, (B,)."""
        self.total.index_add_(0, groups, loss)
        self.number.index_add_(0, groups, torch.ones_like(loss))

    def read(self, team: Team) -> tuple[dict[Group, float], float]:
        """Mean loss of each group, [nat], and pairs per second; the losses before these, if there are none yet."""
        both = torch.stack((self.total, self.number))
        team.add([both])
        total, number = both.tolist()
        losses = {name: total[i] / number[i] for i, name in enumerate(self.groups) if number[i]}
        speed = (sum(number) - self.earlier) / max(time.perf_counter() - self.since, 1e-9)
        return losses or self.last, speed

    def restart(self, losses: dict[Group, float]) -> None:
        """Begin a new stretch; `losses` are those of the last one."""
        self.last = losses
        self.total.zero_()
        self.number.zero_()
        self.earlier = 0.0
        self.since = time.perf_counter()

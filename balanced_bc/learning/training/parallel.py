"""One training on several processes, as torchrun starts them: each has the same batch and computes on a part of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from balanced_bc.errors import BalancedBCError
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.training.draws import Draw

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store


class Team(NamedTuple):
    """Processes that train one policy.

    Attributes:
        rank: Number of this process; 0 leads: it alone writes and reports.
        size: Number of processes.
        store: Where the processes tell each other things by name; None for one process.
    """

    rank: int = 0
    size: int = 1
    store: Store | None = None

    @property
    def leads(self) -> bool:
        """Whether this process writes and reports."""
        return self.rank == 0

    def part(self, draw: Draw) -> Draw:
        """This process' part of a batch."""
        return draw if self.size == 1 else draw.part(self.rank, self.size)

    def add(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors of one type by their sums over all processes, in one message."""
        if self.size == 1:
            return
        joined = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(joined)
        sizes = [tensor.numel() for tensor in tensors]
        for tensor, total in zip(tensors, torch.split_with_sizes(joined, sizes)):
            tensor.copy_(total.view_as(tensor))

    def greatest(self, number: int) -> int:
        """The greatest of the processes' numbers."""
        if self.size == 1:
            return number
        value = torch.tensor(number)
        dist.all_reduce(value, dist.ReduceOp.MAX)
        return int(value)

    def told(self, value: Any) -> Any:
        """What process 0 has."""
        if self.size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0)
        return values[0]

    def require_same(self, value: str, name: str) -> None:
        """Refuse to train on something else than process 0.

        Raises:
            LearningError: The values differ.
        """
        if (first := self.told(value)) != value:
            raise LearningError(f"process {self.rank} has another {name} than process 0: {value} here, {first} there")

    def require(self, batch_size: int) -> None:
        """Refuse a batch of which some process would have nothing.

        Raises:
            LearningError: There are more processes than pairs in a batch.
        """
        if batch_size < self.size:
            raise LearningError(f"{self.size} processes cannot share a batch of {batch_size}; raise batch_size")


ALONE = Team()
"""A training without torchrun."""


def rank() -> int:
    """Number of this process among those that torchrun started; 0 without torchrun."""
    return int(os.environ.get("RANK", 0))


@contextmanager
def joined() -> Iterator[Team]:
    """Meet the other processes that torchrun started; alone without torchrun."""
    size = int(os.environ.get("WORLD_SIZE", 1))
    if size == 1:
        yield ALONE
        return
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count())
    store, place, size = next(rendezvous("env://"))
    group, work = (dist.PrefixStore(name, store) for name in ("group", "work"))  # type: ignore[attr-defined]
    dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", store=group, rank=place, world_size=size)
    try:
        yield Team(place, size, work)
    except BalancedBCError as error:
        error.is_told = is_told(work, str(error))
        raise
    finally:
        dist.destroy_process_group()


def is_told(store: Store, text: str) -> bool:
    """Whether another process has asked this before of the same text, and so tells people of it."""
    try:
        return store.add(f"told {text}", 1) > 1
    except RuntimeError:  # the store ended with its process
        return False

"""Batches on the device, one after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.training.augmentation import shifted
from balanced_bc.learning.training.draws import Draw
from balanced_bc.policies.batch import Batch


class Feed:
    """Gathers drawn pairs on a device; from the disk or the host to CUDA, one batch ahead of what is asked for.

    Args:
        pairs: On the device, or where they wait.
        draw: Draws the batch of a step.
        generator: What it draws from.
        device: Where batches are wanted.
    """

    def __init__(
        self, pairs: Pairs, draw: Callable[[int], Draw], generator: torch.Generator, device: torch.device
    ) -> None:
        self.pairs, self.device = pairs, device
        self._draw, self._generator = draw, generator
        self._moves = pairs.state.device != device
        self._thread = ThreadPoolExecutor(1) if self._moves or pairs.mapped else None
        self._next: Future[tuple[Draw, Batch]] | None = None
        self._before = generator.get_state()

    @property
    def state(self) -> Tensor:
        """State of the generator before the batch that comes next."""
        return self._before if self._next is not None else self._generator.get_state()

    def restore(self, state: Tensor) -> None:
        """Go on as from a generator of this state."""
        self._next = None
        self._generator.set_state(state)

    def next(self, step: int) -> tuple[Draw, Batch]:
        """Gather the batch of a step, the one after that of the last call."""
        if self._thread is None:
            return self._drawn(self._draw(step))
        ready = self._next or self._ask(step)
        drawn = ready.result()
        self._next = self._ask(step + 1)
        return drawn

    def gather(self, index: Tensor, offsets: Mapping[str, Tensor] | None = None) -> Batch:
        """The pairs at `index`, (B,), shifted by `offsets`, on the device."""
        batch = self.pairs.batch(index.to(self.pairs.state.device))
        return shifted(moved(batch, self.device) if self._moves else batch, offsets or {})

    def _ask(self, step: int) -> Future[tuple[Draw, Batch]]:
        """Draw now, gather in the thread."""
        assert self._thread is not None
        self._before = self._generator.get_state()
        return self._thread.submit(self._drawn, self._draw(step))

    def _drawn(self, draw: Draw) -> tuple[Draw, Batch]:
        return draw, self.gather(draw.pairs, draw.offsets)


def moved(batch: Batch, device: torch.device) -> Batch:
    """A batch in a device's memory, by way of pinned memory, so that the device need not wait for the copy."""

    def move(tensor: Tensor) -> Tensor:
        return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)

    images = {name: move(values) for name, values in batch.images.items()}
    return Batch(images, *(move(values) for values in batch[1:]))

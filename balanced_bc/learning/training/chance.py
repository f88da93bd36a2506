"""What policies of others draw from torch's global generators: masks of dropout, noise of a diffusion.

Ours draw nothing there. All other draws of a training have generators of their own: see `draws`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded(wanted: bool, device: torch.device, *numbers: int) -> Iterator[None]:
    """While it lasts, what is drawn follows from some numbers alone; afterwards the generators are as they were.

    So a step of training draws the same whatever came before it, and nothing has to be kept to go on.

    Args:
        wanted: Whether anything is drawn; if not, nothing is done.
        device: What computes.
        numbers: Such as a seed, a step and a rank; at least 0 each, and always as many.
    """
    if not wanted:
        yield
        return
    number = int(np.random.SeedSequence(numbers).generate_state(1)[0])
    cuda = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if cuda else []):
        torch.default_generator.manual_seed(number)
        if cuda:
            torch.cuda.manual_seed(number)
        yield

"""What may be wrong with demonstrations that are to be balanced."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import torch
from torch import Tensor

from balanced_bc.learning.batches import Pairs

LISTED = 10
"""Names in a warning, at most."""


def warnings(pairs: Pairs, episodes: Sequence[int] | None = None) -> tuple[str, ...]:
    """Say what a person should know of the data before trusting weights.

    Args:
        pairs: The dataset with its groups.
        episodes: Number of each demonstration in the dataset; counted from 0, if None.
    """
    return (*_repeated(pairs, episodes), *_constant(pairs))


def originals(pairs: Pairs) -> Tensor:
    """The first demonstration with the same states and actions, for each demonstration, (d,).

    Pairs of a demonstration that lie apart are taken as they are: nobody knows what a whole one was.
    """
    names, length = torch.unique_consecutive(pairs.demonstration, return_counts=True)
    number = int(pairs.demonstration.max()) + 1
    found = torch.arange(number)
    if len(names) != len(torch.unique(names)):
        return found
    first: dict[bytes, int] = {}
    start = 0
    for name, pairs_of_it in zip(names.tolist(), length.tolist()):
        part = slice(start, start + pairs_of_it)
        found[name] = first.setdefault(_content(pairs, part), name)
        start += pairs_of_it
    return found


def _content(pairs: Pairs, part: slice) -> bytes:
    digest = blake2b(digest_size=16)
    for values in (pairs.state[part], pairs.scene[part], pairs.action[part]):
        digest.update(values.numpy().tobytes())
    return digest.digest()


def _repeated(pairs: Pairs, episodes: Sequence[int] | None) -> tuple[str, ...]:
    """Demonstrations that are there more than once."""
    found = originals(pairs)
    numbers = range(len(found)) if episodes is None else episodes
    copies = [(numbers[here], numbers[first]) for here, first in enumerate(found.tolist()) if here != first]
    if not copies:
        return ()
    some = "; ".join(f"{here} is {first}" for here, first in copies[:LISTED])
    more = f" and {len(copies) - LISTED} more" if len(copies) > LISTED else ""
    return (
        f"{len(copies)} of {len(found)} demonstrations are there more than once (episode {some}{more}): they count as "
        "often, and are held out together. If they are copies, remove them",
    )


def _constant(pairs: Pairs) -> tuple[str, ...]:
    """Groups whose actions never change."""
    still = []
    for number, name in enumerate(pairs.groups):
        own = (pairs.group == number).nonzero().flatten()
        if len(own) and bool((pairs.action[own] == pairs.action[own[0]])[pairs.mask[own] > 0].all()):
            still.append(name)
    if not still:
        return ()
    return (
        f"the actions of {', '.join(still)} never change: a loss falls without end there and says nothing; look at "
        "what was recorded",
    )

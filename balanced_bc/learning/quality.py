"""What may be wrong with demonstrations: copies, actions that never change, odd values, mistyped tags."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from hashlib import blake2b
from itertools import zip_longest

import torch
from torch import Tensor

from balanced_bc.balancing import folds
from balanced_bc.demonstrations.tags import spelled
from balanced_bc.learning import oddities
from balanced_bc.learning.pairs import Pairs
from balanced_bc.words import listed

NEAR = 0.83
"""Likeness of two tags above which one may be mistyped: above that of optimal and suboptimal (0.82), below that of
silder and slider."""
FEW, TIMES = 3, 3
"""A group may be mistyped that has at most so many demonstrations, and another at least so many times as many."""
LISTED = 10
"""Names in a warning, at most."""


def warnings(pairs: Pairs) -> tuple[str, ...]:
    """Say what a person should know of the data before trusting weights or a policy."""
    return (*_repeated(pairs), *_constant(pairs), *oddities.warnings(pairs), *_mistyped(pairs))


def near(name: str, other: str) -> bool:
    """Whether two names of groups differ in one tag, and by so little that one of them may be mistyped.

    Tags that differ in numbers only (`push1` and `push2`) are taken to be meant.
    """
    tags = [(a, b) for a, b in zip_longest(name.split("+"), other.split("+"), fillvalue="") if a != b]
    if len(tags) != 1:
        return False
    (a, b), (words, others) = tags[0], (re.sub(r"\d+", "", tag) for tag in tags[0])
    return words != others and SequenceMatcher(None, a.lower(), b.lower()).ratio() > NEAR


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


def whole_copies(pairs: Pairs) -> Tensor:
    """The first demonstration with the content of each pair's own, (N,): copies belong to one side of a split."""
    return originals(pairs)[pairs.demonstration]


def _content(pairs: Pairs, part: slice) -> bytes:
    digest = blake2b(digest_size=16)
    for values in (pairs.state[part], pairs.scene[part], pairs.action[part]):
        digest.update(values.numpy().tobytes())
    return digest.digest()


def _repeated(pairs: Pairs) -> tuple[str, ...]:
    """Demonstrations that are there more than once."""
    found = originals(pairs)
    copies = [
        (pairs.episodes[here], pairs.episodes[first]) for here, first in enumerate(found.tolist()) if here != first
    ]
    if not copies:
        return ()
    some = listed([f"{here} is {first}" for here, first in copies], LISTED)
    return (
        f"{len(copies)} of {len(found)} demonstrations are there more than once (episode {some}): they count as "
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
        f"the actions of {listed(still, LISTED)} never change: a loss falls without end there and says nothing; look "
        "at what was recorded",
    )


def _mistyped(pairs: Pairs) -> tuple[str, ...]:
    """Small groups whose name is nearly that of a much larger one."""
    found = folds.counts(pairs.demonstration, pairs.group, len(pairs.groups)).tolist()
    rare = [(group, name, few) for group, (name, few) in enumerate(zip(pairs.groups, found)) if few <= FEW]
    told = [
        f"{name} (episodes {_episodes(pairs, group)}) is nearly {other} ({many} demonstrations)"
        for group, name, few in rare
        for other, many in zip(pairs.groups, found)
        if many >= TIMES * few and near(name, other)
    ]
    return tuple(f"{one}; if it is mistyped, mend it with `balanced-bc tag`" for one in told[:LISTED])


def _episodes(pairs: Pairs, group: int) -> str:
    return spelled(pairs.episodes[one] for one in torch.unique(pairs.demonstration[pairs.group == group]).tolist())

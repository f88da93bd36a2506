"""What a training says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from balanced_bc.learning import oddities
from balanced_bc.learning.batches import Pairs
from balanced_bc.policies.policy import Policy


class Share(NamedTuple):
    """What a group brings to a training.

    Attributes:
        demonstrations: Demonstrations of the group.
        held_out: Those of them that are held out.
        pairs: State-action pairs of the group.
        weight: Its weight.
    """

    demonstrations: int
    held_out: int
    pairs: int
    weight: float


class Progress(NamedTuple):
    """How far training has come.

    Attributes:
        step: Optimizer steps done.
        steps: Optimizer steps to do.
        losses: Negative log-likelihood of each group on the batches since the last report, [nat].
        held_out: The same on held-out demonstrations, without augmentation; groups that have some.
        pairs_per_second: Speed since the last report, measuring held-out losses left out.
        seconds_left: Time that the steps to do take at this speed, [s]; 0 where there is no speed yet, and at the end.
        learning_rate: Step size of the last step.
        device: What computes, with which precision, and where the pairs wait.
        policy: The policy so far, on the device; after the last report it is the result.
        kept: Step at which the policy had the parameters that are the result; another one only after an early stop.
        shares: What each group brings.
        warnings: What may be wrong with the data.
        asked: Whether this report came out of turn, because somebody asked for the policy so far.
    """

    step: int
    steps: int
    losses: Mapping[str, float]
    held_out: Mapping[str, float]
    pairs_per_second: float
    seconds_left: float
    learning_rate: float
    device: str
    policy: Policy
    kept: int
    shares: Mapping[str, Share]
    warnings: tuple[str, ...]
    asked: bool = False


def shares(pairs: Pairs, held_out: Tensor, alpha: Tensor) -> dict[str, Share]:
    """Count what each group brings.

    Args:
        pairs: All pairs.
        held_out: Those that are held out, (h,).
        alpha: Weights of the groups, (k,).
    """
    out = torch.zeros(len(pairs), dtype=torch.bool)
    out[held_out] = True
    found = {}
    for number, name in enumerate(pairs.groups):
        own = pairs.group == number
        all_, kept_out = (len(torch.unique(pairs.demonstration[mask])) for mask in (own, own & out))
        found[name] = Share(all_, kept_out, int(own.sum()), float(alpha[number]))
    return found


def warnings(pairs: Pairs, found: Mapping[str, Share], held_out: float) -> tuple[str, ...]:
    """What may be wrong with the data: odd values, and groups of which nothing could be held out."""
    kept = {name: share.demonstrations for name, share in found.items() if held_out and not share.held_out}
    return (
        *oddities.warnings(pairs),
        *(f"nothing is held out of {name}: it has {_counted(n)}, which training needs" for name, n in kept.items()),
    )


def _counted(number: int) -> str:
    return "one demonstration" if number == 1 else f"{number} demonstrations"

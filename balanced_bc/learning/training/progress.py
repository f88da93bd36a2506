"""What a training says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch

from balanced_bc.learning import quality
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.training.draws import Drawing
from balanced_bc.learning.training.judged import Judged
from balanced_bc.policies.policy import Policy


class Share(NamedTuple):
    """What a behavior or a group brings to a training.

    Attributes:
        demonstrations: Its demonstrations.
        held_out: Those of them that are held out.
        pairs: Its state-action pairs.
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
        losses: Negative log-likelihood of each behavior, and of each group that is a part of one, on the batches since
            the last report, [nat].
        held_out: The same on held-out demonstrations, without augmentation, of those that have some.
        pairs_per_second: Speed since the last report, measuring held-out losses left out.
        seconds_left: Time that the steps to do take at this speed, [s]; 0 where there is no speed yet, and at the end.
        learning_rate: Step size of the last step.
        device: What computes, with which precision, and where the pairs wait.
        policy: The policy so far, on the device; after the last report it is the result.
        kept: Step at which the policy had the parameters that are the result; another one only after an early stop.
        shares: What each behavior brings, and each group that is a part of one.
        judged: Behaviors; groups where nobody tells behaviors apart.
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
    judged: tuple[str, ...]
    warnings: tuple[str, ...]
    asked: bool = False


def shares(pairs: Pairs, drawing: Drawing, judged: Judged) -> dict[str, Share]:
    """Count what each behavior brings, then each group that is a part of one."""
    out = torch.zeros(len(pairs), dtype=torch.bool)
    out[drawing.held_out] = True
    of_groups = dict(zip(pairs.groups, drawing.of_groups.tolist()))
    found = {}
    for wholes, weights in ((pairs.judged, judged.weights), (pairs.groups, of_groups)):
        names, part = pairs.by(wholes)
        for number, name in enumerate(names):
            own = part == number
            all_, kept_out = (len(torch.unique(pairs.demonstration[mask])) for mask in (own, own & out))
            found[name] = Share(all_, kept_out, int(own.sum()), weights[name])
    return found


def warnings(pairs: Pairs, found: Mapping[str, Share], judged: Judged, held_out: float) -> tuple[str, ...]:
    """What may be wrong with the data, and behaviors of which nothing with a weight could be held out."""
    known = judged.losses({name: 0.0 for name in pairs.groups if found[name].held_out})
    lacking = [name for name, weight in judged.weights.items() if held_out and weight > 0 and name not in known]
    return (
        *quality.warnings(pairs),
        *(f"nothing is held out of {name}: {_why(found[name].demonstrations)}" for name in lacking),
    )


def _why(demonstrations: int) -> str:
    if demonstrations == 1:
        return "it has one demonstration, which training needs"
    return f"each group with a weight keeps one, and its {demonstrations} demonstrations have no more"

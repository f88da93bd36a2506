"""In which mixtures the report tells a conflict between optimal and other demonstrations.

    python -m benchmarks.conflicts [--seeds 5]    # some ten minutes of one core

Mixtures are those of docs/weights.md: 60 + 30 of picking, 20 + 10 of opening, state policies, default configuration.
Prints a table and, as the last line, the same numbers as JSON.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import NamedTuple

import torch

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.conflicts import opposes
from balanced_bc.learning.config import EncodingConfig
from balanced_bc.learning.rebalancing.rebalance import rebalance
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.tables import markdown
from benchmarks.weights.cells import heading
from benchmarks.weights.mixtures import KINDS, NUMBERS, Mixture, pairs_of

POLICY = PolicyConfig(policy="state")


class Cosine(NamedTuple):
    """What the report says of the two groups of a mixture.

    Attributes:
        value: Cosine between what they want, -1 opposed.
        error: Its standard error over demonstrations.
    """

    value: float
    error: float

    def spelled(self) -> str:
        """With a star where a conflict is told."""
        return f"{self.value:.2f} ({self.error:.2f})".replace("0.", ".") + r"\*" * opposes(*self)


def cosine(mixture: Mixture) -> Cosine:
    """Measure a mixture; the method matters not, so the cheapest that trains is run."""
    config = BalancingConfig(method="zero", seed=mixture.seed, compare="none")
    *_, last = rebalance(pairs_of(mixture, POLICY), config, POLICY, EncodingConfig())
    assert last.result is not None, "balancing ends with an answer"
    found = last.result.diagnostics
    return Cosine(float(found["conflict"][1, 0]), float(found["conflict_standard_error"][1, 0]))


def main(words: Sequence[str] | None = None) -> None:
    """Measure all mixtures and print."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    seeds = range(parser.parse_args(words).seeds)
    torch.set_num_threads(1)
    rows, found = [], dict[str, Cosine]()
    for task in NUMBERS:
        by_kind = {kind: [cosine(Mixture(task, kind, seed)) for seed in seeds] for kind in KINDS}
        rows.append((task, *(", ".join(one.spelled() for one in ones) for ones in by_kind.values())))
        found |= {f"{task} {kind} {seed}": one for kind, ones in by_kind.items() for seed, one in zip(seeds, ones)}
    sys.stdout.write(markdown([("task", *map(heading, KINDS)), *rows]) + "\n")
    sys.stdout.write(json.dumps({"benchmark": "conflicts", **found}) + "\n")


if __name__ == "__main__":
    main()

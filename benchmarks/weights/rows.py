"""What the tables compare: methods, and one thing at a time that is changed in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.options import options_in
from balanced_bc.policies.config import PolicyConfig

HEADS: Mapping[str, Mapping[str, Any]] = {
    "learned sigma": {},
    "state-dependent sigma": {"head": "heteroscedastic"},
    "bins": {"head": "bins", "bins": 21},
    "mean squared error": {"log_sigma_floor": 0.0},
}
"""Loss heads. Twists are normalized, so a sigma that may not be below 1 stays there: the squared error is left.
The 21 bins, in place of 64, cost a third."""
LEARNED_SIGMA, STATE_SIGMA, BINS, SQUARED_ERROR = HEADS
PAPER = Path(__file__).parents[2] / "config/balance/paper.yaml"
LITERAL = {name.replace("-", "_"): value for name, value in options_in(PAPER).items()}
"""The paper's method."""
STEADIED: Mapping[str, Any] = {"ascent": "exponentiated", "smoothing": 0.05, "meta_mixing": 0.01}
SMOOTHED = {**LITERAL, **STEADIED}
"""The same with exponentiated steps that lean to the shares, and equal weights mixed into meta-gradient runs."""
FROZEN = {**SMOOTHED, "meta_step": 1e-9, "meta_mixing": 0.0, "prior": "equal"}
"""The same without a meta-gradient: the weights of Eq. 18 stay equal, what is left is slow plain descent."""


class Row(NamedTuple):
    """One row of a table.

    Attributes:
        name: What it is called.
        options: Fields of `BalancingConfig`.
        head: Loss head.
        training: Fields of `TrainingConfig` of the policies that are trained on its weights.
        borrows: Row whose weights it takes; empty if it finds its own.
    """

    name: str
    options: Mapping[str, Any]
    head: str = LEARNED_SIGMA
    training: Mapping[str, Any] = {}
    borrows: str = ""

    @property
    def source(self) -> str:
        """Row that finds its weights."""
        return self.borrows or self.name

    def config(self, seed: int) -> BalancingConfig:
        """How weights are found; shares count demonstrations, as in the paper's tables. Reports are left out."""
        alone: dict[str, Any] = {"proportions": "demonstrations", "compare": "none", "conflicts": False}
        return BalancingConfig(**{**alone, "seed": seed, **self.options})


def policy_of(head: str) -> PolicyConfig:
    """The state policy with a head."""
    return PolicyConfig(**{"policy": "state", **HEADS[head]})


METHODS = (
    Row("imbalanced", {"method": "imbalanced"}),
    Row("equal", {"method": "equal"}),
    Row("temperature", {"method": "temperature"}),
    Row("zero", {"method": "zero"}),
    Row("Remix, faithful", {"method": "remix", "remix": "faithful"}),
    Row("Remix, corrected", {"method": "remix"}),
    Row("ours, literal", LITERAL),
    Row("ours, smoothed", SMOOTHED),
    Row("ours, held-out", {"method": "ours"}),
    Row("minimax", {"method": "minimax"}),
)
"""Every method with its defaults, and the paper's. Policies are trained on the weights of each."""
WARMED = Row("temperature, warmed", {"method": "temperature"}, training={"warming": "cosine"}, borrows="temperature")
TRAINED = (*METHODS[:3], WARMED, *METHODS[3:])
"""Every way in which policies are trained."""
BASES = {row.name: row for row in METHODS}
REPLICATED = tuple(
    BASES[name] for name in ("imbalanced", "Remix, corrected", "ours, literal", "ours, smoothed", "minimax")
)
"""Plain cloning and those that it is compared with again, for one of them is to be the default."""
ADAM_INSIDE = Row("ours, smoothed, Adam inside", {**SMOOTHED, "meta_optimizer": "adam"})
ABLATIONS = (
    Row("ours, literal, exponentiated", {**LITERAL, "ascent": "exponentiated"}),
    ADAM_INSIDE,
    Row("ours, smoothed, frozen alpha", FROZEN),
    Row("ours, smoothed, frozen alpha, Adam inside", {**FROZEN, "meta_optimizer": "adam"}),
    Row("ours, smoothed, min-max step of 1", {**SMOOTHED, "step_size": 1.0}),
    Row("ours, smoothed, projected", {**SMOOTHED, "ascent": "projected"}),
    Row("ours, smoothed, held-out references", {**SMOOTHED, "split": "held-out"}),
    Row("ours, held-out, Adam inside", {"method": "ours", "meta_optimizer": "adam"}),
    *(Row(f"{name}, one repetition", {**BASES[name].options, "repeats": 1}) for name in ("ours, held-out", "minimax")),
    *(
        Row(f"{name}, from equal weights", {**BASES[name].options, "prior": "equal"})
        for name in ("zero", "Remix, corrected", "ours, smoothed", "ours, held-out", "minimax")
    ),
)
"""Optimizer of the inner step, no meta-gradient, step size, split, repetitions, initial weights."""
OF_BEHAVIORS = (
    *TRAINED,
    Row("Remix, corrected, from equal weights", {"method": "remix", "prior": "equal"}),
    Row("minimax, from shares", {"method": "minimax", "prior": "proportions"}),
)
"""Ways to train where groups are behaviors; Re-Mix and minimax from shares and from equal weights."""
WITH_HEADS = tuple(
    Row(f"{row.name}, {head}", row.options, head)
    for head in (STATE_SIGMA, SQUARED_ERROR, BINS)
    for row in (*METHODS[3:6], *METHODS[7:], ADAM_INSIDE)
)
"""Methods that train networks, with other loss heads; of the paper's the smoothed form."""
ROWS = {row.name: row for row in (*TRAINED, *ABLATIONS, *OF_BEHAVIORS, *WITH_HEADS)}

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
STEPS = (100, 400, 1000)
"""Fewer and more steps than the default."""
FASTER = 0.003
"""Step size of Adam that methods have by default, in place of the smaller one of `ours, literal`."""
FAST = f"learning rate of {FASTER}"
CHOSEN = "chosen action"
"""What `minimax` measures in place of the likelihood: the error of the chosen action."""
PAPER = Path(__file__).parents[2] / "config/balance/paper.yaml"


class Row(NamedTuple):
    """One row of a table.

    Attributes:
        name: What it is called.
        options: Fields of `BalancingConfig`.
        head: Loss head.
        training: Fields of `TrainingConfig` of the policies that are trained on its weights.
        borrows: Row whose weights it takes; empty if it finds its own.
        base: Row in which it changes one thing; empty if it stands for itself.
    """

    name: str
    options: Mapping[str, Any]
    head: str = LEARNED_SIGMA
    training: Mapping[str, Any] = {}
    borrows: str = ""
    base: str = ""

    @property
    def source(self) -> str:
        """Row that finds its weights."""
        return self.borrows or self.name

    @property
    def measured(self) -> str:
        """Head, split and, where it is not the likelihood, quantity of its references; empty where it has none."""
        if self.options["method"] not in ("remix", "ours", "minimax"):
            return ""
        what = (self.head, self.options.get("split", "held-out"))
        return ", ".join((*what, CHOSEN) if self.options["method"] == "minimax" else what)

    def config(self, seed: int) -> BalancingConfig:
        """How weights are found; shares count demonstrations, as in the paper's tables. Reports are left out."""
        alone: dict[str, Any] = {"proportions": "demonstrations", "compare": "none", "conflicts": False}
        return BalancingConfig(**{**alone, "seed": seed, **self.options})

    def but(self, what: str, **changed: Any) -> Row:
        """This row with other values of fields of `BalancingConfig`; `what` tells which."""
        return self._replace(name=f"{self.name}, {what}", options={**self.options, **changed}, base=self.name)

    def warmed(self) -> Row:
        """Policies that move from the shares of the pairs to this row's weights while they are trained."""
        training = {"warming": "cosine"}
        return self._replace(name=f"{self.name}, warmed", training=training, borrows=self.name, base=self.name)

    def with_head(self, head: str) -> Row:
        """This row with another loss head."""
        return self._replace(name=f"{self.name}, {head}", head=head, base=self.name)


def policy_of(head: str) -> PolicyConfig:
    """The state policy with a head."""
    return PolicyConfig(**{"policy": "state", **HEADS[head]})


PLAIN = Row("imbalanced", {"method": "imbalanced"})
EQUAL = Row("equal", {"method": "equal"})
TEMPERATURE = Row("temperature", {"method": "temperature"})
ZERO = Row("zero", {"method": "zero"})
FAITHFUL = Row("Remix, faithful", {"method": "remix", "remix": "faithful"})
CORRECTED = Row("Remix, corrected", {"method": "remix"})
LITERAL = Row("ours, literal", {name.replace("-", "_"): value for name, value in options_in(PAPER).items()})
"""The paper's method."""
STEADIED = {"ascent": "exponentiated", "smoothing": 0.05, "meta_mixing": 0.01}
SMOOTHED = Row("ours, smoothed", {**LITERAL.options, **STEADIED}, base=LITERAL.name)
"""The paper's with exponentiated steps that lean to the shares, and equal weights mixed into meta-gradient runs."""
HELD_OUT = Row("ours, held-out", {"method": "ours"})
MINIMAX = Row("minimax", {"method": "minimax"})
DEFAULT = BalancingConfig().method
"""The method that users get, which is a row too."""
METHODS = (PLAIN, EQUAL, TEMPERATURE, ZERO, FAITHFUL, CORRECTED, LITERAL, SMOOTHED, HELD_OUT, MINIMAX)
"""Every method with its defaults, and the paper's. Policies are trained on the weights of each."""
TRAINED = (PLAIN, EQUAL, TEMPERATURE, TEMPERATURE.warmed(), *METHODS[3:])
"""Every way in which policies are trained."""
REPLICATED = (PLAIN, CORRECTED, LITERAL, SMOOTHED, MINIMAX)
"""Plain cloning and those that it is compared with again, for one of them is to be the default."""
ADAM_INSIDE = SMOOTHED.but("Adam inside", meta_optimizer="adam")
FROZEN = SMOOTHED.but("frozen alpha", meta_step=1e-9, meta_mixing=0.0, prior="equal")
"""No meta-gradient: the weights of Eq. 18 stay equal, what is left is slow plain descent."""
ABLATIONS = (
    LITERAL.but("exponentiated", ascent="exponentiated"),
    ADAM_INSIDE,
    FROZEN,
    FROZEN.but("Adam inside", meta_optimizer="adam"),
    SMOOTHED.but("min-max step of 1", step_size=1.0),
    SMOOTHED.but("projected", ascent="projected"),
    SMOOTHED.but("held-out references", split="held-out"),
    HELD_OUT.but("Adam inside", meta_optimizer="adam"),
    *(row.but("one repetition", repeats=1) for row in (HELD_OUT, MINIMAX)),
    *(
        row.but("from equal weights", prior="equal")
        for row in (ZERO, FAITHFUL, CORRECTED, LITERAL, SMOOTHED, HELD_OUT, MINIMAX)
    ),
)
"""Steps on the simplex, optimizer of the inner step, meta-gradient, step size, split, repetitions, initial weights."""
OF_BEHAVIORS = (
    *TRAINED,
    CORRECTED.but("from equal weights", prior="equal"),
    MINIMAX.but("from shares", prior="proportions"),
)
"""Ways to train where groups are behaviors; Re-Mix and minimax from shares and from equal weights."""
WITH_HEADS = tuple(
    row.with_head(head)
    for head in (STATE_SIGMA, SQUARED_ERROR, BINS)
    for row in (ZERO, FAITHFUL, CORRECTED, SMOOTHED, HELD_OUT, MINIMAX, ADAM_INSIDE)
)
"""Methods that train networks, with other loss heads; of the paper's the smoothed form."""
BUDGETS = tuple(row.but(f"{steps} steps", steps=steps) for row in (CORRECTED, HELD_OUT, MINIMAX) for steps in STEPS)
"""Whether answers come to rest."""
FASTER_ADAM = tuple(row.but(FAST, learning_rate=FASTER) for row in (LITERAL, SMOOTHED, ADAM_INSIDE))
"""Whether answers hang on the step size of Adam: of the networks of the min-max step, and of those inside."""
OF_PAPER = (LITERAL, SMOOTHED)
INNER_STEPS = tuple(
    row.but(f"inner step of {size}", meta_learning_rate=size) for row in OF_PAPER for size in (0.03, 0.3)
)
"""Whether answers of the paper's method hang on the size of the steps of Eq. 17, which its references come from."""
LENGTHS = (
    *(row.but(f"{steps} steps", steps=steps) for row in OF_PAPER for steps in (300, 1500)),
    SMOOTHED.but("4000 steps", steps=4000),
)
"""Whether they come to rest; the numbers of steps go as far as those of the prototype."""
ROWS = {
    row.name: row
    for row in (
        *TRAINED,
        *ABLATIONS,
        *OF_BEHAVIORS,
        *WITH_HEADS,
        *BUDGETS,
        *FASTER_ADAM,
        *INNER_STEPS,
        *LENGTHS,
    )
}

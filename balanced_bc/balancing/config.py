"""How weights are computed: every number that balancing needs, and the only home of its defaults."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args, get_type_hints

from balanced_bc.balancing.errors import BalancingError

Method = Literal["imbalanced", "equal", "zero", "remix", "ours"]
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True)
class BalancingConfig:
    """Configuration of every method; `equal` and `imbalanced` read almost none of it."""

    method: Method = "ours"
    """imbalanced: shares of the dataset. equal: Eq. 8. zero: Eq. 12 with references of 0. remix: Re-Mix. ours: Eq.
    15-18 for references, then Eq. 12."""
    seed: int = 0
    """Seed of initial networks, batches and folds."""
    steps: int = 600
    """Descent steps of every run: a meta-gradient run, a lane with fixed weights, the min-max step."""
    batch: int = 64
    """Pairs in a batch, split evenly over the groups (at least 4 of each)."""
    repeats: int = 3
    """Independent repetitions, each with its own network and its own held-out fold; weights are averaged."""
    proportions: Literal["pairs", "demonstrations"] = "pairs"
    """What rho counts. Plain behavior cloning weighs by pairs; the tables of the paper count demonstrations."""
    prior: Literal["proportions", "equal"] = "proportions"
    """Weights at the start, and those that the min-max step leans to."""
    split: Literal["held-out", "training"] = "held-out"
    """Where references, excess and meta-gradients are measured: on held-out demonstrations, or (the paper) on training
    pairs."""
    reference: Literal["lowest", "converged"] = "lowest"
    """lowest: the lowest loss of all lanes trained afresh. converged (the paper): the loss at the end of the
    meta-gradient run."""
    meta_form: Literal["jvp", "double-backward", "products"] = "double-backward"
    """How the meta-gradient is computed; all three are exact. double-backward is fastest on a CPU; jvp and products
    need no second derivatives and less memory; jvp needs forward mode."""
    meta_optimizer: Literal["sgd", "adam"] = "sgd"
    """Inner step of Eq. 17: plain gradient, or one preconditioned by Adam's second moments of the steps before."""
    meta_learning_rate: float = 0.1
    """Inner step size beta_1 of Eq. 17; with adam it is `learning_rate` that counts."""
    meta_step: float = 0.1
    """Step size beta_2 of Eq. 18 on the normalized meta-gradient."""
    meta_mixing: float = 0.01
    """Share of equal weights that is mixed into the weights of Eq. 18, so that no group dies out."""
    meta_memory: float = 0.9
    """Share of the past in the average of the meta-gradient over time."""
    gradient_bound: float = 10.0
    """Largest Euclidean norm of a gradient that a plain descent step takes; larger ones are shortened."""
    learning_rate: float = 1e-3
    """Step size of Adam, for lanes with fixed weights, the min-max step, and Remix."""
    warmup: int = 100
    """Descent steps before weights move; at most a quarter of `steps`."""
    ascent: Literal["exponentiated", "projected"] = "exponentiated"
    """How weights follow a gradient on the simplex; projected is Eq. 13 to the letter, projected back."""
    step_size: float = 0.2
    """Step size of the min-max step over weights (Eq. 13), and Remix's eta."""
    smoothing: float = 0.05
    """Share of the prior in the weights after every min-max step, and Remix's c."""
    excess_memory: float = 0.8
    """Share of the past in the average of the excess over time."""
    excess_floor: float = 2.0
    """Standard errors of a loss; an average excess below them is noise and is not scaled up."""
    excess_bound: float = 3.0
    """Bound on the normalized excess of a group, on both sides."""
    evaluate_every: int = 5
    """Descent steps between two measurements of the losses, and between two min-max steps over weights."""
    evaluation: int = 512
    """Pairs on which losses are measured, split evenly over the groups (at least 32 of each)."""
    repeat_cap: float = 5.0
    """Largest weight of a group relative to its share of the pairs; repeating few pairs more often only overfits."""
    vectorize: bool = True
    """Train lanes in one torch.func.vmap; without it, one after another (policies with convolutions on a CPU)."""

    def __post_init__(self) -> None:
        """Refuse values that no method can work with."""
        self._check_choices()
        for name in ("steps", "batch", "repeats", "evaluate_every", "evaluation"):
            self._check(name, getattr(self, name) >= 1, "at least 1")
        for name in ("meta_learning_rate", "meta_step", "learning_rate", "step_size", "gradient_bound", "excess_bound"):
            self._check(name, getattr(self, name) > 0, "above 0")
        self._check("excess_floor", self.excess_floor >= 0, "at least 0")
        for name in ("meta_mixing", "meta_memory", "smoothing", "excess_memory"):
            self._check(name, 0 <= getattr(self, name) < 1, "at least 0 and below 1")
        self._check("warmup", self.warmup >= 0, "at least 0")
        self._check("repeat_cap", self.repeat_cap >= 1, "at least 1")

    @property
    def still(self) -> int:
        """Descent steps before weights move in a run of this length."""
        return min(self.warmup, self.steps // 4)

    def _check(self, name: str, fine: bool, wanted: str) -> None:
        if not fine:
            raise BalancingError(f"{name} of balancing is {getattr(self, name)!r}; it must be {wanted}")

    def _check_choices(self) -> None:
        hints = get_type_hints(type(self))
        for field in fields(self):
            choices = get_args(hints[field.name])
            value = getattr(self, field.name)
            if choices and value not in choices:
                raise BalancingError(f"there is no {field.name} {value!r}; there are {', '.join(choices)}")

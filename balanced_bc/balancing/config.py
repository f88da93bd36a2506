"""How weights are computed: every number that balancing needs, and the only home of its defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Literal, get_args

from balanced_bc.balancing.errors import BalancingError
from balanced_bc.ranges import out_of_range

Method = Literal["imbalanced", "equal", "temperature", "zero", "remix", "ours", "minimax"]
METHODS: tuple[Method, ...] = get_args(Method)
Compare = Literal["auto", "none", "quick", "full"]
RELAXED: tuple[Method, ...] = ("ours", "minimax")
"""Methods whose references feedback can relax."""
MetaForm = Literal["auto", "jvp", "double-backward", "products"]


@dataclass(frozen=True)
class BalancingConfig:
    """Configuration of every method; `equal` and `imbalanced` read almost none of it."""

    method: Method = "minimax"
    """imbalanced: shares of the dataset. equal: Eq. 8. temperature: shares to the power 1/T. zero: Eq. 12 with
    references of 0. remix: Re-Mix. ours: Eq. 15-18 for references, then Eq. 12. minimax: the weights nearest to the
    prior with which no group's actions are chosen far worse, on held-out demonstrations, than with any weights.
    docs/weights.md says why it is the default."""
    temperature: float = field(default=2.0, metadata={"range": (1.0, 1e6)})
    """T of the method temperature: 1 leaves the shares of the dataset as they are, a large one makes them equal."""
    seed: int = field(default=0, metadata={"range": (0, 2**31 - 1)})
    """Seed of initial networks, batches and folds."""
    steps: int = field(default=200, metadata={"range": (1, 10**6)})
    """Descent steps of every run: a meta-gradient run, a lane with fixed weights, the min-max step."""
    batch: int = field(default=64, metadata={"range": (1, 10**6)})
    """Pairs in a batch, split evenly over the groups (at least 4 of each)."""
    repeats: int = field(default=3, metadata={"range": (1, 1000)})
    """Independent repetitions, each with its own network and its own held-out fold; weights are averaged."""
    proportions: Literal["pairs", "demonstrations"] = "pairs"
    """What rho counts. Plain behavior cloning weighs by pairs; the tables of the paper count demonstrations."""
    prior: Literal["auto", "proportions", "equal"] = "auto"
    """Weights at the start, and those that the min-max step leans to. auto: shares of the dataset; but for minimax,
    whose answer they are without evidence, every behavior alike and shares within a behavior, where groups are told
    apart by behavior."""
    prior_weights: tuple[str, ...] = ()
    """Prior weights of groups or tags, each as NAME=WEIGHT, or NAME=2x for twice what it would be; the others keep
    their proportions. Methods that only count have no prior."""
    split: Literal["held-out", "training"] = "held-out"
    """Where references, excess and meta-gradients are measured: on held-out demonstrations, or (the paper) on training
    pairs."""
    reference: Literal["lowest", "converged"] = "lowest"
    """lowest: the lowest loss of all lanes trained afresh. converged (the paper): the loss at the end of the
    meta-gradient run."""
    meta_gradient: Literal["one-step", "unrolled", "trace"] = "one-step"
    """Through how many inner steps Eq. 18 looks. one-step (the paper): the last one. unrolled: `meta_horizon` steps
    with the same weights, then one step of the weights. trace: all steps so far, older ones less and less."""
    meta_horizon: int = field(default=4, metadata={"range": (1, 64)})
    """Inner steps H that unrolled differentiates through; memory grows with it."""
    meta_average: bool = True
    """Whether unrolled wants the loss low on average after 1 to H steps (less noise), or after H steps only."""
    meta_decay: float = field(default=0.9, metadata={"range": (0.0, 1.0)})
    """Share of its past that trace keeps in a step; 0 is one-step."""
    meta_curvature: bool = False
    """Whether trace takes into account that later steps undo part of earlier ones: exact, and k more second derivatives
    a step."""
    meta_form: MetaForm = "auto"
    """How the meta-gradient is computed; all forms are exact. auto: the fastest on the device. jvp and products need no
    second derivatives for one step, and less memory; jvp needs forward mode; products cannot be unrolled, and trace
    needs no other form than its own."""
    meta_optimizer: Literal["sgd", "adam"] = "sgd"
    """Inner step of Eq. 17: plain gradient, or one preconditioned by Adam's second moments of the steps before."""
    meta_learning_rate: float = field(default=0.1, metadata={"range": (1e-9, 100.0)})
    """Inner step size beta_1 of Eq. 17; with adam it is `learning_rate` that counts."""
    meta_step: float = field(default=0.3, metadata={"range": (1e-9, 100.0)})
    """Step size beta_2 of Eq. 18 on the normalized meta-gradient."""
    meta_mixing: float = field(default=0.01, metadata={"range": (0.0, 0.99)})
    """Share of equal weights that is mixed into the weights of Eq. 18, so that no group dies out."""
    meta_memory: float = field(default=0.9, metadata={"range": (0.0, 0.9999)})
    """Share of the past in the average of the meta-gradient over time."""
    meta_drift: float = field(default=0.01, metadata={"range": (0.0, 1.0)})
    """A meta-gradient run ends early when its averaged weights have moved by less than this in the last quarter; 0 runs
    to the end, as do references of the kind converged, whose losses want the whole budget."""
    gradient_bound: float = field(default=10.0, metadata={"range": (1e-9, 1e9)})
    """Largest Euclidean norm of a gradient that a plain descent step takes; larger ones are shortened."""
    learning_rate: float = field(default=3e-3, metadata={"range": (1e-9, 1.0)})
    """Step size of Adam, for lanes with fixed weights, the min-max step, and Re-Mix."""
    warmup: int = field(default=100, metadata={"range": (0, 10**6)})
    """Descent steps before weights move; at most a quarter of `steps`."""
    ascent: Literal["exponentiated", "projected"] = "exponentiated"
    """How weights follow a gradient on the simplex; projected is Eq. 13 to the letter, projected back."""
    step_size: float = field(default=0.5, metadata={"range": (1e-9, 100.0)})
    """Step size of the min-max step over weights (Eq. 13)."""
    smoothing: float = field(default=0.05, metadata={"range": (0.0, 0.99)})
    """Share of the prior in the weights after every min-max step, and Re-Mix's c."""
    remix: Literal["faithful", "corrected"] = "corrected"
    """How Re-Mix is run. faithful: as in its published code, on training batches drawn from the dataset as it is;
    in full with a split of training and one repetition, for otherwise each leaves a fold out, and without a repeat cap.
    corrected: every group alike in a batch, excess on held-out pairs."""
    remix_step_size: float = field(default=0.2, metadata={"range": (1e-9, 100.0)})
    """Re-Mix's eta, as in its published code for robomimic."""
    excess_memory: float = field(default=0.8, metadata={"range": (0.0, 0.9999)})
    """Share of the past in the average of the excess over time."""
    excess_floor: float = field(default=2.0, metadata={"range": (0.0, 100.0)})
    """Standard errors of a loss; an average excess below them is noise and is not scaled up."""
    excess_bound: float = field(default=3.0, metadata={"range": (1e-9, 1e9)})
    """Bound on the normalized excess of a group, on both sides."""
    evaluate_every: int = field(default=5, metadata={"range": (1, 10**6)})
    """Descent steps between two measurements of the losses, and between two min-max steps over weights."""
    evaluation: int = field(default=512, metadata={"range": (1, 10**7)})
    """Pairs on which losses are measured, split evenly over the groups (at least 32 of each)."""
    stiffness: float = field(default=4.0, metadata={"range": (1e-6, 1e6)})
    """How hard the evidence must pull the weights of minimax away from the prior; kappa."""
    repeat_cap: float = field(default=5.0, metadata={"range": (1.0, inf)})
    """Largest weight of a group relative to its share of the pairs; repeating few pairs more often only overfits.
    Methods that only count do not keep it."""
    floors: tuple[str, ...] = ()
    """Smallest weights, each as NAME=WEIGHT, or NAME=0.5x for half its share; NAME is a group or a tag, whose groups
    are added up. A floor of a group comes before the repeat cap."""
    caps: tuple[str, ...] = ()
    """Largest weights, written as floors are."""
    trust: tuple[str, ...] = ()
    """Trust in groups or tags, each as NAME=TRUST from 0 to 1: the weights that are found are multiplied by it, and 0
    leaves the groups out of the balancing, with a weight of 0."""
    conflicts: bool = True
    """Whether to report which groups oppose each other on states that they share: one more training per fold."""
    success_loss: tuple[str, ...] = ()
    """Losses at which groups or tags succeed, each as NAME=NATS, on the scale of the references of the same method: the
    reference of ours and minimax is then this loss, but never below the lowest achievable one (section 6.3)."""
    compare: Compare = "auto"
    """Judge the weights on held-out demonstrations, with networks trained afresh. quick: beside plain cloning, equal
    and temperature. full: beside Re-Mix too, which must be run for it. auto: full for methods that train networks."""
    vectorize: bool = True
    """Train lanes in one torch.func.vmap where that is faster: everywhere but for convolutions on a CPU. Without it,
    always one after another."""
    lanes_at_once: int = field(default=32, metadata={"range": (4, 10**6)})
    """Lanes that are trained at once. Blocks of lanes are what processes share and what is kept against an
    interruption, and bound the memory; how lanes are cut changes rounding, so the number of processes does not."""
    crowd: int = field(default=64, metadata={"range": (8, 10**6)})
    """Groups above which a block of lanes learns from batches with its own groups and as many random others, weighted
    so that the expected gradient is that of all groups, and is measured on its own groups: the cost stays linear in the
    number of groups."""

    def __post_init__(self) -> None:
        """Refuse values that no method can work with."""
        if problem := out_of_range(self):
            raise BalancingError(problem)
        if self.success_loss and self.method not in RELAXED:
            raise BalancingError(
                f"success losses {', '.join(self.success_loss)} relax the references of {' and '.join(RELAXED)}; "
                f"method {self.method} has none that could be relaxed"
            )
        if self.meta_gradient == "unrolled" and self.meta_form == "products":
            raise BalancingError(
                "meta_form 'products' has no curvature and cannot be unrolled; there are auto, jvp, double-backward"
            )
        if self.method == "ours" and (self.steps - 1) // self.window * self.window < self.still:
            raise BalancingError(
                f"meta_horizon {self.meta_horizon} leaves no step of the weights in {self.steps} steps, of which the "
                f"first {self.still} keep them still; use more steps or a shorter horizon"
            )

    def is_crowded(self, groups: int) -> bool:
        """Whether there are so many groups that a network learns from batches with some of them."""
        return groups > self.crowd

    @property
    def window(self) -> int:
        """Descent steps between two steps of the weights in a meta-gradient run."""
        return self.meta_horizon if self.meta_gradient == "unrolled" else 1

    @property
    def still(self) -> int:
        """Descent steps before weights move in a run of this length."""
        return min(self.warmup, self.steps // 4)

"""How a policy is trained, and how it is evaluated."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from balanced_bc.learning.errors import LearningError
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.ranges import out_of_range
from balanced_bc.simulation.worlds import WorldName

DeviceName = Literal["auto", "cuda", "cpu"]
Precision = Literal["auto", "bfloat16", "float32"]
Application = Literal["sampling", "loss"]
Warming = Literal["none", "cosine"]
Memory = Literal["auto", "device", "host", "disk"]


@dataclass(frozen=True)
class TrainingConfig:
    """Training of one policy."""

    steps: int = field(default=1500, metadata={"range": (1, 10**7)})
    """Optimizer steps."""
    batch_size: int = field(default=64, metadata={"range": (1, 10**6)})
    """Pairs in a batch."""
    learning_rate: float = field(default=2e-3, metadata={"range": (1e-9, 1.0)})
    """Largest step size of AdamW; it falls to 0 along a cosine."""
    sigma_speed: float = field(default=10.0, metadata={"range": (1e-6, 1e6)})
    """Step size of the learned sigmas relative to that of the rest: one number each, they have far to go."""
    warmup: int = field(default=50, metadata={"range": (0, 10**6)})
    """Steps over which the step size rises from 0."""
    weight_decay: float = field(default=1e-4, metadata={"range": (0.0, 1.0)})
    """Weight decay of AdamW."""
    averaging: float = field(default=0.99, metadata={"range": (0.0, 0.99999)})
    """Decay of the exponential average of the parameters, which is the policy that is kept; 0 keeps the last ones."""
    shift: int = field(default=4, metadata={"range": (0, 64)})
    """Images are shifted at random by up to this much in each direction, [px]; 0 for no augmentation."""
    apply: Application = "sampling"
    """sampling: weights decide how often a group is drawn. loss: pairs are drawn alike and their losses weighted."""
    warming: Warming = "none"
    """none: weights hold from the first step on. cosine: over all steps they move, geometrically and along a cosine,
    from the shares of the dataset to the weights given; so groups that are rare and weigh more come more at the end."""
    held_out: float = field(default=0.0, metadata={"range": (0.0, 0.5)})
    """Share of each behavior's demonstrations that is kept out of training to measure a loss on, 0 to 0.5."""
    held_out_pairs: int = field(default=128, metadata={"range": (1, 10**6)})
    """Held-out pairs of each behavior that are measured in a report."""
    report_every: int = field(default=50, metadata={"range": (1, 10**6)})
    """Steps between two reports of progress."""
    early_stop: int = field(default=0, metadata={"range": (0, 10**6)})
    """Reports without a better policy for the worst behavior after which training ends with the best so far; 0: never.
    It is judged on held-out demonstrations."""
    checkpoint_every: int = field(default=250, metadata={"range": (1, 10**7)})
    """Steps between two savings of the training beside the output, from which it goes on after a kill."""
    device: DeviceName = "auto"
    """auto: CUDA where torch finds it, else the CPU."""
    precision: Precision = "auto"
    """Of convolutions and matrix products; auto: bfloat16 where the hardware computes it, else float32."""
    memory: Memory = "auto"
    """Where images wait: on the device, in the host's memory, or mapped from the disk; auto: the first that fits."""
    compile: bool = False
    """Whether torch.compile makes the policy faster: pays off in long trainings, wants a compiler."""
    deterministic: bool = False
    """Whether only algorithms are used that give the same bits each time; a CPU gives them anyway, CUDA is slower."""
    tensorboard: str = ""
    """Folder to write losses, step size and speed to, for TensorBoard; empty for none."""
    seed: int = field(default=0, metadata={"range": (0, 2**31 - 1)})
    """Of the initial parameters, the batches, the augmentation, the held-out demonstrations and what a plugin draws."""

    def __post_init__(self) -> None:
        _check_ranges(self)
        if self.early_stop and not self.held_out:
            raise LearningError("early_stop looks at held-out demonstrations, and held_out is 0; set it, to 0.1 say")

    def to_dict(self) -> dict[str, Any]:
        """Plain types, as written into policy.yaml."""
        return asdict(self)


@dataclass(frozen=True)
class EncodingConfig:
    """Size of the networks that balancing trains; smaller than the policy's, because there are many of them."""

    steps: int = field(default=300, metadata={"range": (1, 10**7)})
    """Optimizer steps of the image encoder of each fold."""
    batch: int = field(default=32, metadata={"range": (1, 10**6)})
    """Pairs in a batch of the image encoder."""
    channels: tuple[int, ...] = field(default=(16, 32, 32), metadata={"range": (1, 4096)})
    """Channels of the image encoder's convolutions."""
    keypoints: int = field(default=16, metadata={"range": (1, 4096)})
    """Points that the encoder's spatial softmax finds in each camera's image."""
    hidden: int = field(default=128, metadata={"range": (1, 10**5)})
    """Width of the trunk's layers."""
    memory: Memory = "auto"
    """Where pairs and their features wait: host (or device, which is the same here) in memory, disk in files that are
    mapped, auto on the disk if they would take more than half of the memory that is free."""

    def __post_init__(self) -> None:
        _check_ranges(self)

    def policy(self, config: PolicyConfig) -> PolicyConfig:
        """Shrink a policy to this size; in place of a plugin stands our own."""
        return replace(config, plugin="", channels=self.channels, keypoints=self.keypoints, hidden=self.hidden)

    def training(self, seed: int) -> TrainingConfig:
        """Train the encoder without augmentation: its features are computed on images as they are."""
        return TrainingConfig(
            steps=self.steps, batch_size=self.batch, warmup=20, shift=0, report_every=25, averaging=0.95, seed=seed
        )


@dataclass(frozen=True)
class FeedbackConfig:
    """What is known of policies that were trained on the same dataset: see `rebalancing.feedback`."""

    evaluations: tuple[str, ...] = ()
    """Files that `balanced-bc evaluate` wrote for policies with known weights. Where such a policy succeeds, the
    held-out loss of a network with its weights is accurate enough: references of ours and minimax are relaxed to it."""
    success_target: float = field(default=0.9, metadata={"range": (0.01, 0.999)})
    """Success rate from which on an evaluated policy succeeds in a behavior: the lower end of Wilson's 95 % interval
    must reach it."""
    verdicts: Path | None = None
    """YAML file in which a person calls groups of policies good or bad (docs/feedback.md)."""

    def __post_init__(self) -> None:
        _check_ranges(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain types, as written into balance.yaml."""
        return {**asdict(self), "evaluations": list(self.evaluations), "verdicts": str(self.verdicts or "")}


@dataclass(frozen=True)
class EvaluationConfig:
    """Rollouts of one policy in simulation."""

    task: str = "opening"
    """Task of the world: opening or picking."""
    world: WorldName = "tabletop"
    """World: tabletop, or calvin where calvin_env is installed."""
    behaviors: tuple[str, ...] = ()
    """Behaviors to roll out; empty: all that the task has."""
    rollouts: int = field(default=100, metadata={"range": (1, 10**6)})
    """Rollouts of each behavior."""
    seed: int = field(default=0, metadata={"range": (0, 2**31 - 1)})
    """Start of the rollout number i of every behavior is drawn from seed + i."""
    horizon: int = field(default=120, metadata={"range": (1, 10**6)})
    """Ticks after which a rollout has failed."""
    workers: int = field(default=1, metadata={"range": (1, 1024)})
    """Processes that share the rollouts, each with one thread of torch. Their number changes no result."""
    worlds: int = field(default=4, metadata={"range": (1, 256)})
    """Worlds in each process; the policy answers four of them in one call. Their number changes no result. With images
    each takes 180 MB of memory."""

    def __post_init__(self) -> None:
        _check_ranges(self)


def _check_ranges(config: object) -> None:
    if problem := out_of_range(config):
        raise LearningError(problem)

"""How a policy is trained, and how it is evaluated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

from balanced_bc.learning.errors import LearningError
from balanced_bc.policies.config import PolicyConfig

DeviceName = Literal["auto", "cuda", "cpu"]
Precision = Literal["auto", "bfloat16", "float32"]
Application = Literal["sampling", "loss"]


@dataclass(frozen=True)
class TrainingConfig:
    """Training of one policy."""

    steps: int = 1500
    """Optimizer steps."""
    batch_size: int = 64
    """Pairs in a batch."""
    learning_rate: float = 2e-3
    """Largest step size of AdamW; it falls to 0 along a cosine."""
    sigma_speed: float = 10.0
    """Step size of the learned sigmas relative to that of the rest: one number each, they have far to go."""
    warmup: int = 50
    """Steps over which the step size rises from 0."""
    weight_decay: float = 1e-4
    """Weight decay of AdamW."""
    averaging: float = 0.99
    """Decay of the exponential average of the parameters, which is the policy that is kept; 0 keeps the last ones."""
    shift: int = 4
    """Images are shifted at random by up to this much in each direction, [px]; 0 for no augmentation."""
    apply: Application = "sampling"
    """sampling: weights decide how often a group is drawn. loss: pairs are drawn alike and their losses weighted."""
    held_out: float = 0.0
    """Share of each group's demonstrations that is kept out of training to measure a loss on, 0 to 0.5."""
    held_out_pairs: int = 128
    """Held-out pairs of each group that are measured in a report."""
    report_every: int = 50
    """Steps between two reports of progress."""
    device: DeviceName = "auto"
    """auto: CUDA where torch finds it, else the CPU."""
    precision: Precision = "auto"
    """Of convolutions and matrix products; auto: bfloat16 where the hardware computes it, else float32."""
    seed: int = 0
    """Of the initial parameters, the batches, the augmentation and the held-out demonstrations."""

    def __post_init__(self) -> None:
        _check_choices(apply=(self.apply, Application), device=(self.device, DeviceName))
        _check_choices(precision=(self.precision, Precision))
        for name in ("steps", "batch_size", "report_every", "held_out_pairs"):
            _check(name, getattr(self, name), getattr(self, name) >= 1, "at least 1")
        for name in ("warmup", "weight_decay", "shift", "seed"):
            _check(name, getattr(self, name), getattr(self, name) >= 0, "at least 0")
        _check("sigma_speed", self.sigma_speed, self.sigma_speed > 0, "above 0")
        _check("learning_rate", self.learning_rate, self.learning_rate > 0, "above 0")
        _check("averaging", self.averaging, 0 <= self.averaging < 1, "at least 0 and below 1")
        _check("held_out", self.held_out, 0 <= self.held_out <= 0.5, "between 0 and 0.5")


@dataclass(frozen=True)
class EncodingConfig:
    """Size of the networks that balancing trains; smaller than the policy's, because there are many of them."""

    steps: int = 300
    """Optimizer steps of the image encoder of each fold."""
    batch: int = 32
    """Pairs in a batch of the image encoder."""
    channels: tuple[int, ...] = (16, 32, 32)
    """Channels of the image encoder's convolutions."""
    keypoints: int = 16
    """Points that the encoder's spatial softmax finds in each camera's image."""
    hidden: int = 128
    """Width of the trunk's layers."""

    def __post_init__(self) -> None:
        """Refuse sizes below 1."""
        for name in ("steps", "batch", "keypoints", "hidden"):
            if getattr(self, name) < 1:
                raise LearningError(f"{name} of the encoding is {getattr(self, name)}; it must be at least 1")

    def policy(self, config: PolicyConfig) -> PolicyConfig:
        """Shrink a policy to this size."""
        return replace(config, channels=self.channels, keypoints=self.keypoints, hidden=self.hidden)

    def training(self, seed: int) -> TrainingConfig:
        """Train the encoder without augmentation: its features are computed on images as they are."""
        return TrainingConfig(
            steps=self.steps, batch_size=self.batch, warmup=20, shift=0, report_every=25, averaging=0.95, seed=seed
        )


@dataclass(frozen=True)
class EvaluationConfig:
    """Rollouts of one policy in simulation."""

    task: str = "opening"
    """Task of the world: opening or picking."""
    behaviors: tuple[str, ...] = ()
    """Behaviors to roll out; empty: all that the task has."""
    rollouts: int = 100
    """Rollouts of each behavior."""
    seed: int = 0
    """Start of the rollout number i of every behavior is drawn from seed + i."""
    horizon: int = 120
    """Ticks after which a rollout has failed."""
    workers: int = 1
    """Processes that share the rollouts, each with one thread of torch."""

    def __post_init__(self) -> None:
        for name in ("rollouts", "horizon", "workers"):
            _check(name, getattr(self, name), getattr(self, name) >= 1, "at least 1")
        _check("seed", self.seed, self.seed >= 0, "at least 0")


def _check(name: str, value: object, fine: bool, wanted: str) -> None:
    if not fine:
        raise LearningError(f"{name} is {value}; it must be {wanted}")


def _check_choices(**choices: tuple[str, object]) -> None:
    for name, (value, allowed) in choices.items():
        if value not in get_args(allowed):
            raise LearningError(f"{name} is {value!r}; it must be one of {list(get_args(allowed))}")

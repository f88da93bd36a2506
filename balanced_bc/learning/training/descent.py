"""How parameters move: AdamW with a warm-up and a cosine, and an average that follows."""

from __future__ import annotations

from collections.abc import Iterable
from math import cos, pi

import torch
from torch import Tensor
from torch.optim import AdamW

from balanced_bc.learning.config import TrainingConfig


def learning_rate(step: int, config: TrainingConfig) -> float:
    """Step size: a linear rise over the warm-up, then a cosine down to 0."""
    rise = min(1.0, (step + 1) / (config.warmup + 1))
    return config.learning_rate * rise * 0.5 * (1 + cos(pi * step / config.steps))


def adamw(named: Iterable[tuple[str, Tensor]], config: TrainingConfig) -> AdamW:
    """Make the optimizer: sigma moves faster than the rest, and nothing draws it toward anything.

    Args:
        named: Names and parameters.
        config: Decay and speeds; the step size is set by `set_rate` before each step.
    """
    named = list(named)
    spreads = [value for name, value in named if name.endswith("spread")]
    others = [value for name, value in named if not name.endswith("spread")]
    groups = [
        {"params": others, "weight_decay": config.weight_decay, "speed": 1.0},
        {"params": spreads, "weight_decay": 0.0, "speed": config.sigma_speed},
    ]
    return AdamW([group for group in groups if group["params"]], fused=True)


def set_rate(optimizer: AdamW, rate: float) -> None:
    """Set the step size of each group of parameters."""
    for group in optimizer.param_groups:
        group["lr"] = group["speed"] * rate


def kept(step: int, config: TrainingConfig) -> float:
    """Share of the average that stays; early on it forgets faster, so that the start does not linger."""
    return min(config.averaging, (step + 1) / (step + 10)) if config.averaging else 0.0


@torch.no_grad()
def follow(average: list[Tensor], parameters: list[Tensor], keep: float) -> None:
    """Move the average toward the parameters, in place."""
    torch._foreach_lerp_(average, parameters, 1 - keep)

"""What a meta-gradient step is timed on: the networks that balancing trains, and batches for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call

from balanced_bc.balancing.lanes import Lanes, Layout, flatten
from balanced_bc.learning.config import EncodingConfig
from balanced_bc.learning.rebalancing.encoded import Encoded, FeaturePolicy
from balanced_bc.policies import features
from balanced_bc.policies.batch import Batch
from balanced_bc.policies.cloning import CloningPolicy
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.simulation.environment import CONTRACT

RATE = 0.1
"""Inner step size."""
TWIST = 6
CAMERAS = tuple(camera.name for camera in CONTRACT.cameras)


class Workload(NamedTuple):
    """What is learned.

    Attributes:
        name: What it is called in the table.
        module: Network whose forward pass gives the loss of each pair of a batch, (B,).
        batch: Batch of so many pairs.
        steps: Steps of a round with two groups; with more there are fewer.
        pairs: Most pairs in a batch, and
        largest: Largest number of groups, that are measured in bearable time.
    """

    name: str
    module: nn.Module
    batch: Callable[[int, Generator], Any]
    steps: int
    pairs: int
    largest: int


class Case(NamedTuple):
    """A step that all contenders take alike.

    Attributes:
        module: The network.
        theta: Its parameters as lanes, (k, p).
        weights: The weights of each reference, (k, k).
        training: Batch that is descended on.
        measuring: Batch on which the result is judged.
    """

    module: nn.Module
    theta: Tensor
    weights: Tensor
    training: Any
    measuring: Any

    @classmethod
    def of(cls, workload: Workload, groups: int, pairs: int, device: torch.device) -> Case:
        """Draw a case with about so many pairs in a batch, the same number of each group."""
        generator, number = Generator().manual_seed(0), max(min(pairs, workload.pairs) // groups, 1) * groups
        module = workload.module.to(device)
        start = flatten(dict(module.named_parameters())).expand(groups, -1).clone()
        weights = torch.rand(groups, groups, generator=generator) + 0.1
        batches = (on(workload.batch(number, generator), device) for _ in range(2))
        return cls(module, start, (weights / weights.sum(dim=1, keepdim=True)).to(device), *batches)

    def loss(self, parameters: Mapping[str, Tensor], batch: Any) -> Tensor:
        """Loss of each pair."""
        value: Tensor = functional_call(self.module, dict(parameters), (batch,), tie_weights=False)
        return value

    def by_group(self, losses: Tensor) -> Tensor:
        """Mean loss of each group, (k,)."""
        return losses.view(len(self.weights), -1).mean(dim=1)

    def lanes(self, vectorize: bool) -> Lanes:
        """The case for our functions."""
        layout = Layout.of(dict(self.module.named_parameters()))
        return Lanes(self.loss, layout, tuple(map(str, range(len(self.weights)))), vectorize)


def workloads() -> tuple[Workload, ...]:
    """What balancing trains for each policy, and for scale the image policy as it is."""
    state, image = PolicyConfig(policy="state"), PolicyConfig(policy="image")
    small = EncodingConfig().policy
    seen = 3 * EncodingConfig().keypoints * len(CAMERAS)
    return (
        on_features("state", features.size(state), small(state)),
        on_features("image", features.size(image) + seen, small(image)),
        Workload("full image encoder", Whole(CloningPolicy(image, CAMERAS)), partial(seen_by, image), 1, 8, 5),
    )


def on_features(name: str, inputs: int, config: PolicyConfig) -> Workload:
    """A network on features."""

    def batch(number: int, generator: Generator) -> Encoded:
        told, twist = (torch.randn(number, *size, generator=generator) for size in ((inputs,), (config.chunk, TWIST)))
        gripper = torch.randn(number, config.chunk, generator=generator).sign()
        return Encoded(told, twist, gripper, torch.ones(number, config.chunk), torch.zeros(number, dtype=torch.long))

    return Workload(name, FeaturePolicy(inputs, config), batch, 10, 10**6, 10**6)


class Whole(nn.Module):
    """A policy with its encoder, as a module that gives losses."""

    def __init__(self, policy: CloningPolicy) -> None:
        super().__init__()
        self.policy = policy

    def forward(self, batch: Batch) -> Tensor:
        """Loss of each pair, (B,)."""
        return self.policy.negative_log_likelihood(batch)


def seen_by(config: PolicyConfig, number: int, generator: Generator) -> Batch:
    """Random pairs with images."""
    size = (number, 1, 3, config.image_size, config.image_size)
    images = {name: torch.randint(256, size, generator=generator, dtype=torch.uint8) for name in CAMERAS}
    state, action = (torch.randn(number, *size, generator=generator) for size in ((1, 8), (config.chunk, 7)))
    return Batch(images, state, torch.zeros(number, 1, 0), action, torch.ones(number, config.chunk))


def on(batch: Any, device: torch.device) -> Any:
    """The batch on a device."""
    return torch.utils._pytree.tree_map(lambda values: values.to(device), batch)


def parameters_of(workload: Workload) -> int:
    """Number of parameters."""
    return sum(prod(value.shape) for value in workload.module.parameters())

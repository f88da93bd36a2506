"""Pairs as features: small networks on a frozen encoder are what balancing can train by the dozen.

An image policy's encoder is trained once per fold, on the fold's training pairs, and its features of all pairs are
computed once. A state policy's features need no encoder. So every lane of a method is a small network on features.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from balanced_bc.learning.batches import Pairs
from balanced_bc.learning.config import EncodingConfig
from balanced_bc.learning.training.fit import fit
from balanced_bc.learning.training.progress import Progress
from balanced_bc.policies import features
from balanced_bc.policies.cloning import CloningPolicy
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.decoder import Decoder
from balanced_bc.policies.heads.gaussian import GaussianHead
from balanced_bc.policies.heads.head import TWIST
from balanced_bc.policies.likelihood import gaussian, masked_mean
from balanced_bc.policies.normalization import FARTHEST
from balanced_bc.policies.trunk import trunk

MEASURED_AT_ONCE = 256
"""Images that are encoded at once."""


OWN_SPEED = 2.0
"""How much faster than the rest the sigmas of groups move: one number each, they have far to go in few steps."""


class Encoded(NamedTuple):
    """Pairs, or a batch of them, as a network on features sees them.

    Attributes:
        features: Normalized robot state and scene, and the encoder's features, of H observations, (B, F).
        twist: Normalized twists, (B, C, 6).
        gripper: +1 open or -1 close, (B, C).
        mask: 1 for an action that was given, 0 for padding, (B, C).
        group: Group of each pair, (B,).
    """

    features: Tensor
    twist: Tensor
    gripper: Tensor
    mask: Tensor
    group: Tensor

    def at(self, index: Tensor) -> Encoded:
        """Pick the pairs at `index`, (B,)."""
        return Encoded(*(values[index] for values in self))


class FeaturePolicy(nn.Module):
    """The trunk and the decoder of a policy, on features.

    With `noises` groups each has sigmas of its own. One sigma for all rises with the weight of a noisy group, and so
    that group's likelihood rises with its weight, whatever happens to the actions that the policy would choose.
    """

    def __init__(self, inputs: int, config: PolicyConfig, noises: int = 0) -> None:
        super().__init__()
        self.inputs, self.config, self.noises = inputs, config, noises
        self.trunk = trunk(inputs, config.hidden, config.layers)
        self.decoder = Decoder(config)
        self.own_spread = nn.Parameter(torch.zeros(noises, TWIST)) if noises else None

    def forward(self, batch: Encoded, skill: bool = False) -> Tensor:
        """Negative log-likelihood of each pair's chunk as `Policy` defines it, or `skill`, [nat], (B,)."""
        features, head = self.trunk(batch.features), self.decoder.head
        if skill:
            error = 0.5 * (batch.twist - head.mode(features)).square().sum(dim=-1)
            return masked_mean(error, batch.mask) + self.decoder.of_gripper(features, batch.gripper, batch.mask)
        if self.own_spread is None or not isinstance(head, GaussianHead):
            return self.decoder.negative_log_likelihood(features, batch.twist, batch.gripper, batch.mask)
        log_sigma = head.log_sigma_with(OWN_SPEED * self.own_spread[batch.group])[:, None]
        of_twist = gaussian(batch.twist - head.mode(features), log_sigma)
        return masked_mean(of_twist, batch.mask) + self.decoder.of_gripper(features, batch.gripper, batch.mask)

    def skill(self, parameters: Mapping[str, Tensor], batch: Encoded) -> Tensor:
        r"""Judge the actions that the policy would choose, whatever it knows of its own noise, (B,).

        .. math:: \tfrac12 \lVert \hat a - a \rVert^2 - \log p(g)

        The likelihood of its most likely twist with a sigma of 1 in normalized units, but for a constant, and that of
        the gripper's command, [nat], the mean over a chunk. Noise in the twists of a group adds the same to it for all
        policies, so differences between policies are free of it.
        """
        result: Tensor = functional_call(self, dict(parameters), (batch, True))
        return result

    def fresh(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Parameters of a network like this one that has learned nothing yet."""
        seed = int(torch.randint(2**31, (1,), generator=generator))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = FeaturePolicy(self.inputs, self.config, self.noises)
        return dict(network.named_parameters())

    def loss(self, parameters: Mapping[str, Tensor], batch: Encoded) -> Tensor:
        """Negative log-likelihood as a pure function of parameters and a batch, (B,)."""
        result: Tensor = functional_call(self, dict(parameters), (batch,), tie_weights=False)
        return result

    def pull(self, parameters: Mapping[str, Tensor], batch: Encoded) -> Tensor:
        """Gradient of each pair's loss with respect to its normalized twists, (B, C x 6)."""
        twist = batch.twist.detach().requires_grad_()
        loss = self.loss(parameters, batch._replace(twist=twist))
        return torch.autograd.grad(loss.sum(), twist)[0].flatten(1)


def encode(
    pairs: Pairs, index: Tensor, policy: PolicyConfig, config: EncodingConfig, seed: int
) -> Generator[Progress, None, Encoded]:
    """Compute the features of all pairs with an encoder that has seen only the pairs at `index`.

    Args:
        pairs: The whole dataset.
        index: Pairs that the encoder is trained on, (n,).
        policy: The policy that will be trained with the weights.
        config: Size of the encoder.
        seed: Seed of its training.

    Yields:
        Progress of the encoder's training; nothing for a state policy.
    """
    small, units = config.policy(policy), pairs.normalization(policy)
    known = features.features(policy, pairs.state, pairs.scene)
    columns = [((known - units.feature_mean) / units.feature_deviation).clamp(-FARTHEST, FARTHEST)]
    if policy.policy == "image":
        equal = dict.fromkeys(pairs.groups, 1.0)
        for progress in fit(pairs.subset(index), small, config.training(seed), equal):
            yield progress
        assert isinstance(progress.policy, CloningPolicy)
        columns.append(seen(progress.policy, pairs))
    told = torch.cat(columns, dim=1)[pairs.window(torch.arange(len(pairs)))].flatten(1)
    twist = (pairs.action[..., :6] - units.twist_mean) / units.twist_deviation
    return Encoded(told, twist, pairs.action[..., 6], pairs.mask, pairs.group)


@torch.no_grad()
def seen(policy: CloningPolicy, pairs: Pairs) -> Tensor:
    """Encode the images of all pairs and normalize the features, (N, F)."""
    device = policy.feature_mean.device
    parts = []
    for index in torch.split_with_sizes(torch.arange(len(pairs)), _sizes(len(pairs))):
        images = {name: pairs.images[name][index].permute(0, 3, 1, 2).to(device) for name in policy.cameras}
        encoded = [policy.encoded(name, pixels[:, None]) for name, pixels in images.items()]
        parts.append(torch.cat(encoded, dim=-1)[:, 0].cpu())
    values = torch.cat(parts)
    return ((values - values.mean(dim=0)) / values.std(dim=0, correction=0).clamp_min(1e-3)).clamp(-FARTHEST, FARTHEST)


def _sizes(number: int) -> list[int]:
    """Cut a number into parts of at most `MEASURED_AT_ONCE`."""
    whole, rest = divmod(number, MEASURED_AT_ONCE)
    return [MEASURED_AT_ONCE] * whole + [rest] * (rest > 0)

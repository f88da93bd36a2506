"""Pairs as features: small networks on a frozen encoder are what balancing can train by the dozen.

An image policy's encoder is trained once per fold, on the fold's training pairs, and its features of all pairs are
computed once. A state policy's features need no encoder. So every lane of a method is a small network on features.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from balanced_bc.learning.config import EncodingConfig
from balanced_bc.learning.device import choose
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.streaming import mapped
from balanced_bc.learning.training.fit import fit
from balanced_bc.learning.training.learner import fresh
from balanced_bc.learning.training.progress import Progress
from balanced_bc.policies import features
from balanced_bc.policies.cloning import CloningPolicy
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.decoder import Decoder
from balanced_bc.policies.likelihood import masked_mean
from balanced_bc.policies.normalization import FARTHEST
from balanced_bc.policies.trunk import trunk

MEASURED_AT_ONCE = 256
"""Pairs that are encoded at once."""
COUNTED = 2**16
"""Pairs that units are taken from, at most."""
HELD_OUT = "(held out)"
"""Group of pairs that an encoder must not learn from."""


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
    """The trunk and the decoder of a policy, on features."""

    def __init__(self, inputs: int, config: PolicyConfig) -> None:
        super().__init__()
        self.inputs, self.config = inputs, config
        self.trunk = trunk(inputs, config.hidden, config.layers)
        self.decoder = Decoder(config)

    def forward(self, batch: Encoded, skill: bool = False) -> Tensor:
        """Negative log-likelihood of each pair's chunk as `Policy` defines it, or `skill`, [nat], (B,)."""
        features = self.trunk(batch.features)
        if not skill:
            return self.decoder.negative_log_likelihood(features, batch.twist, batch.gripper, batch.mask)
        error = 0.5 * (batch.twist - self.decoder.head.mode(features)).square().sum(dim=-1)
        return masked_mean(error, batch.mask) + self.decoder.of_gripper(features, batch.gripper, batch.mask)

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
            network = FeaturePolicy(self.inputs, self.config)
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


class Late(Sequence[Encoded]):
    """Features of all pairs by the encoder of each fold, computed when somebody wants them.

    Args:
        make: Computes those of a fold.
        number: Number of folds.
        shared: Whether all folds have the same, because there is no encoder.
    """

    def __init__(self, make: Callable[[int], Encoded], number: int, shared: bool) -> None:
        self._make, self._number, self._shared = make, number, shared
        self._made: dict[int, Encoded] = {}

    def __len__(self) -> int:
        return self._number

    def __getitem__(self, fold: Any) -> Any:
        """Those of a fold."""
        fold = 0 if self._shared else fold
        if fold not in self._made:
            self._made[fold] = self._make(fold)
        return self._made[fold]

    def part(self, start: int, number: int) -> Late:
        """Some of the folds, from `start` on; they are computed once for all who want them."""
        return Late(lambda fold: self[start + fold], number, shared=False)


def encode(
    pairs: Pairs, index: Tensor, policy: PolicyConfig, config: EncodingConfig, seed: int, folder: Path | None = None
) -> Generator[Progress, None, Encoded]:
    """Compute the features of all pairs with an encoder that has seen only the pairs at `index`.

    Args:
        pairs: The whole dataset.
        index: Pairs that the encoder is trained on, (n,).
        policy: The policy that will be trained with the weights.
        config: Size of the encoder.
        seed: Seed of its training.
        folder: Where features are kept and mapped from; in memory, if None.

    Yields:
        Progress of the encoder's training; nothing for a state policy.
    """
    if policy.policy != "image":
        return encoded(pairs, policy, None, folder)
    learned = yield from train_encoder(pairs, index, policy, config, seed)
    return encoded(pairs, policy, encoder_of(pairs, index, policy, config, learned), folder)


def train_encoder(
    pairs: Pairs, index: Tensor, policy: PolicyConfig, config: EncodingConfig, seed: int
) -> Generator[Progress, None, dict[str, Tensor]]:
    """Train an image encoder on the pairs at `index`; its parameters. Arguments as of `encode`.

    The other pairs are a group that is never drawn, so that nothing is copied; nor is a group without any pair there.
    """
    small, number = config.policy(policy), len(pairs.groups)
    group = torch.full_like(pairs.group, number)
    group[index] = pairs.group[index]
    alone = replace(pairs, group=group, groups=(*pairs.groups, HELD_OUT))
    there = torch.bincount(group, minlength=number + 1) > 0
    weights = {**dict(zip(pairs.groups, there.double().tolist())), HELD_OUT: 0.0}
    start = fresh(pairs, small, some(index), seed)
    for progress in fit(alone, small, config.training(seed), weights, start=start):
        yield progress
    return {name: value.detach().cpu() for name, value in progress.policy.state_dict().items()}


def encoder_of(
    pairs: Pairs, index: Tensor, policy: PolicyConfig, config: EncodingConfig, learned: Mapping[str, Tensor]
) -> CloningPolicy:
    """The encoder with these parameters; other arguments as of `encode`."""
    found = fresh(pairs, config.policy(policy), some(index), 0)
    assert isinstance(found, CloningPolicy), "encoders are ours"
    found.load_state_dict(dict(learned))
    return found.eval().requires_grad_(False).to(choose("auto", "float32").device)


def encoded(pairs: Pairs, policy: PolicyConfig, encoder: CloningPolicy | None, folder: Path | None) -> Encoded:
    """Compute the features of all pairs, part after part.

    Args:
        pairs: The whole dataset.
        policy: The policy that will be trained with the weights.
        encoder: Encodes images; None for a state policy.
        folder: Where features are kept and mapped from; in memory, if None.
    """
    units = pairs.normalization(policy, some(torch.arange(len(pairs))))
    images = [] if encoder is None else [seen(encoder, pairs, folder)]

    def told(index: Tensor) -> Tensor:
        window = pairs.window(index)
        known = features.features(policy, pairs.state[window], pairs.scene[window])
        normal = ((known - units.feature_mean) / units.feature_deviation).clamp(-FARTHEST, FARTHEST)
        return torch.cat([normal, *(values[window] for values in images)], dim=-1).flatten(1)

    def twist(index: Tensor) -> Tensor:
        return (pairs.action[index][..., :6] - units.twist_mean) / units.twist_deviation

    def gripper(index: Tensor) -> Tensor:
        return pairs.action[index][..., 6]

    columns = {"features": told, "twist": twist, "gripper": gripper}
    found = {name: laid(folder, name, len(pairs), make) for name, make in columns.items()}
    return Encoded(**found, mask=pairs.mask, group=pairs.group)


def laid(folder: Path | None, name: str, number: int, make: Callable[[Tensor], Tensor]) -> Tensor:
    """Compute a column of N pairs part after part, in memory or in a file that is mapped.

    Args:
        folder: Where the file goes; in memory, if None.
        name: Of the column.
        number: N.
        make: The column's values at some pairs, (n,) to (n, ...), float32.
    """
    parts = (make(index) for index in torch.split_with_sizes(torch.arange(number), _sizes(number)))
    if folder is None:
        return torch.cat(list(parts))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.bin"
    with path.open("wb") as stream:
        for part in parts:
            stream.write(part.contiguous().numpy().tobytes())
    return mapped(path, (number, *part.shape[1:]), np.float32)


def some(index: Tensor) -> Tensor:
    """At most `COUNTED` of the pairs at `index`, evenly: enough to take units from."""
    return index[:: -(-len(index) // COUNTED)]


@torch.no_grad()
def seen(policy: CloningPolicy, pairs: Pairs, folder: Path | None = None) -> Tensor:
    """Encode the images of all pairs and normalize the features, (N, F)."""
    device = policy.feature_mean.device

    def see(index: Tensor) -> Tensor:
        images = {name: pairs.images[name][index].permute(0, 3, 1, 2).to(device) for name in policy.cameras}
        found = [policy.encoded(name, pixels[:, None]) for name, pixels in images.items()]
        return torch.cat(found, dim=-1)[:, 0].cpu()

    values = laid(folder, "seen", len(pairs), see)
    counted = values[some(torch.arange(len(pairs)))]
    mean, deviation = counted.mean(dim=0), counted.std(dim=0, correction=0).clamp_min(1e-3)
    return laid(
        folder, "images", len(pairs), lambda index: ((values[index] - mean) / deviation).clamp(-FARTHEST, FARTHEST)
    )


def _sizes(number: int) -> list[int]:
    """Cut a number into parts of at most `MEASURED_AT_ONCE`."""
    whole, rest = divmod(number, MEASURED_AT_ONCE)
    return [MEASURED_AT_ONCE] * whole + [rest] * (rest > 0)

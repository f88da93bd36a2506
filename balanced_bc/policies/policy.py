r"""The policy :math:`\pi_\theta(a \mid s)`: a Gaussian over twists and a Bernoulli over the gripper."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from balanced_bc.demonstrations.observation import SCENE_SIZE, Observation
from balanced_bc.policies import features as features_of
from balanced_bc.policies import likelihood
from balanced_bc.policies.batch import Batch
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.encoder import ImageEncoder
from balanced_bc.policies.errors import PolicyError
from balanced_bc.policies.normalization import FARTHEST, Normalization
from balanced_bc.policies.resample import shrink


class Prediction(NamedTuple):
    """A distribution over chunks of actions.

    Attributes:
        mean: Mean of the normalized twists, (B, C, 6).
        log_sigma: Logarithm of their standard deviation, the same for all observations, (6,).
        gripper: Logit of opening the gripper, (B, C).
    """

    mean: Tensor
    log_sigma: Tensor
    gripper: Tensor


class Policy(nn.Module):
    """Encoders of the cameras, a trunk, and a head with one learned sigma per dimension of the twist.

    The forward pass has no state, no randomness and no branches on data: torch.func may call, map and
    differentiate it twice.
    """

    feature_mean: Tensor
    feature_deviation: Tensor
    twist_mean: Tensor
    twist_deviation: Tensor

    def __init__(
        self, config: PolicyConfig, cameras: Sequence[str], normalization: Normalization | None = None
    ) -> None:
        super().__init__()
        if config.policy == "image" and not cameras:
            raise PolicyError("an image policy wants at least one camera, and the contract has none")
        self.config = config
        self.cameras = tuple(cameras) if config.policy == "image" else ()
        size = features_of.size(config.policy)
        for name, values in (normalization or Normalization.identity(size))._asdict().items():
            self.register_buffer(name, values.clone(), persistent=False)
        self.encoders = nn.ModuleDict(
            {name: ImageEncoder(config.image_size, config.channels, config.keypoints) for name in self.cameras}
        )
        self.trunk = trunk(size + 3 * config.keypoints * len(self.cameras), config.hidden, config.layers)
        self.head = nn.Linear(config.hidden, 7 * config.chunk)
        self.spread = nn.Parameter(initial_spread(config.log_sigma_floor))

    @property
    def normalization(self) -> Normalization:
        """Units of the features and twists."""
        return Normalization(self.feature_mean, self.feature_deviation, self.twist_mean, self.twist_deviation)

    @property
    def log_sigma(self) -> Tensor:
        r"""Logarithm of sigma, kept above its floor with a gradient everywhere.

        .. math:: \log \sigma = \mathrm{floor} + \mathrm{softplus}(\mathrm{spread})
        """
        return self.config.log_sigma_floor + F.softplus(self.spread)

    def predict(self, images: Mapping[str, Tensor], state: Tensor, scene: Tensor) -> Prediction:
        """Distribution over the next C actions; arguments as in `Batch`."""
        known = features_of.features(self.config.policy, state, scene)
        normal = ((known - self.feature_mean) / self.feature_deviation).clamp(-FARTHEST, FARTHEST)
        # Color first in memory: GroupNorm is 1.4 times as fast on a CPU as with color last.
        pixels = (images[name].contiguous().to(state.dtype) / 255 - 0.5 for name in self.cameras)
        seen = [self.encoders[name](values) for name, values in zip(self.cameras, pixels)]
        answer: Tensor = self.head(self.trunk(torch.cat((normal, *seen), dim=-1))).to(state.dtype)
        chunk = answer.view(-1, self.config.chunk, 7)
        return Prediction(chunk[..., :6], self.log_sigma, chunk[..., 6])

    def negative_log_likelihood(self, batch: Batch) -> Tensor:
        """Negative log-likelihood of each pair's chunk, the mean over its given actions, [nat], (B,).

        The density is over normalized twists. So losses of two policies compare only if they share normalization.
        """
        prediction = self.predict(batch.images, batch.state, batch.scene)
        twist = (batch.action[..., :6] - self.twist_mean) / self.twist_deviation
        loss = likelihood.gaussian(twist - prediction.mean, prediction.log_sigma)
        loss = loss + likelihood.bernoulli(prediction.gripper, batch.action[..., 6])
        return likelihood.masked_mean(loss, batch.mask)

    def forward(self, batch: Batch) -> Tensor:
        """See `negative_log_likelihood`: what torch.func.functional_call calls."""
        return self.negative_log_likelihood(batch)

    @torch.inference_mode()
    def act(self, observation: Observation) -> NDArray[np.float32]:
        """Most likely next actions.

        Args:
            observation: At the cameras' own size.

        Returns:
            Twist [m/s, rad/s] in the base frame and gripper (+1 open, -1 close), (E, 7).
        """
        prediction = self.predict(*self._tensors(observation))
        twist = prediction.mean * self.twist_deviation + self.twist_mean
        gripper = torch.where(prediction.gripper > 0, 1.0, -1.0).unsqueeze(-1)
        actions = torch.cat((twist, gripper), dim=-1)[0, : self.config.execute]
        return actions.float().cpu().numpy()

    def _tensors(self, observation: Observation) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """One observation as a batch of one on the policy's device."""
        if missing := set(self.cameras) - set(observation.images):
            raise PolicyError(f"the observation lacks {sorted(missing)}; it has {sorted(observation.images)}")
        scene = np.zeros(0, np.float32) if observation.scene is None else observation.scene
        if self.config.policy == "state" and scene.shape != (SCENE_SIZE,):
            raise PolicyError(f"a state policy wants a scene of {SCENE_SIZE} numbers; the observation has {scene.size}")
        device, dtype = self.spread.device, self.spread.dtype
        images = {name: shrink(observation.images[name], self.config.image_size) for name in self.cameras}
        return (
            {
                name: torch.from_numpy(np.array(image)).to(device).permute(2, 0, 1)[None]
                for name, image in images.items()
            },
            torch.from_numpy(np.array(observation.state))[None].to(device, dtype),
            torch.from_numpy(np.array(scene))[None].to(device, dtype),
        )


def trunk(inputs: int, hidden: int, layers: int) -> nn.Sequential:
    """A multilayer perceptron."""
    widths = [inputs, *[hidden] * layers]
    return nn.Sequential(*(part for i in range(layers) for part in (nn.Linear(widths[i], widths[i + 1]), nn.ReLU())))


def initial_spread(floor: float) -> Tensor:
    """The parameter that starts every sigma at 1 (or just above a floor that is higher), (6,)."""
    return torch.full((6,), max(-floor, 0.1)).expm1().log()


def loss_of(policy: Policy) -> Callable[[Mapping[str, Tensor], Batch], Tensor]:
    """The policy's negative log-likelihood as a pure function of its parameters and a batch, (B,)."""

    def loss(parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        result: Tensor = functional_call(policy, dict(parameters), (batch,))
        return result

    return loss

r"""What every policy :math:`\pi_\theta(a \mid o, s)` can do: say how likely demonstrated actions are, and act.

A policy of your own is one class: a subclass of `Policy` with `negative_log_likelihood` and `best`. Its name goes into
`PolicyConfig.plugin` (`--plugin my_module:MyPolicy`); training, evaluation and the policy node then use it. Training
averages parameters; buffers, such as running statistics, the average takes over as they are. Training seeds what is
drawn from torch's global generators, and tries the policy on a few pairs first: see `answers`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from balanced_bc.demonstrations.observation import SCENE_SIZE, Observation
from balanced_bc.policies import features as features_of
from balanced_bc.policies.actor import Execution
from balanced_bc.policies.answers import actions_of
from balanced_bc.policies.batch import Batch
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.errors import PolicyError
from balanced_bc.policies.normalization import Normalization
from balanced_bc.policies.resample import shrink


class Policy(nn.Module, ABC):
    """A policy with the units of what it learns from.

    Args:
        config: Architecture, inputs and execution.
        cameras: Names of the robot's cameras; a state policy looks at none.
        normalization: Units; None leaves everything as it is.
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
        self.config = config.settled
        self.cameras = tuple(cameras) if config.policy == "image" else ()
        units = normalization or Normalization.identity(features_of.size(config))
        for name, values in units._asdict().items():
            self.register_buffer(name, values.clone(), persistent=False)

    def begin(self) -> None:
        """Bring in what was learned elsewhere, once, before training; a checkpoint has it already."""
        return

    @abstractmethod
    def negative_log_likelihood(self, batch: Batch) -> Tensor:
        """Negative log-likelihood of each pair's chunk, or another loss of it, the mean over its given actions, (B,).

        Losses of two policies compare only if they share normalization.
        """

    @abstractmethod
    def best(self, images: Mapping[str, Tensor], state: Tensor, scene: Tensor) -> Tensor:
        """Best next actions in physical units, (B, C, 7); arguments as in `Batch`."""

    @property
    def normalization(self) -> Normalization:
        """Units of the features and twists."""
        return Normalization(self.feature_mean, self.feature_deviation, self.twist_mean, self.twist_deviation)

    @property
    def execution(self) -> Execution:
        """How its chunks are executed."""
        how = self.config
        return Execution(how.execute, how.history, how.ensemble_decay if how.execution == "ensemble" else None)

    def forward(self, batch: Batch) -> Tensor:
        """See `negative_log_likelihood`: what torch.func.functional_call calls."""
        return self.negative_log_likelihood(batch)

    def in_units(self, twist: Tensor, gripper: Tensor) -> Tensor:
        """Actions of normalized twists, (B, C, 6), and of logits of opening the gripper, (B, C): (B, C, 7)."""
        opened = torch.where(gripper > 0, 1.0, -1.0).to(twist.dtype)
        return torch.cat((twist * self.twist_deviation + self.twist_mean, opened.unsqueeze(-1)), dim=-1)

    @torch.inference_mode()
    def act(self, seen: Sequence[Sequence[Observation]]) -> NDArray[np.float32]:
        """Best next actions.

        Args:
            seen: N histories of H observations, the newest last, images at the cameras' own size.

        Returns:
            Twist [m/s, rad/s] in the base frame and gripper (+1 open, -1 close), (N, C, 7).
        """
        return actions_of(self, *self._tensors(seen)).float().cpu().numpy()

    def _tensors(self, seen: Sequence[Sequence[Observation]]) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Histories as a batch on the policy's device."""
        device, dtype = self.feature_mean.device, self.feature_mean.dtype
        histories = [[self._checked(observation) for observation in history] for history in seen]
        images = {
            name: torch.from_numpy(
                np.array([[shrink(one.images[name], self.config.image_size) for one in past] for past in histories])
            )
            .permute(0, 1, 4, 2, 3)
            .to(device)
            for name in self.cameras
        }
        state = torch.from_numpy(np.array([[one.state for one in past] for past in histories]))
        scene = torch.from_numpy(np.array([[_scene(one) for one in past] for past in histories]))
        return images, state.to(device, dtype), scene.to(device, dtype)

    def _checked(self, observation: Observation) -> Observation:
        """The observation, if it has what this policy looks at."""
        if missing := set(self.cameras) - set(observation.images):
            raise PolicyError(f"the observation lacks {sorted(missing)}; it has {sorted(observation.images)}")
        if self.config.policy == "state" and _scene(observation).shape != (SCENE_SIZE,):
            size = _scene(observation).size
            raise PolicyError(f"a state policy wants a scene of {SCENE_SIZE} numbers; the observation has {size}")
        return observation


def _scene(observation: Observation) -> NDArray[np.float32]:
    return np.zeros(0, np.float32) if observation.scene is None else observation.scene


def loss_of(policy: Policy) -> Callable[[Mapping[str, Tensor], Batch], Tensor]:
    """The policy's negative log-likelihood as a pure function of its parameters and a batch, (B,)."""

    def loss(parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        result: Tensor = functional_call(policy, dict(parameters), (batch,))
        return result

    return loss

"""LeRobot's ACT as a policy of balanced_bc: demonstrations, weights, evaluation and nodes are ours, the network is not.

With lerobot (0.4.4 was tried) beside balanced_bc, and this file where Python finds it:

    export PYTHONPATH=docs/examples
    balanced-bc train --dataset data --output act --plugin lerobot_act:ACT --chunk 20 --execute 10 --image-size 96
    balanced-bc evaluate --checkpoint act --task picking

`--hidden` is ACT's model size and `--layers` the number of its encoder's layers; the defaults of ACT are 512 and 4.
The backbone, a ResNet-18, begins untrained: nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from balanced_bc.demonstrations.observation import ACTION_SIZE, STATE_SIZE
from balanced_bc.policies import features as features_of
from balanced_bc.policies.batch import Batch
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.errors import PolicyError
from balanced_bc.policies.likelihood import masked_mean
from balanced_bc.policies.normalization import FARTHEST, Normalization
from balanced_bc.policies.policy import Policy
from balanced_bc.policies.torchvision_operators import import_torchvision

import_torchvision()  # which lerobot imports, and which may have been built for another torch

from lerobot.configs.types import FeatureType, PolicyFeature  # noqa: E402
from lerobot.policies.act.configuration_act import ACTConfig  # noqa: E402
from lerobot.policies.act.modeling_act import ACTPolicy  # noqa: E402
from lerobot.utils.constants import ACTION, OBS_ENV_STATE, OBS_IMAGES, OBS_STATE  # noqa: E402


class ACT(Policy):
    """Action chunking with a transformer: its loss per pair, and the chunk it predicts."""

    def __init__(
        self, config: PolicyConfig, cameras: Sequence[str], normalization: Normalization | None = None
    ) -> None:
        super().__init__(config, cameras, normalization)
        if config.history != 1:
            raise PolicyError(f"ACT looks at one observation; history is {config.history}")
        self.network = ACTPolicy(_configured(config, self.cameras))

    def negative_log_likelihood(self, batch: Batch) -> Tensor:
        r"""ACT's loss of each pair, (B,): L1 over normalized actions, plus the latent's divergence while it trains.

        .. math:: \frac{1}{C} \sum_c \mathrm{mean}_d |a_{cd} - \hat a_{cd}| + w \, D_{KL}(q(z | a, s) || N(0, 1))
        """
        twist = (batch.action[..., :6] - self.twist_mean) / self.twist_deviation
        action = torch.cat((twist, batch.action[..., 6:]), dim=-1)
        told = {ACTION: action, "action_is_pad": batch.mask == 0}
        predicted, (mean, log_variance) = self.network.model(
            {**self._inputs(batch.images, batch.state, batch.scene), **told}
        )
        loss = masked_mean((predicted.to(action.dtype) - action).abs().mean(dim=-1), batch.mask)
        if mean is None:
            return loss
        divergence = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(dim=-1)
        return loss + self.network.config.kl_weight * divergence.to(loss.dtype)

    def best(self, images: Mapping[str, Tensor], state: Tensor, scene: Tensor) -> Tensor:
        """The chunk that follows from the latent's mean, in physical units, (B, C, 7); arguments as in `Batch`."""
        predicted: Tensor = self.network.model(self._inputs(images, state, scene))[0]
        return self.in_units(predicted[..., :6], predicted[..., 6])

    def _inputs(self, images: Mapping[str, Tensor], state: Tensor, scene: Tensor) -> dict[str, Tensor | list[Tensor]]:
        """What ACT sees, by its names: normalized robot state, scene and images of the newest observation."""
        known = features_of.features(self.config, state[:, -1], scene[:, -1])
        normal = ((known - self.feature_mean) / self.feature_deviation).clamp(-FARTHEST, FARTHEST)
        inputs: dict[str, Tensor | list[Tensor]] = {OBS_STATE: normal[:, :STATE_SIZE]}
        if self.cameras:
            inputs[OBS_IMAGES] = [images[name][:, -1].to(normal.dtype) / 127.5 - 1 for name in self.cameras]
        else:
            inputs[OBS_ENV_STATE] = normal[:, STATE_SIZE:]
        return inputs


def _configured(config: PolicyConfig, cameras: Sequence[str]) -> ACTConfig:
    """ACT's configuration in the sizes of ours."""
    side = config.image_size
    inputs = {f"{OBS_IMAGES}.{name}": PolicyFeature(FeatureType.VISUAL, (3, side, side)) for name in cameras}
    if not cameras:
        inputs[OBS_ENV_STATE] = PolicyFeature(FeatureType.ENV, (features_of.size(config) - STATE_SIZE,))
    return ACTConfig(
        input_features={OBS_STATE: PolicyFeature(FeatureType.STATE, (STATE_SIZE,)), **inputs},
        output_features={ACTION: PolicyFeature(FeatureType.ACTION, (ACTION_SIZE,))},
        chunk_size=config.chunk,
        n_action_steps=config.chunk,
        dim_model=config.hidden,
        dim_feedforward=4 * config.hidden,
        n_encoder_layers=config.layers,
        n_vae_encoder_layers=config.layers,
        pretrained_backbone_weights=None,
        device="cpu",
    )

"""Encoders that have learned to see elsewhere: a backbone from a file of weights, and keypoints on its features.

Nothing is ever downloaded. resnet18 and resnet34 are plain torch; `timm:NAME` is any model of timm that yields
features, where timm is installed.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from balanced_bc.policies.config import TIMM, PolicyConfig
from balanced_bc.policies.encoder import coordinates, spatial_softmax
from balanced_bc.policies.errors import PolicyError
from balanced_bc.policies.resnet import ResNet
from balanced_bc.policies.torchvision_operators import import_torchvision

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Mean of red, green and blue in [0, 1] that published weights expect."""
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
"""Their standard deviation."""


class PretrainedEncoder(nn.Module):
    """Keypoints of an image, found among the features of a backbone.

    The backbone acts as in evaluation whatever the mode: its normalization keeps the statistics it came with, so that
    the network has no state. Only what comes after it learns, unless the configuration lets it learn too.
    """

    mean: Tensor
    deviation: Tensor
    grid: Tensor

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.backbone = make_backbone(config.backbone, config.backbone_stride)
        self.backbone.requires_grad_(config.backbone_learns)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None] - 0.5, persistent=False)
        self.register_buffer("deviation", torch.tensor(IMAGENET_DEVIATION)[:, None, None], persistent=False)
        self.train()
        with torch.no_grad():
            seen = self._seen(torch.zeros(1, 3, config.image_size, config.image_size))
        self.features = nn.Conv2d(seen.shape[1], config.keypoints, 1)
        self.register_buffer("grid", coordinates(seen.shape[-1]), persistent=False)

    def train(self, mode: bool = True) -> PretrainedEncoder:
        """Set the mode of all but the backbone."""
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Encode RGB images in [-0.5, 0.5], (B, 3, size, size) to (B, 3 K)."""
        features: Tensor = self.features(self._seen(images))
        return spatial_softmax(features.flatten(-2).to(self.grid.dtype), self.grid)

    def _seen(self, images: Tensor) -> Tensor:
        """The backbone's features, (B, channels, height, width)."""
        answer = self.backbone((images - self.mean) / self.deviation)
        features: Tensor = answer[-1] if isinstance(answer, list) else answer
        return features

    def read(self, path: Path) -> None:
        """Read the backbone's weights.

        Args:
            path: A safetensors file with torchvision's or timm's names; what the backbone does not need is ignored.

        Raises:
            PolicyError: There is no such file, it is no safetensors file, or its tensors do not fit.
        """
        if not path.is_file():
            raise PolicyError(f"there is no file {path} with weights of the backbone; nothing is downloaded")
        try:
            found = load_file(path)
        except (SafetensorError, OSError) as error:
            raise PolicyError(
                f"{path} is no safetensors file ({error}); safetensors.torch.save_file writes one from a state_dict"
            ) from error
        wanted = self.backbone.state_dict()
        if problems := misfits(wanted, found):
            raise PolicyError(f"{path} does not fit the backbone: {'; '.join(problems)}")
        self.backbone.load_state_dict({name: found.get(name, value) for name, value in wanted.items()})


def misfits(wanted: dict[str, Tensor], found: dict[str, Tensor]) -> list[str]:
    """What of the weights that are wanted is missing or has another shape: the first three, and how many more."""
    # A count of batches is no weight, and some files lack it.
    needed = {name: value for name, value in wanted.items() if not name.endswith("num_batches_tracked")}
    problems = [f"{name} is missing" for name in needed if name not in found]
    problems += [
        f"{name} is {tuple(found[name].shape)}, wanted is {tuple(value.shape)}"
        for name, value in needed.items()
        if name in found and found[name].shape != value.shape
    ]
    return [*problems[:3], f"and {len(problems) - 3} more"] if len(problems) > 3 else problems


def make_backbone(name: str, stride: int) -> nn.Module:
    """Make a backbone that answers images with features at a stride, without weights that mean anything.

    Raises:
        PolicyError: timm is not installed, has no such model, or the model has no features at that stride.
    """
    return _timm_backbone(name.removeprefix(TIMM), stride) if name.startswith(TIMM) else ResNet(name, stride)


def _timm_backbone(name: str, stride: int) -> nn.Module:
    """One stage of a model of timm, which answers with a list of it."""
    try:
        import_torchvision()
        timm = import_module("timm")
    except (ImportError, RuntimeError) as error:
        raise PolicyError(
            f"the backbone {TIMM}{name} wants timm, and timm cannot be imported ({error}); "
            "install balanced_bc[timm], or take resnet18 or resnet34"
        ) from error
    try:
        strides = timm.create_model(name, pretrained=False, features_only=True).feature_info.reduction()
    except (RuntimeError, AttributeError) as error:
        raise PolicyError(f"timm makes no backbone of {name!r}: {error}") from error
    if stride not in strides:
        raise PolicyError(f"{name} has features at the strides {strides}; wanted is {stride}")
    index = strides.index(stride)
    chosen: nn.Module = timm.create_model(name, pretrained=False, features_only=True, out_indices=(index,))
    return chosen

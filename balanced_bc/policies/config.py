"""What a policy is made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from balanced_bc.policies.errors import PolicyError
from balanced_bc.ranges import out_of_range

Kind = Literal["image", "state"]
HeadName = Literal["gaussian", "heteroscedastic", "bins", "mixture"]
ExecutionName = Literal["auto", "chunks", "ensemble"]

TIMM = "timm:"
"""What the name of a backbone of timm begins with."""
BACKBONES = ("resnet18", "resnet34")
"""Backbones that need nothing but torch."""
STRIDES = (4, 8, 16, 32)
"""Strides at which backbones have features."""
EXECUTED = 4
"""E where nothing else is said."""
ACTING = ("execution", "execute", "ensemble_decay")
"""Fields that say how a policy acts, not what it is."""
LEAST_SIDE = 4
"""Rows and columns of features below which keypoints tell nothing of where something is."""


@dataclass(frozen=True)
class PolicyConfig:
    """Architecture of a policy."""

    policy: Kind = "image"
    """image: cameras and robot state. state: robot state and the privileged scene that only a simulator has."""
    plugin: str = ""
    """A policy of your own as `module:Class`, a subclass of `balanced_bc.policies.policy.Policy`; empty for ours."""
    image_size: int = field(default=64, metadata={"range": (8, 1024)})
    """Rows and columns to which every camera's images are resampled, [px]."""
    channels: tuple[int, ...] = field(default=(16, 32, 64), metadata={"range": (1, 4096)})
    """Channels of the image encoder's convolutions; the first two halve the image."""
    keypoints: int = field(default=32, metadata={"range": (1, 4096)})
    """Points that the spatial softmax finds in each camera's image."""
    backbone: str = ""
    """Image encoder that has learned elsewhere: resnet18, resnet34 or timm:NAME; empty for convolutions of our own."""
    backbone_weights: str = ""
    """Its weights, a safetensors file; read when training begins, and from then on part of the checkpoint."""
    backbone_stride: int = 8
    """Pixels of the image per feature of the backbone: 4, 8, 16 or 32. Deeper stages know more and see less sharply."""
    backbone_learns: bool = False
    """Whether the backbone learns on; else only what comes after it does."""
    relative: bool = True
    """Whether a state policy is also told where block and handles are from the tool, beside where they are."""
    untouched: bool = False
    """Whether a state policy is told of the block even where no behavior moves it."""
    wavelengths: tuple[float, ...] = field(default=(0.4, 0.2), metadata={"range": (1e-3, 100.0)})
    """A state policy is told where its tool is also as sines and cosines of these wavelengths, [m]; empty for none."""
    hidden: int = field(default=256, metadata={"range": (1, 10**5)})
    """Width of the trunk's layers."""
    layers: int = field(default=2, metadata={"range": (1, 100)})
    """Number of the trunk's layers."""
    history: int = field(default=1, metadata={"range": (1, 100)})
    """H: observations that the policy sees at once: this tick's and those of the ticks before."""
    chunk: int = field(default=8, metadata={"range": (1, 1000)})
    """C: actions predicted from one observation. 1 is plain cloning."""
    execution: ExecutionName = "auto"
    """How plans are executed. chunks: some actions of a chunk, then the policy looks again. ensemble: it looks at every
    tick, and the mean of all that it has planned for this tick is executed (temporal ensembling, ACT). auto: ensemble
    for image policies unless `execute` is given, else chunks."""
    execute: int = field(default=0, metadata={"range": (0, 1000)})
    """E: actions of a chunk that are executed before the policy looks again, 1 to C. 0: 4, or C if that is less."""
    ensemble_decay: float = field(default=0.01, metadata={"range": (-10.0, 10.0)})
    """m of temporal ensembling: a plan weighs exp(-m i), the oldest has i = 0; negative values favor the newest."""
    head: HeadName = "gaussian"
    """Distribution over twists. gaussian: one learned sigma per dimension. heteroscedastic: sigma depends on what is
    seen. bins: categorical, as in Re-Mix. mixture: of Gaussians over whole chunks."""
    log_sigma_floor: float = field(default=-3.0, metadata={"range": (-20.0, 2.0)})
    """Lower bound of the learned logarithm of sigma, over normalized twists."""
    adaptive_log_sigma_floor: float = field(default=-1.0, metadata={"range": (-20.0, 2.0)})
    """The same for the head heteroscedastic; far below -1 it fails in rollouts."""
    bins: int = field(default=64, metadata={"range": (2, 4096)})
    """Bins of each dimension of the head bins."""
    components: int = field(default=4, metadata={"range": (1, 256)})
    """Components of the head mixture."""

    def __post_init__(self) -> None:
        if problem := out_of_range(self):
            raise PolicyError(problem)
        if self.execute > self.chunk:
            raise PolicyError(f"a policy that predicts {self.chunk} actions cannot execute {self.execute} of them")
        if self.execution == "ensemble" and self.execute:
            raise PolicyError(
                f"execution ensemble looks at every tick; execute is {self.execute} and is for execution chunks"
            )
        if not self.channels:
            raise PolicyError("a policy's encoder wants at least one layer of channels")
        if self.backbone:
            self._check_backbone()

    def _check_backbone(self) -> None:
        """Refuse a backbone that does not exist, and one whose features are too few."""
        if self.backbone not in BACKBONES and not self.backbone.startswith(TIMM):
            raise PolicyError(f"there is no backbone {self.backbone!r}; there are {', '.join(BACKBONES)}, {TIMM}NAME")
        if self.backbone_stride not in STRIDES:
            raise PolicyError(f"backbone_stride is {self.backbone_stride}; it must be one of {STRIDES}")
        if (side := self.image_size // self.backbone_stride) < LEAST_SIDE:
            raise PolicyError(
                f"images of {self.image_size} px at backbone_stride {self.backbone_stride} leave {side} x {side} "
                f"features; there must be {LEAST_SIDE} x {LEAST_SIDE}: take larger images or a smaller stride"
            )

    @property
    def settled(self) -> PolicyConfig:
        """The same with `auto` decided, so that it means the same tomorrow: what a policy has and a checkpoint says."""
        if self.execution == "ensemble" or (self.execution == "auto" and self.policy == "image" and not self.execute):
            return dataclasses.replace(self, execution="ensemble")
        return dataclasses.replace(self, execution="chunks", execute=self.execute or min(EXECUTED, self.chunk))

    @property
    def architecture(self) -> dict[str, Any]:
        """Plain types of what is trained: all but how it acts afterwards."""
        return {name: value for name, value in self.to_dict().items() if name not in ACTING}

    def to_dict(self) -> dict[str, Any]:
        """Plain types, as written into policy.yaml."""
        plain = dataclasses.asdict(self)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> PolicyConfig:
        """Read what `to_dict` wrote.

        Raises:
            PolicyError: It is no mapping, or a key is unknown; the known ones are listed.
        """
        if not isinstance(plain, Mapping):
            raise PolicyError(f"a policy is {plain!r:.200}; it must be names and values")
        known = {each.name for each in dataclasses.fields(cls)}
        if unknown := set(plain) - known:
            raise PolicyError(f"a policy has no {sorted(unknown)}; it has {sorted(known)}")
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()
        }
        return cls(**values)

"""What a policy is made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from balanced_bc.policies.errors import PolicyError

Kind = Literal["image", "state"]


@dataclass(frozen=True)
class PolicyConfig:
    """Architecture of a policy."""

    policy: Kind = "image"
    """image: cameras and robot state. state: robot state and the privileged scene that only a simulator has."""
    image_size: int = 64
    """Rows and columns to which every camera's images are resampled, [px]."""
    channels: tuple[int, ...] = (16, 32, 64)
    """Channels of the image encoder's convolutions; the first two halve the image."""
    keypoints: int = 32
    """Points that the spatial softmax finds in each camera's image."""
    hidden: int = 256
    """Width of the trunk's layers."""
    layers: int = 2
    """Number of the trunk's layers."""
    chunk: int = 8
    """C: actions predicted from one observation. 1 is plain cloning."""
    execute: int = 4
    """E: actions of a chunk that are executed before the policy looks again, 1 to C."""
    log_sigma_floor: float = -3.0
    """Lower bound of the learned logarithm of sigma, over normalized twists."""

    def __post_init__(self) -> None:
        if self.policy not in get_args(Kind):
            raise PolicyError(f"there is no policy {self.policy!r}; there are {list(get_args(Kind))}")
        positive = {"image_size": 8, "keypoints": 1, "hidden": 1, "layers": 1, "chunk": 1}
        for name, least in positive.items():
            if getattr(self, name) < least:
                raise PolicyError(f"{name} of a policy is {getattr(self, name)}; it must be at least {least}")
        if not 1 <= self.execute <= self.chunk:
            raise PolicyError(f"a policy that predicts {self.chunk} actions cannot execute {self.execute} of them")
        if not self.channels or min(self.channels) < 1:
            raise PolicyError(f"channels of a policy are {self.channels}; at least one is wanted, each above 0")

    def to_dict(self) -> dict[str, Any]:
        """Plain types, as written into policy.yaml."""
        plain = dataclasses.asdict(self)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> PolicyConfig:
        """Read what `to_dict` wrote.

        Raises:
            PolicyError: A key is unknown; the known ones are listed.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := set(plain) - known:
            raise PolicyError(f"a policy has no {sorted(unknown)}; it has {sorted(known)}")
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()
        }
        return cls(**values)

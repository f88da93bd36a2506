"""What a policy is made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from balanced_bc.policies.errors import PolicyError
from balanced_bc.ranges import out_of_range

Kind = Literal["image", "state"]


@dataclass(frozen=True)
class PolicyConfig:
    """Architecture of a policy."""

    policy: Kind = "image"
    """image: cameras and robot state. state: robot state and the privileged scene that only a simulator has."""
    image_size: int = field(default=64, metadata={"range": (8, 1024)})
    """Rows and columns to which every camera's images are resampled, [px]."""
    channels: tuple[int, ...] = field(default=(16, 32, 64), metadata={"range": (1, 4096)})
    """Channels of the image encoder's convolutions; the first two halve the image."""
    keypoints: int = field(default=32, metadata={"range": (1, 4096)})
    """Points that the spatial softmax finds in each camera's image."""
    hidden: int = field(default=256, metadata={"range": (1, 10**5)})
    """Width of the trunk's layers."""
    layers: int = field(default=2, metadata={"range": (1, 100)})
    """Number of the trunk's layers."""
    chunk: int = field(default=8, metadata={"range": (1, 1000)})
    """C: actions predicted from one observation. 1 is plain cloning."""
    execute: int = field(default=4, metadata={"range": (1, 1000)})
    """E: actions of a chunk that are executed before the policy looks again, 1 to C."""
    log_sigma_floor: float = field(default=-3.0, metadata={"range": (-20.0, 2.0)})
    """Lower bound of the learned logarithm of sigma, over normalized twists."""

    def __post_init__(self) -> None:
        if self.policy not in get_args(Kind):
            raise PolicyError(f"there is no policy {self.policy!r}; there are {list(get_args(Kind))}")
        if problem := out_of_range(self):
            raise PolicyError(problem)
        if self.execute > self.chunk:
            raise PolicyError(f"a policy that predicts {self.chunk} actions cannot execute {self.execute} of them")
        if not self.channels:
            raise PolicyError("a policy's encoder wants at least one layer of channels")

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
        known = {each.name for each in dataclasses.fields(cls)}
        if unknown := set(plain) - known:
            raise PolicyError(f"a policy has no {sorted(unknown)}; it has {sorted(known)}")
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()
        }
        return cls(**values)

"""Units of a policy's inputs and outputs: mean 0 and standard deviation 1 over the pairs it learns from."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import torch
from torch import Tensor

from balanced_bc.policies.errors import PolicyError

LEAST_DEVIATION = 0.01
"""Floor of a standard deviation [m, rad, m/s, rad/s]: what hardly varies in the data is not blown up."""
FARTHEST = 5.0
"""Features are clamped to this many standard deviations: far beyond the data a feature tells nothing more."""

SOUND = {"feature_deviation": "above 0", "twist_deviation": "above 0 and finite"}
"""What numbers must be, by name; means must be finite. See `Normalization.without` for infinite units of features."""


class Normalization(NamedTuple):
    """Mean and standard deviation of features and twists.

    Attributes:
        feature_mean: (F,).
        feature_deviation: (F,).
        twist_mean: [m/s, rad/s], (6,).
        twist_deviation: [m/s, rad/s], (6,).
    """

    feature_mean: Tensor
    feature_deviation: Tensor
    twist_mean: Tensor
    twist_deviation: Tensor

    @classmethod
    def identity(cls, features: int) -> Normalization:
        """Leaves everything as it is."""
        return cls(torch.zeros(features), torch.ones(features), torch.zeros(6), torch.ones(6))

    @classmethod
    def of(cls, features: Tensor, action: Tensor, mask: Tensor) -> Normalization:
        """Statistics of the pairs.

        Args:
            features: (N, F).
            action: Chunks of actions, (N, C, 7).
            mask: 1 for an action that was given, 0 for padding, (N, C).
        """
        twists = action[mask > 0][:, :6]
        if len(twists) == 0:
            raise PolicyError("there are no pairs to take normalization from")
        return cls(*_moments(features), *_moments(twists))

    @classmethod
    def from_dict(cls, plain: Any, features: int) -> Normalization:
        """Read what `to_dict` wrote.

        Args:
            plain: Four lists of numbers by name.
            features: F, how many features the policy has.

        Raises:
            PolicyError: A list is missing, unknown, of another length, or holds what no pairs can have.
        """
        if not isinstance(plain, Mapping) or set(plain) != set(cls._fields):
            raise PolicyError(f"normalization is {plain!r:.200}; it must have {', '.join(cls._fields)}")
        return cls(**{name: _column(name, plain[name], 6 if "twist" in name else features) for name in cls._fields})

    def to_dict(self) -> dict[str, list[float]]:
        """Plain types, as written into policy.yaml; float32 survives the decimal text exactly."""
        return {name: values.float().tolist() for name, values in self._asdict().items()}

    @property
    def fingerprint(self) -> str:
        """What tells these units from every other ones: 16 digits of a hash of their numbers."""
        return sha256(repr(self.to_dict()).encode()).hexdigest()[:16]

    def without(self, features: Tensor) -> Normalization:
        """Tell nothing of the features that are marked, (F,): in an infinite unit each of them is 0."""
        return self._replace(feature_deviation=self.feature_deviation.masked_fill(features, torch.inf))


def _column(name: str, values: Any, size: int) -> Tensor:
    """Numbers of policy.yaml, if they can be what `name` says; only a feature can have an infinite unit."""
    try:
        column = torch.tensor(values, dtype=torch.float32)
    except (TypeError, ValueError, RuntimeError) as error:
        raise PolicyError(f"{name} is {values!r:.200}; it must be {size} numbers") from error
    if column.shape != (size,):
        raise PolicyError(f"{name} has shape {tuple(column.shape)}; the policy wants {(size,)}")
    wanted = SOUND.get(name, "finite")
    sound = column.isfinite() | (wanted == "above 0")
    if name.endswith("deviation"):
        sound &= column > 0
    if not sound.all():
        raise PolicyError(f"{name} has {column[~sound].tolist()}; its numbers must be {wanted}")
    return column


def _moments(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and floored standard deviation over the first dimension, summed in float64."""
    wide = values.double()
    deviation = wide.std(dim=0, correction=0).clamp(min=LEAST_DEVIATION)
    return wide.mean(dim=0).float(), deviation.float()

"""Units of a policy's inputs and outputs: mean 0 and standard deviation 1 over the pairs it learns from."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from balanced_bc.policies.errors import PolicyError

LEAST_DEVIATION = 0.01
"""Floor of a standard deviation [m, rad, m/s, rad/s]: what hardly varies in the data is not blown up."""
FARTHEST = 5.0
"""Features are clamped to this many standard deviations: far beyond the data a feature tells nothing more."""


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

    def without(self, features: Tensor) -> Normalization:
        """Tell nothing of the features that are marked, (F,): in an infinite unit each of them is 0."""
        return self._replace(feature_deviation=self.feature_deviation.masked_fill(features, torch.inf))


def _moments(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and floored standard deviation over the first dimension, summed in float64."""
    wide = values.double()
    deviation = wide.std(dim=0, correction=0).clamp(min=LEAST_DEVIATION)
    return wide.mean(dim=0).float(), deviation.float()

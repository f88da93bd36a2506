"""What joins all that a policy is told: a multilayer perceptron."""

from __future__ import annotations

from torch import nn


def trunk(inputs: int, hidden: int, layers: int) -> nn.Sequential:
    """Make a multilayer perceptron of `layers` layers."""
    widths = [inputs, *[hidden] * layers]
    return nn.Sequential(*(part for i in range(layers) for part in (nn.Linear(widths[i], widths[i + 1]), nn.ReLU())))

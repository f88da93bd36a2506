r"""Losses of every group for several networks at once.

A lane is one network that is trained beside others on the same batches. Its parameters are one vector
:math:`\theta`, so that descent reads like the paper's equations; m lanes are a matrix, (m, p).
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from balanced_bc.balancing.errors import BalancingError
from balanced_bc.balancing.problem import NegativeLogLikelihood, Parameters, Problem

CONVOLUTION = 2
"""Dimensions of a parameter above which it is the kernel of a convolution: rows, columns and more."""
LaneLosses = Callable[[Tensor], Tensor]
"""Loss of every group in every lane as a function of the parameters, (m, p) -> (m, k), [nat]."""


class Layout(NamedTuple):
    """How a vector is cut into parameters.

    Attributes:
        names: Names of the parameters.
        shapes: Their shapes.
    """

    names: tuple[str, ...]
    shapes: tuple[torch.Size, ...]

    @classmethod
    def of(cls, parameters: Parameters) -> Layout:
        """Take the layout of these parameters."""
        return cls(tuple(parameters), tuple(value.shape for value in parameters.values()))

    def unflatten(self, vector: Tensor) -> dict[str, Tensor]:
        """Cut a vector, (p,), into parameters."""
        pieces = torch.split_with_sizes(vector, [prod(shape) for shape in self.shapes])
        return {name: piece.view(shape) for name, piece, shape in zip(self.names, pieces, self.shapes)}


def flatten(parameters: Parameters) -> Tensor:
    """Join parameters into one vector, (p,)."""
    return torch.cat([value.detach().reshape(-1) for value in parameters.values()])


def pays(layout: Layout, device: torch.device) -> bool:
    """Whether lanes in one vmap are faster than one after another.

    They are, but for convolutions on a CPU: each lane has kernels of its own, and a grouped convolution gains nothing
    there, and loses a little with two lanes (docs/balancing_speed.md).
    """
    return device.type != "cpu" or not any(len(shape) > CONVOLUTION for shape in layout.shapes)


class Lanes(NamedTuple):
    """How losses of lanes are computed: the policy as a function of vectors.

    Attributes:
        negative_log_likelihood: Loss of each pair.
        layout: How a vector is cut into parameters.
        groups: Names of the groups.
        vectorize: Whether lanes run in one vmap or one after another.
    """

    negative_log_likelihood: NegativeLogLikelihood
    layout: Layout
    groups: tuple[str, ...]
    vectorize: bool

    @classmethod
    def start(cls, problem: Problem, generator: Generator, vectorize: bool) -> tuple[Lanes, Tensor]:
        """Initialize a network; return the lanes and the vector that all of them start from, (p,)."""
        parameters = problem.initialize(generator)
        layout, start = Layout.of(parameters), flatten(parameters)
        together = vectorize and pays(layout, start.device)
        return cls(problem.negative_log_likelihood, layout, problem.groups, together), start

    def pair_losses(self, theta: Tensor, batch: Any) -> Tensor:
        """Compute the loss of each pair in each lane, (m, p) -> (m, B), [nat]."""
        one = self._one(batch)
        if self.vectorize and len(theta) > 1:
            return torch.func.vmap(one)(theta)
        return torch.stack([one(row) for row in theta.unbind()])

    def on(self, batch: Any) -> LaneLosses:
        """Fix a stratified batch; return the losses of the groups as a function of the parameters."""

        def losses(theta: Tensor) -> Tensor:
            return self.pair_losses(theta, batch).view(len(theta), len(self.groups), -1).mean(dim=2)

        return losses

    def own(self, batch: Any) -> Callable[[Tensor], Tensor]:
        """Fix a stratified batch; return the loss of group i in lane i, for as many lanes as groups, (k, p) -> (k,)."""
        losses = self.on(batch)
        return lambda theta: losses(theta).diagonal()

    def _one(self, batch: Any) -> Callable[[Tensor], Tensor]:
        return lambda row: self.negative_log_likelihood(self.layout.unflatten(row), batch)


def refuse_broken(losses: Tensor, groups: tuple[str, ...], phase: str, step: int) -> None:
    """Stop as soon as a loss is not a number.

    Args:
        losses: Losses of the groups, (..., k).
        groups: Names of the groups.
        phase: What is being computed.
        step: Descent step.

    Raises:
        BalancingError: A loss is NaN or infinite; names the phase, the step and the groups.
    """
    fine = losses.detach().isfinite().reshape(-1, len(groups)).all(dim=0)
    if not bool(fine.all()):
        broken = [name for name, good in zip(groups, fine.tolist()) if not good]
        raise BalancingError(
            f"the loss of {broken} is not finite in step {step} of {phase}; look for NaN in their actions or "
            "observations, or lower the learning rate"
        )

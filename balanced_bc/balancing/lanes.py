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
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

from balanced_bc.balancing.errors import BalancingError
from balanced_bc.balancing.problem import NegativeLogLikelihood, Parameters, Problem

CONVOLUTION = 2
"""Dimensions of a parameter above which it is the kernel of a convolution: rows, columns and more."""
LaneLosses = Callable[[Tensor], Tensor]
"""Loss of every group in every lane as a function of the parameters, (m, p) -> (m, k), [nat]."""


class Part(NamedTuple):
    r"""A stratified batch of some groups that stands for all.

    Attributes:
        batch: The pairs.
        groups: Groups that are in it, (g,).
        factor: How many groups each stands for, so that :math:`\sum_j \alpha_j \mathcal{L}_j` is right in expectation,
            (g,).
    """

    batch: Any
    groups: Tensor
    factor: Tensor


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
        unfused: Whether attention is computed step by step, because its fused kernels have no second derivative.
    """

    negative_log_likelihood: NegativeLogLikelihood
    layout: Layout
    groups: tuple[str, ...]
    vectorize: bool
    unfused: bool = False

    @classmethod
    def start(cls, problem: Problem, generator: Generator, vectorize: bool) -> tuple[Lanes, Tensor]:
        """Initialize a network; return the lanes and the vector that all of them start from, (p,)."""
        parameters = problem.initialize(generator)
        layout, start = Layout.of(parameters), flatten(parameters)
        together = vectorize and pays(layout, start.device)
        return cls(problem.negative_log_likelihood, layout, problem.groups, together), start

    def tried(self, start: Tensor, batch: Any) -> Lanes:
        """Try a policy, and go round what torch cannot compute of it: vmap, or second derivatives of fused attention.

        Args:
            start: Parameters, (p,).
            batch: Some pairs.

        Raises:
            BalancingError: The loss is not a number for each pair, depends on the other pairs of a batch, or draws at
                random: then losses of groups and of lanes could not be compared, and a meta-gradient that evaluates it
                twice would be wrong.
        """
        one = self._one(batch)
        with _Watching() as watching:
            first, second = one(start).detach(), one(start).detach()
        if watching.normalizes_batches:
            raise BalancingError(
                "the loss of a pair depends on the other pairs of its batch: batch normalization counts it. Fix its "
                "statistics (eval() of the module), or normalize by groups of channels or layers"
            )
        if first.dim() != 1:
            raise BalancingError(f"the loss has shape {tuple(first.shape)}; it must be a number for each pair, (B,)")
        if not torch.allclose(first, second, rtol=1e-3, atol=1e-6, equal_nan=True):
            raise BalancingError(
                "the loss draws at random: the same parameters and pairs gave it another value. Draw noise with the "
                "batch, and leave dropout out (eval() of the module)"
            )
        lanes = self if _has_curvature(one, start) else self._replace(unfused=True)
        return lanes._replace(vectorize=self.vectorize and _is_vectorized(lanes._one(batch), start))

    def pair_losses(self, theta: Tensor, batch: Any) -> Tensor:
        """Compute the loss of each pair in each lane, (m, p) -> (m, B), [nat]."""
        one = self._one(batch)
        if self.vectorize and len(theta) > 1:
            return torch.func.vmap(one)(theta)
        return torch.stack([one(row) for row in theta.unbind()])

    def on(self, batch: Any, groups: int | None = None) -> LaneLosses:
        """Fix a stratified batch; return the losses of the groups as a function of the parameters.

        Args:
            batch: Pairs, group after group; or a `Part`, where groups that are not in it have a loss of 0.
            groups: Number of groups in the batch; all, if None.
        """
        if isinstance(batch, Part):
            return self._spread(batch)

        def losses(theta: Tensor) -> Tensor:
            return self.pair_losses(theta, batch).view(len(theta), groups or len(self.groups), -1).mean(dim=2)

        return losses

    def _spread(self, part: Part) -> LaneLosses:
        """Losses on some groups, each as often as it stands for others, among those of all."""
        some = self.on(part.batch, len(part.groups))

        def losses(theta: Tensor) -> Tensor:
            there = part.groups.to(theta.device)
            none = theta.new_zeros(len(theta), len(self.groups))
            return none.index_add(1, there, some(theta) * part.factor.to(theta))

        return losses

    def own(self, batch: Any, groups: int | None = None, first: int = 0) -> Callable[[Tensor], Tensor]:
        """Fix a stratified batch; return the loss of each lane's own group, (m, p) -> (m,).

        Args:
            batch: As for `on`.
            groups: As for `on`.
            first: Place of the first lane's group among those of the batch; lane i is for the i-th from there.
        """
        losses = self.on(batch, groups)
        return lambda theta: losses(theta)[:, first : first + len(theta)].diagonal()

    def _one(self, batch: Any) -> Callable[[Tensor], Tensor]:
        def losses(row: Tensor) -> Tensor:
            return self.negative_log_likelihood(self.layout.unflatten(row), batch)

        def step_by_step(row: Tensor) -> Tensor:
            with sdpa_kernel(SDPBackend.MATH):
                return losses(row)

        return step_by_step if self.unfused else losses


class _Watching(TorchFunctionMode):
    """Watches whether anything is normalized by the statistics of its batch."""

    normalizes_batches = False

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if func is torch.nn.functional.batch_norm:
            self.normalizes_batches |= bool(named.get("training", args[5:6] == (True,)))
        return func(*args, **named)


def _has_curvature(function: Callable[[Tensor], Tensor], start: Tensor) -> bool:
    """Whether torch can differentiate a function of parameters, (p,), twice."""
    leaf = start.detach().requires_grad_()
    try:
        slope = torch.autograd.grad(function(leaf).sum(), leaf, create_graph=True)[0]
        torch.autograd.grad(slope.square().sum(), leaf)
    except RuntimeError:
        return False
    return True


def _is_vectorized(function: Callable[[Tensor], Tensor], start: Tensor) -> bool:
    """Whether torch can compute a function of parameters, (p,), for several of them in one vmap."""
    try:
        torch.func.vmap(function)(start.expand(2, -1))
    except RuntimeError:
        return False
    return True


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

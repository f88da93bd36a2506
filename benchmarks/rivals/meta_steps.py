"""One meta-gradient step of k references (Eq. 15-18), by us and by what a user would write or install instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from importlib import import_module
from math import prod
from statistics import median
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call

from balanced_bc.balancing.lanes import Lanes, Layout, flatten, pays
from balanced_bc.balancing.meta_gradient import FORMS, fastest
from balanced_bc.learning.config import EncodingConfig
from balanced_bc.learning.rebalancing.encoded import Encoded, FeaturePolicy
from balanced_bc.policies import features
from balanced_bc.policies.batch import Batch
from balanced_bc.policies.cloning import CloningPolicy
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.simulation.environment import CONTRACT
from benchmarks.rivals.clock import Contender, Train, rounds
from benchmarks.rivals.learner import finish

RATE = 0.1
"""Inner step size."""
TWIST = 6
CAMERAS = tuple(camera.name for camera in CONTRACT.cameras)
PLAIN, DEFAULT, JVP = "plain loop", "default", "jvp"
RIVALS = ("torchopt", "higher")
TOLERANCE = 2e-3
"""Relative difference of meta-gradients in float32 above which a contender computes something else."""

Step = Callable[[], Tensor]
"""One step of all references; returns the meta-gradient, (k, k)."""


class Workload(NamedTuple):
    """What is learned.

    Attributes:
        name: What it is called in the table.
        module: Network whose forward pass gives the loss of each pair of a batch, (B,).
        batch: Batch of so many pairs.
        steps: Steps of a round with two groups; with more there are fewer.
        pairs: Most pairs in a batch, and
        largest: Largest number of groups, that are measured in bearable time.
    """

    name: str
    module: nn.Module
    batch: Callable[[int, Generator], Any]
    steps: int
    pairs: int
    largest: int


class Case(NamedTuple):
    """A step that all contenders take alike.

    Attributes:
        module: The network.
        theta: Its parameters as lanes, (k, p).
        weights: The weights of each reference, (k, k).
        training: Batch that is descended on.
        measuring: Batch on which the result is judged.
    """

    module: nn.Module
    theta: Tensor
    weights: Tensor
    training: Any
    measuring: Any

    @classmethod
    def of(cls, workload: Workload, groups: int, pairs: int, device: torch.device) -> Case:
        """Draw a case with about so many pairs in a batch, the same number of each group."""
        generator, number = Generator().manual_seed(0), max(min(pairs, workload.pairs) // groups, 1) * groups
        module = workload.module.to(device)
        start = flatten(dict(module.named_parameters())).expand(groups, -1).clone()
        weights = torch.rand(groups, groups, generator=generator) + 0.1
        batches = (on(workload.batch(number, generator), device) for _ in range(2))
        return cls(module, start, (weights / weights.sum(dim=1, keepdim=True)).to(device), *batches)

    def loss(self, parameters: Mapping[str, Tensor], batch: Any) -> Tensor:
        """Loss of each pair."""
        value: Tensor = functional_call(self.module, dict(parameters), (batch,), tie_weights=False)
        return value

    def by_group(self, losses: Tensor) -> Tensor:
        """Mean loss of each group, (k,)."""
        return losses.view(len(self.weights), -1).mean(dim=1)

    def lanes(self, vectorize: bool) -> Lanes:
        """The case for our functions."""
        layout = Layout.of(dict(self.module.named_parameters()))
        return Lanes(self.loss, layout, tuple(map(str, range(len(self.weights)))), vectorize)


def workloads() -> tuple[Workload, ...]:
    """What balancing trains for each policy, and for scale the image policy as it is."""
    state, image = PolicyConfig(policy="state"), PolicyConfig(policy="image")
    small = EncodingConfig().policy
    seen = 3 * EncodingConfig().keypoints * len(CAMERAS)
    return (
        on_features("state", features.size(state), small(state)),
        on_features("image", features.size(image) + seen, small(image)),
        Workload("full image encoder", Whole(CloningPolicy(image, CAMERAS)), partial(seen_by, image), 1, 8, 5),
    )


def on_features(name: str, inputs: int, config: PolicyConfig) -> Workload:
    """A network on features."""

    def batch(number: int, generator: Generator) -> Encoded:
        told, twist = (torch.randn(number, *size, generator=generator) for size in ((inputs,), (config.chunk, TWIST)))
        gripper = torch.randn(number, config.chunk, generator=generator).sign()
        return Encoded(told, twist, gripper, torch.ones(number, config.chunk), torch.zeros(number, dtype=torch.long))

    return Workload(name, FeaturePolicy(inputs, config), batch, 10, 10**6, 10**6)


class Whole(nn.Module):
    """A policy with its encoder, as a module that gives losses."""

    def __init__(self, policy: CloningPolicy) -> None:
        super().__init__()
        self.policy = policy

    def forward(self, batch: Batch) -> Tensor:
        """Loss of each pair, (B,)."""
        return self.policy.negative_log_likelihood(batch)


def seen_by(config: PolicyConfig, number: int, generator: Generator) -> Batch:
    """Random pairs with images."""
    size = (number, 1, 3, config.image_size, config.image_size)
    images = {name: torch.randint(256, size, generator=generator, dtype=torch.uint8) for name in CAMERAS}
    state, action = (torch.randn(number, *size, generator=generator) for size in ((1, 8), (config.chunk, 7)))
    return Batch(images, state, torch.zeros(number, 1, 0), action, torch.ones(number, config.chunk))


def on(batch: Any, device: torch.device) -> Any:
    """The batch on a device."""
    return torch.utils._pytree.tree_map(lambda values: values.to(device), batch)


def ours(case: Case, form: str, vectorize: bool) -> Tensor:
    """One of our forms, all references as lanes."""
    lanes = case.lanes(vectorize)
    losses, target, rate = lanes.on(case.training), lanes.own(case.measuring), case.theta.new_tensor(RATE)
    return FORMS[form](losses, target, case.theta, case.weights, lambda _: rate).gradient


def plain_loop(case: Case) -> Tensor:
    """What a plain implementation does: double backward, one reference after another."""
    cut = Layout.of(dict(case.module.named_parameters())).unflatten
    rows = []
    for number, row in enumerate(case.weights):
        alpha = row.clone().requires_grad_()
        network = {name: value.detach().requires_grad_() for name, value in cut(case.theta[number]).items()}
        loss = (alpha * case.by_group(case.loss(network, case.training))).sum()
        slopes = torch.autograd.grad(loss, list(network.values()), create_graph=True)
        moved = {name: value - RATE * slope for (name, value), slope in zip(network.items(), slopes)}
        rows.append(torch.autograd.grad(case.by_group(case.loss(moved, case.measuring))[number], alpha)[0])
    return torch.stack(rows)


def by_torchopt(case: Case) -> Tensor:
    """TorchOpt's differentiable optimizer, one reference after another."""
    torchopt = import_module("torchopt")
    optimizer, rows = torchopt.MetaSGD(case.module, lr=RATE), []
    start = torchopt.extract_state_dict(case.module, by="reference")
    for number, row in enumerate(case.weights):
        alpha = row.clone().requires_grad_()
        optimizer.step((alpha * case.by_group(case.module(case.training))).sum())
        rows.append(torch.autograd.grad(case.by_group(case.module(case.measuring))[number], alpha)[0])
        torchopt.recover_state_dict(case.module, start)
    return torch.stack(rows)


def by_higher(case: Case) -> Tensor:
    """Higher's differentiable optimizer, one reference after another."""
    higher, rows = import_module("higher"), []
    held = Held(case)
    optimizer = torch.optim.SGD(held.parameters(), lr=RATE)
    for number, row in enumerate(case.weights):
        alpha = row.clone().requires_grad_()
        with higher.innerloop_ctx(held, optimizer) as (network, inner):
            inner.step((alpha * case.by_group(network(case.training))).sum())
            rows.append(torch.autograd.grad(case.by_group(network(case.measuring))[number], alpha)[0])
    return torch.stack(rows)


class Held(nn.Module):
    """The parameters of a network alone: higher cannot copy modules that are abstract classes, as our heads are."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.names = dict(case.module.named_parameters())
        self.kept = nn.ParameterList(self.names.values())
        self.loss = case.loss

    def forward(self, batch: Any) -> Tensor:
        """Loss of each pair, (B,)."""
        return self.loss(dict(zip(self.names, self.kept)), batch)


def absent() -> tuple[str, ...]:
    """Rivals that cannot be imported, with the reason."""
    found = []
    for name in RIVALS:
        try:
            import_module(name)
        except ImportError as error:
            found.append(f"{name} is not measured: {error}")
    return tuple(found)


def steps_of(case: Case) -> Iterator[tuple[str, Step]]:
    """Every contender of a case."""
    lacking = " ".join(absent())
    yield PLAIN, partial(plain_loop, case)
    for name, step in (("torchopt", by_torchopt), ("higher", by_higher)):
        if name not in lacking:
            yield f"{name} loop", partial(step, case)
    for form in FORMS:
        yield f"{form}, loop", partial(ours, case, form, vectorize=False)
        yield f"{form}, lanes", partial(ours, case, form, vectorize=True)
    form = fastest("auto", case.theta.device)
    yield DEFAULT, partial(ours, case, form, worth_it(case))


def worth_it(case: Case) -> bool:
    """Whether the default vectorizes lanes here."""
    return pays(Layout.of(dict(case.module.named_parameters())), case.theta.device)


class Cost(NamedTuple):
    """What one step costs.

    Attributes:
        device: Where.
        workload: What is learned.
        groups: k, which is also the number of references.
        contender: Who.
        seconds: Processor time of a step on a CPU, wall time on a GPU, median over rounds, [s].
    """

    device: str
    workload: str
    groups: int
    contender: str
    seconds: float


def costs(workload: Workload, groups: int, pairs: int, device: torch.device, number: int) -> Iterator[Cost]:
    """Time every contender in turn, after a check that all compute the same."""
    case = Case.of(workload, groups, pairs, device)
    steps = dict(steps_of(case))
    agree({name: step() for name, step in steps.items()})
    contenders = [contender(name, step, device) for name, step in steps.items()]
    timed = list(rounds(contenders, number, max(2 * workload.steps // groups, 1)))
    for name in steps:
        took = median(one.cpu if device.type == "cpu" else one.wall for one in timed if one.name == name)
        yield Cost(device.type, workload.name, groups, name, took)


def contender(name: str, step: Step, device: torch.device) -> Contender:
    """A step that needs nothing to be opened."""
    train: Train = partial(repeat, step, device)
    return Contender(name, lambda: nullcontext(train), 1)


def repeat(step: Step, device: torch.device, number: int) -> None:
    """Take a step so often, and wait until it is done."""
    for _ in range(number):
        step()
    finish(device)


def agree(found: Mapping[str, Tensor]) -> None:
    """Make sure that all contenders compute the same meta-gradient.

    Raises:
        RuntimeError: One does not.
    """
    wanted = found[PLAIN]
    for name, gradient in found.items():
        if float((gradient - wanted).norm()) > TOLERANCE * float(wanted.norm()):
            raise RuntimeError(f"{name} computes another meta-gradient: {gradient} instead of {wanted}")


def rows(found: Sequence[Cost]) -> list[tuple[str, ...]]:
    """Costs of one case as text."""
    plain = next(cost.seconds for cost in found if cost.contender == PLAIN)
    lines: list[tuple[str, ...]] = [("k", "step", "ms", "ms per reference", "plain loop / this")]
    for _, _, groups, name, seconds in found:
        took = 1e3 * seconds
        lines.append((str(groups), name, f"{took:.2f}", f"{took / groups:.2f}", f"{plain / seconds:.2f}"))
    return lines


class Claim(NamedTuple):
    """A goal and how it is met.

    Attributes:
        text: What is claimed.
        ratio: What was measured.
        goal: What it should be.
        most: Whether the goal is the largest value allowed; else the smallest.
    """

    text: str
    ratio: float
    goal: float
    most: bool

    @property
    def holds(self) -> bool:
        """Whether it is met."""
        return self.ratio <= self.goal if self.most else self.ratio >= self.goal


def claims(found: Sequence[Cost]) -> Iterator[Claim]:
    """Goals that the costs can judge."""
    cases = dict[tuple[str, str, int], dict[str, float]]()
    for device, workload, groups, name, seconds in found:
        cases.setdefault((device, workload, groups), {})[name] = seconds
    for (device, workload, groups), took in cases.items():
        where = f"{device}, {workload}, k = {groups}"
        yield Claim(f"{where}: plain loop / default", took[PLAIN] / took[DEFAULT], 1.0, most=False)
        if (device, groups) == ("cuda", 8):
            yield Claim(f"{where}: loop / lanes", took[f"{JVP}, loop"] / took[f"{JVP}, lanes"], 5.0, most=False)
    for device, workload in dict.fromkeys(case[:2] for case in cases):
        each = {k: took[DEFAULT] / k for (d, w, k), took in cases.items() if (d, w) == (device, workload)}
        least = min(each)
        for groups in sorted(each)[1:]:
            text = f"{device}, {workload}: cost per reference at k = {groups} / at k = {least}"
            yield Claim(text, each[groups] / each[least], 1.3, most=True)


def parameters_of(workload: Workload) -> int:
    """Number of parameters."""
    return sum(prod(value.shape) for value in workload.module.parameters())

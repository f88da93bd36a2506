"""One meta-gradient step of k references (Eq. 15-18), by us and by what a user would write or install instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from balanced_bc.balancing import descent
from balanced_bc.balancing.lanes import Layout, pays
from balanced_bc.balancing.meta_gradient import FORMS, fastest
from benchmarks.rivals.meta_cases import RATE, Case

PLAIN, DEFAULT, JVP, COMPILED = "plain loop", "default", "jvp", "jvp, compiled lanes"
RIVALS = ("torchopt", "higher")
Step = Callable[[], Tensor]
"""One step of all references; returns the meta-gradient, (k, k)."""


def ours(case: Case, form: str, vectorize: bool) -> Tensor:
    """One of our forms, all references as lanes."""
    lanes = case.lanes(vectorize)
    losses, target = lanes.on(case.training), lanes.own(case.measuring)
    step = descent.Step(case.theta.new_full((len(case.theta), 1), RATE))
    return FORMS[form](losses, target, case.theta, case.weights, lambda _: step).gradient


def compiled(case: Case) -> Step:
    """The jvp of all lanes in one graph of torch.compile, with gradients that it can trace."""
    lanes = case.lanes(vectorize=True)
    losses, target = lanes.on(case.training), lanes.own(case.measuring)

    def step(theta: Tensor, weights: Tensor) -> Tensor:
        gradient = torch.func.grad(lambda there: (weights * losses(there)).sum())(theta)
        pull = torch.func.grad(lambda there: target(there).sum())(theta - RATE * gradient)
        tangent: Tensor = torch.func.jvp(losses, (theta,), (RATE * pull,))[1]
        return -tangent

    return partial(torch.compile(step), case.theta, case.weights)


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


def steps_of(case: Case, compiling: bool) -> Iterator[tuple[str, Step]]:
    """Every contender of a case, with torch.compile if it is wanted."""
    lacking = " ".join(absent())
    yield PLAIN, partial(plain_loop, case)
    for name, step in (("torchopt", by_torchopt), ("higher", by_higher)):
        if name not in lacking:
            yield f"{name} loop", partial(step, case)
    for form in FORMS:
        yield f"{form}, loop", partial(ours, case, form, vectorize=False)
        yield f"{form}, lanes", partial(ours, case, form, vectorize=True)
    if compiling:
        yield COMPILED, compiled(case)
    form = fastest("auto", case.theta.device)
    yield DEFAULT, partial(ours, case, form, worth_it(case))


def worth_it(case: Case) -> bool:
    """Whether the default vectorizes lanes here."""
    return pays(Layout.of(dict(case.module.named_parameters())), case.theta.device)

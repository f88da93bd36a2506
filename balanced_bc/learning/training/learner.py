"""A policy that descends, the average that follows it, and the optimizer: what training changes."""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from balanced_bc.learning.config import TrainingConfig
from balanced_bc.learning.device import Device
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.training import descent
from balanced_bc.learning.training.chance import seeded
from balanced_bc.learning.training.parallel import Team
from balanced_bc.policies.batch import Batch
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.making import make
from balanced_bc.policies.policy import Policy


class Learner:
    """Takes steps.

    Args:
        policy: Where to start.
        config: Training.
        device: What computes.
        team: Processes whose gradients are added.
    """

    def __init__(self, policy: Policy, config: TrainingConfig, device: Device, team: Team) -> None:
        self.config, self.device, self.team = config, device, team
        self.policy = policy.to(device.device).train()
        self.average = copy.deepcopy(self.policy).requires_grad_(False).eval()
        self.parameters: list[Tensor] = list(self.policy.parameters())
        self.averages: list[Tensor] = list(self.average.parameters())
        self.optimizer = descent.adamw(self.policy.named_parameters(), config)
        self._forward = compiled(self.policy) if config.compile else self.policy

    def chance(self, step: int) -> AbstractContextManager[None]:
        """While it lasts, what a policy of somebody else draws follows from seed, step and process alone."""
        wanted = bool(self.policy.config.plugin)
        return seeded(wanted, self.device.device, self.config.seed, step, self.team.rank)

    def loss(self, batch: Batch) -> Tensor:
        """Loss of each pair, float32, (B,)."""
        try:
            return self._loss(self._forward, batch)
        except RuntimeError as error:
            if self.config.compile and isinstance(error, torch._dynamo.exc.TorchDynamoException):
                short = str(error).strip().partition("\n")[0]
                raise LearningError(f"torch.compile cannot compile the policy ({short}); leave compile away") from error
            raise

    @torch.no_grad()
    def loss_of_average(self, batch: Batch) -> Tensor:
        """Loss of each pair under the average, (B,)."""
        return self._loss(self.average, batch)

    def descend(self, loss: Tensor, step: int) -> None:
        """Take a step down.

        Args:
            loss: Loss of the batch, or of this process' part of it.
            step: Steps done before.
        """
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.team.add([value.grad for value in self.parameters if value.grad is not None])
        descent.set_rate(self.optimizer, descent.learning_rate(step, self.config))
        self.optimizer.step()
        descent.follow(self.averages, self.parameters, descent.kept(step, self.config))

    def take_buffers(self) -> None:
        """Give the average what the policy holds beside parameters, such as running statistics."""
        for mine, its in zip(self.average.buffers(), self.policy.buffers()):
            mine.copy_(its)

    def is_finite(self) -> bool:
        """Whether all parameters are."""
        return all(bool(value.isfinite().all()) for value in self.parameters)

    def tensors(self) -> dict[str, Tensor]:
        """All that is needed to go on, by name, on the CPU."""
        optimizer = self.optimizer.state_dict()["state"]
        parts = {
            "policy": self.policy.state_dict(),
            "average": self.average.state_dict(),
            **{f"optimizer.{number}": values for number, values in optimizer.items()},
        }
        return {f"{part}.{name}": value.cpu() for part, values in parts.items() for name, value in values.items()}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Go on from what `tensors` gave."""
        self.policy.load_state_dict(under("policy", tensors))
        self.average.load_state_dict(under("average", tensors))
        found = under("optimizer", tensors)
        numbers = sorted({int(name.partition(".")[0]) for name in found})
        state = {number: under(str(number), found) for number in numbers}
        self.optimizer.load_state_dict({"state": state, "param_groups": self.optimizer.state_dict()["param_groups"]})

    def _loss(self, policy: nn.Module, batch: Batch) -> Tensor:
        with self.device.precision():
            loss: Tensor = policy(batch)
        return loss.float()


def fresh(pairs: Pairs, config: PolicyConfig, train: Tensor, seed: int) -> Policy:
    """A policy that has learned nothing yet, in the units of the pairs that it will learn from."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make(config, tuple(pairs.images), pairs.normalization(config, train))


def compiled(policy: Policy) -> nn.Module:
    """The policy's loss by torch.compile; it shares the parameters."""
    faster: nn.Module = torch.compile(policy, dynamic=False)  # type: ignore[assignment]
    return faster


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Those of a name's part, without it."""
    return {name[len(prefix) + 1 :]: value for name, value in tensors.items() if name.startswith(f"{prefix}.")}

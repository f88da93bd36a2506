"""Mistakes of somebody else's policy are named before it is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from balanced_bc.learning.config import EvaluationConfig, TrainingConfig
from balanced_bc.learning.evaluation.evaluate import evaluate
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.training.fit import fit
from balanced_bc.learning.training.lanes import fit_lanes
from balanced_bc.policies import checkpoint
from balanced_bc.policies.batch import Batch
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.errors import PolicyError
from balanced_bc.policies.making import make
from balanced_bc.policies.normalization import Normalization
from balanced_bc.policies.policy import Policy
from balanced_bc.simulation.environment import CONTRACT

QUICK = TrainingConfig(steps=2, batch_size=4, device="cpu")


class _Right(Policy):
    """A linear policy without mistakes, in whatever floats."""

    def __init__(
        self, config: PolicyConfig, cameras: Sequence[str], normalization: Normalization | None = None
    ) -> None:
        super().__init__(config, cameras, normalization)
        self.map = nn.Linear(8, 7 * config.chunk)

    def negative_log_likelihood(self, batch: Batch) -> Tensor:
        error: Tensor = self.map(batch.state[:, -1]).view_as(batch.action) - batch.action
        return error.square().mean(dim=(1, 2)).double()

    def best(self, images: Mapping[str, Tensor], state: Tensor, scene: Tensor) -> Tensor:
        del images, scene
        actions: Tensor = self.map(state[:, -1])
        return actions.view(len(state), self.config.chunk, 7)


class _Unfinished(Policy):
    def negative_log_likelihood(self, batch: Batch) -> Tensor:
        return batch.mask.sum(dim=1)


class _Unmade(_Right):
    def __init__(
        self, config: PolicyConfig, cameras: Sequence[str], normalization: Normalization | None = None
    ) -> None:
        super().__init__(config, cameras, normalization)
        self.size = dict[str, int]()["size"]


class _Mean(_Right):
    def negative_log_likelihood(self, batch: Batch) -> Tensor:
        return super().negative_log_likelihood(batch).mean()


class _Column(_Right):
    def negative_log_likelihood(self, batch: Batch) -> Tensor:
        return super().negative_log_likelihood(batch)[:, None]


class _Whole(_Right):
    def negative_log_likelihood(self, batch: Batch) -> Tensor:
        return super().negative_log_likelihood(batch).long()


class _Nothing(_Right):
    def negative_log_likelihood(self, batch: Batch) -> Tensor:
        super().negative_log_likelihood(batch)
        return None  # type: ignore[return-value]


class _Undefined(_Right):
    def negative_log_likelihood(self, batch: Batch) -> Tensor:
        return super().negative_log_likelihood(batch) * torch.nan


class _Fixed(_Right):
    def negative_log_likelihood(self, batch: Batch) -> Tensor:
        return super().negative_log_likelihood(batch).detach()


class _OnlyTraining(_Right):
    def negative_log_likelihood(self, batch: Batch) -> Tensor:
        loss = super().negative_log_likelihood(batch)
        return loss if self.training else loss.sum()


class _Six(_Right):
    def best(self, images: Mapping[str, Tensor], state: Tensor, scene: Tensor) -> Tensor:
        return super().best(images, state, scene)[..., :6]


class _Failing(_Right):
    def best(self, images: Mapping[str, Tensor], state: Tensor, scene: Tensor) -> Tensor:
        return super().best(images, state[..., :5], scene)


class _Branching(_Right):
    """Not a mistake, but nothing that lanes can do."""

    def negative_log_likelihood(self, batch: Batch) -> Tensor:
        loss = super().negative_log_likelihood(batch)
        return loss if loss.sum() > 1 else 2 * loss


MISTAKES = {
    _Unfinished: r"lacks best; a policy has best and negative_log_likelihood",
    _Unmade: r"__init__ failed at .*test_trial.py:\d+: KeyError: 'size'",
    _Mean: r"negative_log_likelihood answered torch.float64 \(\); wanted are floats \(2,\): the loss of each pair",
    _Column: r"negative_log_likelihood answered torch.float64 \(2, 1\); wanted are floats \(2,\)",
    _Whole: r"negative_log_likelihood answered torch.int64 \(2,\); wanted are floats \(2,\)",
    _Nothing: r"negative_log_likelihood answered NoneType; wanted are floats \(2,\)",
    _Undefined: r"negative_log_likelihood answered \[nan, nan\] to the first pairs.*wanted are finite numbers",
    _Fixed: r"the loss of .*_Fixed depends on no parameter",
    _OnlyTraining: r"negative_log_likelihood answered torch.float64 \(\); wanted are floats \(2,\)",
    _Six: r"best answered torch.float32 \(2, 3, 6\); wanted are floats \(2, 3, 7\)",
    _Failing: r"best failed at .*test_trial.py:\d+: RuntimeError: mat1 and mat2 shapes cannot be multiplied",
}


def plugin(found: type[Policy]) -> PolicyConfig:
    return PolicyConfig(policy="state", plugin=f"{__name__}:{found.__name__}", chunk=3, execute=2)


@pytest.mark.parametrize("wrong", MISTAKES)
def test_a_mistake_is_named_with_the_class_when_training_begins(state_pairs: Pairs, wrong: type[Policy]) -> None:
    with pytest.raises(PolicyError, match=rf"{wrong.__name__}.*") as refused:
        next(fit(state_pairs, plugin(wrong), QUICK))
    assert refused.match(MISTAKES[wrong])
    with pytest.raises(PolicyError, match=wrong.__name__):
        next(fit_lanes(state_pairs, plugin(wrong), QUICK, (0, 1)))


def test_lanes_refuse_a_policy_that_vmap_cannot_map_and_name_its_line(state_pairs: Pairs) -> None:
    next(fit(state_pairs, plugin(_Branching), QUICK))
    with pytest.raises(PolicyError, match=r"_Branching: negative_log_likelihood under vmap failed at .*test_trial.py"):
        next(fit_lanes(state_pairs, plugin(_Branching), QUICK, (0, 1)))


def test_a_policy_without_mistakes_is_left_as_it_was_made(state_pairs: Pairs) -> None:
    still = replace(QUICK, steps=1, learning_rate=1e-9)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(still.seed)
        made = _Right(plugin(_Right), (), None).state_dict()
    *_, last = fit(state_pairs, plugin(_Right), still)
    for name, value in last.policy.state_dict().items():
        torch.testing.assert_close(value, made[name], rtol=0, atol=1e-6)


def test_a_module_that_does_not_import_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "half_written.py").write_text("class Policy(\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PolicyError, match=r"no policy 'half_written:Policy' \(SyntaxError: .*half_written.py, line 1"):
        make(PolicyConfig(plugin="half_written:Policy"), ("camera",))


BRITTLE = """
import torch
from balanced_bc.policies.policy import Policy

class Brittle(Policy):
    def negative_log_likelihood(self, batch):
        return batch.state.sum(dim=(1, 2))

    def best(self, images, state, scene):
        return state.reshape(5, 5, 5)
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_policy_that_fails_in_a_rollout_is_named_and_not_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    (tmp_path / "brittle.py").write_text(BRITTLE)
    monkeypatch.syspath_prepend(tmp_path)
    config = PolicyConfig(policy="state", plugin="brittle:Brittle")
    checkpoint.save(tmp_path / "policy", make(config, ()), CONTRACT)
    rollouts = EvaluationConfig(rollouts=2, horizon=4, behaviors=("drawer",), workers=workers)
    with pytest.raises(PolicyError, match=r"brittle:Brittle: best failed at .*brittle.py:10: RuntimeError: shape"):
        list(evaluate(tmp_path / "policy", rollouts))

"""A policy that somebody else wrote goes the whole way: trained, saved, loaded, rolled out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from balanced_bc.cli import main
from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.observation import Demonstration, Observation
from balanced_bc.learning.config import EvaluationConfig, TrainingConfig
from balanced_bc.learning.evaluation.evaluate import evaluate
from balanced_bc.learning.gathering import Grouped, gather
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.training.fit import fit
from balanced_bc.policies import checkpoint
from balanced_bc.policies.batch import Batch
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.likelihood import masked_mean
from balanced_bc.policies.making import make
from balanced_bc.policies.normalization import Normalization
from balanced_bc.policies.policy import Policy
from balanced_bc.simulation.environment import CONTRACT

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
SIZES = {"hidden": 16, "layers": 1, "chunk": 3, "execute": 2, "image_size": 32}
FEW = TrainingConfig(steps=3, batch_size=4, device="cpu")


class _Linear(Policy):
    """Somebody else's policy: a linear function of the joints, with dropout."""

    def __init__(
        self, config: PolicyConfig, cameras: Sequence[str], normalization: Normalization | None = None
    ) -> None:
        super().__init__(config, cameras, normalization)
        self.map = nn.Sequential(nn.Dropout(0.1), nn.Linear(8, 7 * config.chunk))

    def negative_log_likelihood(self, batch: Batch) -> Tensor:
        error = self.map(batch.state[:, -1]).view_as(batch.action) - batch.action
        return masked_mean(error.square().mean(dim=-1), batch.mask)

    def best(self, images: Mapping[str, Tensor], state: Tensor, scene: Tensor) -> Tensor:
        del images, scene
        actions: Tensor = self.map(state[:, -1])
        return actions.view(len(state), self.config.chunk, 7)


class _Drawing(_Linear):
    """Draws its actions, as a diffusion policy does."""

    def best(self, images: Mapping[str, Tensor], state: Tensor, scene: Tensor) -> Tensor:
        known = super().best(images, state, scene)
        return known + 0.1 * torch.randn_like(known)


@pytest.fixture
def demonstrations(demonstrate: Callable[..., Demonstration]) -> list[Grouped]:
    return [Grouped(f"episode {i}", "drawer", demonstrate(seed=i)) for i in range(4)]


def _trained(pairs: Pairs, config: PolicyConfig, training: TrainingConfig) -> tuple[Policy, list[float]]:
    """The policy that is kept, and the loss of every report."""
    reports = list(fit(pairs, config, training))
    return reports[-1].policy, [sum(report.losses.values()) for report in reports]


def _goes_the_whole_way(policy: Policy, path: Path) -> None:
    """Save, load, act alike and alike again, be evaluated."""
    checkpoint.save(path, policy, CONTRACT)
    loaded = checkpoint.load(path).policy
    assert type(loaded) is type(policy)
    images = {camera.name: np.full(camera.shape, 99, np.uint8) for camera in CONTRACT.cameras}
    seen = [[Observation(images, np.linspace(-1, 1, 8, dtype=np.float32), np.zeros(21, np.float32))]]
    np.testing.assert_array_equal(loaded.act(seen), policy.act(seen))
    np.testing.assert_array_equal(loaded.act(seen), loaded.act(seen))
    config = EvaluationConfig(rollouts=1, horizon=4, behaviors=("drawer",))
    assert [done.rollout.ticks for done in evaluate(path, config)] == [4]


def test_a_plugin_learns_and_is_saved_loaded_and_rolled_out(
    demonstrations: list[Grouped], contract: RobotContract, tmp_path: Path
) -> None:
    config = PolicyConfig(policy="state", plugin=f"{__name__}:_Linear", chunk=3, execute=2)
    training = replace(FEW, steps=200, report_every=50, learning_rate=0.02)
    policy, losses = _trained(gather(demonstrations, config, contract), config, training)
    assert losses[-1] < 0.5 * losses[0]
    _goes_the_whole_way(policy, tmp_path / "policy")


def test_a_policy_that_draws_its_actions_is_filmed(tmp_path: Path) -> None:
    config = PolicyConfig(policy="state", plugin=f"{__name__}:_Drawing", chunk=3, execute=2)
    checkpoint.save(tmp_path / "policy", make(config, []), CONTRACT)
    shown = ("--failures", str(tmp_path / "failures.png"), "--film", str(tmp_path / "film.gif"))
    short = ("--rollouts", "2", "--horizon", "4", "--picture-size", "32")
    main(("evaluate", "--checkpoint", str(tmp_path / "policy"), *short, *shown))
    assert (tmp_path / "failures.png").is_file()
    assert (tmp_path / "film.gif").is_file()


@pytest.mark.parametrize("kind", ["image", "state"])
def test_lerobots_act_trains_and_is_saved_loaded_and_rolled_out(
    kind: str,
    demonstrations: list[Grouped],
    contract: RobotContract,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("lerobot", reason="lerobot is not installed")
    monkeypatch.syspath_prepend(EXAMPLES)
    config = PolicyConfig(policy=kind, plugin="lerobot_act:ACT", **SIZES)  # type: ignore[arg-type]
    policy, losses = _trained(gather(demonstrations, config, contract), config, FEW)
    assert np.isfinite(losses).all()
    _goes_the_whole_way(policy, tmp_path / "policy")

"""Rollouts in the real world of the simulator with an untrained policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from balanced_bc.demonstrations.observation import Observation
from balanced_bc.learning.config import EvaluationConfig
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.evaluate import behaviors, collected, evaluate
from balanced_bc.learning.evaluation import Evaluation
from balanced_bc.learning.rollout import Rollout, rollout
from balanced_bc.policies import checkpoint
from balanced_bc.policies.actor import ChunkedActor, Execution
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.errors import PolicyError
from balanced_bc.policies.making import make as make_policy
from balanced_bc.simulation.calvin_package import is_installed
from balanced_bc.simulation.demonstrators import make_demonstrator, percept_of
from balanced_bc.simulation.environment import CONTRACT, TabletopEnv, make
from balanced_bc.simulation.errors import SimulationError

SHORT = EvaluationConfig(rollouts=2, horizon=6, seed=3)


@pytest.fixture(params=["image", "state"])
def untrained(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Checkpoint of a policy that has learned nothing."""
    torch.manual_seed(0)
    config = PolicyConfig(policy=request.param, image_size=16, channels=(8, 8), keypoints=4, hidden=16)
    path = tmp_path / "policy"
    checkpoint.save(path, make_policy(config, [camera.name for camera in CONTRACT.cameras]), CONTRACT)
    return path


def _evaluated(path: Path, config: EvaluationConfig) -> Evaluation:
    return collected(path, config, [done.rollout for done in evaluate(path, config)])


def test_every_behavior_gets_its_rollouts_from_seeded_starts(untrained: Path) -> None:
    found = _evaluated(untrained, SHORT).rollouts
    assert [(one.behavior, one.seed) for one in found] == [("drawer", 3), ("drawer", 4), ("slider", 3), ("slider", 4)]
    assert all(one.ticks == 6 and not one.success for one in found)


def test_the_number_of_workers_changes_nothing(untrained: Path) -> None:
    alone, together = (_evaluated(untrained, replace(SHORT, workers=workers)) for workers in (1, 2))
    assert alone.rollouts == together.rollouts


def test_an_evaluation_survives_the_disk(untrained: Path, tmp_path: Path) -> None:
    evaluation = _evaluated(untrained, replace(SHORT, behaviors=("slider",), rollouts=1))
    evaluation.write(tmp_path / "evaluation.yaml")
    assert Evaluation.read(tmp_path / "evaluation.yaml") == evaluation


def test_success_is_counted_by_behavior_with_an_interval() -> None:
    rollouts = [Rollout("slider", i, i < 3, 40) for i in range(4)] + [
        Rollout("drawer", i, False, 120) for i in range(2)
    ]
    found = collected("policy", EvaluationConfig(), rollouts)
    assert found.behaviors["slider"][:3] == (3, 4, 0.75)
    assert found.behaviors["drawer"].low == 0
    assert found.overall.rate == 0.5
    assert found.behaviors["slider"].low < 0.75 < found.behaviors["slider"].high


def test_an_evaluation_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "evaluation.yaml").write_text("format: 7\n")
    with pytest.raises(LearningError, match="format 7"):
        Evaluation.read(tmp_path / "evaluation.yaml")


def test_an_unknown_behavior_is_refused_with_those_that_exist() -> None:
    with pytest.raises(SimulationError, match=r"no behavior 'left'; it has slider, drawer"):
        behaviors(EvaluationConfig(behaviors=("left",)))


def test_an_unknown_world_is_refused_with_those_that_exist(untrained: Path) -> None:
    with pytest.raises(SimulationError, match=r"no world 'kitchen'; there are tabletop, calvin"):
        next(evaluate(untrained, replace(SHORT, world="kitchen")))  # type: ignore[arg-type]


@pytest.mark.skipif(not is_installed(), reason="calvin_env is not installed; the README says how")
def test_a_policy_can_be_rolled_out_in_calvin(untrained: Path) -> None:
    found = _evaluated(untrained, replace(SHORT, world="calvin", rollouts=1)).rollouts
    assert [(one.behavior, one.ticks) for one in found] == [("drawer", 6), ("slider", 6)]


def test_a_checkpoint_of_another_robot_is_refused_before_any_rollout(untrained: Path) -> None:
    file = untrained / "policy.yaml"
    file.write_text(file.read_text().replace("rate: 30.0", "rate: 15.0"))
    with pytest.raises(PolicyError, match=r"rate: 15.0 here, 30.0 there"):
        next(evaluate(untrained, SHORT))


class _Demonstrating:
    """A policy that cheats: it asks the scripted demonstrator."""

    def __init__(self, world: TabletopEnv, behavior: str) -> None:
        self.world = world
        self.demonstrator = make_demonstrator("opening", behavior, "optimal", np.random.default_rng(0))

    execution = Execution()

    def act(self, seen: Sequence[Sequence[Observation]]) -> NDArray[np.float32]:
        assert not seen[0][-1].images
        return self.demonstrator.act(percept_of(self.world.scene))[None, None].astype(np.float32)


def test_a_rollout_ends_when_the_behavior_is_done() -> None:
    world = make("opening", render_images=False)
    actor = ChunkedActor(_Demonstrating(world, "drawer"))
    result = rollout(world, actor, "drawer", seed=5, horizon=120, images=False)
    world.close()
    assert result.success
    assert 10 < result.ticks < 120

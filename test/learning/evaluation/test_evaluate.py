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
from balanced_bc.learning.evaluation.evaluate import behaviors, collected, evaluate, jobs_of, played_out
from balanced_bc.learning.evaluation.evaluation import Evaluation, failure_table, table
from balanced_bc.learning.evaluation.rollout import Job, Performance, Played, Rollout, perform
from balanced_bc.learning.evaluation.workers import Worker
from balanced_bc.policies import checkpoint
from balanced_bc.policies.actor import ChunkedActor, Execution
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.errors import PolicyError
from balanced_bc.policies.making import make as make_policy
from balanced_bc.simulation.calvin_package import is_installed
from balanced_bc.simulation.demonstrators import make_demonstrator, percept_of
from balanced_bc.simulation.environment import CONTRACT, TabletopEnv, make
from balanced_bc.simulation.errors import SimulationError

SHORT = EvaluationConfig(rollouts=2, horizon=6, seed=3, worlds=2)


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


def _actions(path: Path, config: EvaluationConfig, *calls: Sequence[Job]) -> dict[Job, bytes]:
    """What was done in some rollouts, bit by bit; those of a call are done side by side."""
    found = [played for jobs in calls for played in played_out(path, config, jobs)]
    return {played.rollout.job: played.actions.tobytes() for played in found}


def test_every_behavior_gets_its_rollouts_from_seeded_starts(untrained: Path) -> None:
    found = _evaluated(untrained, SHORT).rollouts
    assert [(one.behavior, one.seed) for one in found] == [("drawer", 3), ("drawer", 4), ("slider", 3), ("slider", 4)]
    assert all(one.ticks == 6 and not one.success for one in found)


def test_the_number_of_workers_changes_nothing(untrained: Path) -> None:
    """Not even the last bit of an action."""
    jobs = jobs_of(SHORT)
    alone, together = (_actions(untrained, replace(SHORT, workers=workers), jobs) for workers in (1, 2))
    assert alone == together
    assert sorted(alone) == sorted(jobs)


def test_a_rollout_does_not_depend_on_those_beside_it(untrained: Path) -> None:
    jobs = jobs_of(SHORT)
    together = _actions(untrained, replace(SHORT, worlds=5), jobs)
    assert together == _actions(untrained, replace(SHORT, worlds=1), *[[job] for job in jobs])
    assert together == _actions(untrained, SHORT, jobs[::-1])


def test_an_interrupted_evaluation_goes_on_where_it_stopped(untrained: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    whole = _evaluated(untrained, SHORT)
    begun = evaluate(untrained, SHORT, journal)
    first = next(begun).rollout
    begun.close()
    gone_on = [done.rollout for done in evaluate(untrained, SHORT, journal)]
    assert gone_on[0] == first
    lines = journal.read_text().splitlines()
    assert len(lines) == 1 + len(whole.rollouts)
    assert sum(f'"{first.behavior}", "seed": {first.seed},' in line for line in lines) == 1
    assert collected(untrained, SHORT, [done.rollout for done in evaluate(untrained, SHORT, journal)]) == whole


def test_a_worker_process_that_is_killed_is_noticed_with_what_it_leaves(untrained: Path) -> None:
    worker = Worker(str(untrained), SHORT)
    try:
        for seed in (3, 4):
            worker.give(Job("slider", seed))
        worker.process.kill()
        with pytest.raises(LearningError, match=r"exit code -9 and left 2 rollouts, the first .* slider from seed 3"):
            worker.hear()
        worker.give(None)
    finally:
        worker.stop()


def test_a_policy_that_says_what_no_arm_can_do_is_named_with_the_start(untrained: Path) -> None:
    loaded = checkpoint.load(untrained)
    broken = untrained.with_name("broken")
    with torch.no_grad():
        for parameter in loaded.policy.parameters():
            parameter.fill_(torch.nan)
    checkpoint.save(broken, loaded.policy, CONTRACT)
    for workers in (1, 2):
        with pytest.raises(LearningError, match=r"slider from seed [34], tick 1: .*finite numbers only"):
            list(evaluate(broken, replace(SHORT, behaviors=("slider",), workers=workers)))


def test_failures_are_those_of_each_behavior_in_turn(untrained: Path) -> None:
    failed = _evaluated(untrained, SHORT).failed(3)
    assert [one.behavior for one in failed] == ["drawer", "slider", "drawer"]


def test_what_was_done_is_told_and_kept(untrained: Path, tmp_path: Path) -> None:
    first, again = (
        {done.rollout.job: done.played.actions.tobytes() for done in evaluate(untrained, SHORT, tmp_path / "journal")}
        for _ in range(2)
    )
    assert first == again == _actions(untrained, SHORT, jobs_of(SHORT))


def test_an_evaluation_survives_the_disk(untrained: Path, tmp_path: Path) -> None:
    evaluation = _evaluated(untrained, replace(SHORT, behaviors=("slider",), rollouts=1))
    evaluation.write(tmp_path / "evaluation.yaml")
    assert Evaluation.read(tmp_path / "evaluation.yaml") == evaluation


def test_success_is_counted_by_behavior_with_an_interval() -> None:
    found = _found(3, 1)
    assert found.behaviors["slider"][:3] == (3, 4, 0.75)
    assert found.behaviors["drawer"].low == 0
    assert found.overall.rate == 3 / 5
    assert found.behaviors["slider"].low < 0.75 < found.behaviors["slider"].high


def _found(successes: int, failures: int) -> Evaluation:
    """The slider succeeded after 1, 2, 3 ... seconds or was missed; the drawer failed once."""
    rollouts = [Rollout("slider", i, True, 30 * (i + 1)) for i in range(successes)]
    rollouts += [Rollout("slider", successes + i, False, 120, "missed grasp") for i in range(failures)]
    rollouts += [Rollout("drawer", 0, False, 120, "timeout")]
    return Evaluation("policy", "0" * 16, EvaluationConfig(), tuple(rollouts))


def test_times_to_success_leave_failures_out() -> None:
    found = _found(5, 3)
    assert found.behaviors["slider"].seconds == pytest.approx((2.0, 3.0, 4.0))
    assert found.behaviors["drawer"].seconds is None
    assert [row[-2:] for row in table(found)[1:]] == [("3.0", "2.0 to 4.0"), ("-", "-"), ("3.0", "2.0 to 4.0")]


def test_failures_are_counted_by_kind_and_behavior() -> None:
    assert failure_table(_found(5, 3)) == [
        ("failures", "missed grasp", "wrong behavior", "limits", "timeout"),
        ("slider", "3", "0", "0", "0"),
        ("drawer", "0", "0", "0", "1"),
        ("all", "3", "0", "0", "1"),
    ]


def test_an_evaluation_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evaluation.yaml"
    for number in (1, 7):
        path.write_text(f"format: {number}\n")
        with pytest.raises(LearningError, match=f"format {number}"):
            Evaluation.read(path)
    path.write_text("format: 2\ncheckpoint: policy\n")
    with pytest.raises(LearningError, match=r"damaged: KeyError\('config'\)"):
        Evaluation.read(path)


def test_a_behavior_that_is_named_twice_is_evaluated_once() -> None:
    assert behaviors(EvaluationConfig(behaviors=("slider", "drawer", "slider"))) == ("slider", "drawer")


def test_an_unknown_behavior_is_refused_with_those_that_exist() -> None:
    with pytest.raises(SimulationError, match=r"no behavior 'left'; it has slider, drawer"):
        behaviors(EvaluationConfig(behaviors=("left",)))


def test_an_unknown_world_is_refused_with_those_that_exist() -> None:
    with pytest.raises(LearningError, match=r"world is 'kitchen'; it must be one of \['tabletop', 'calvin'\]"):
        EvaluationConfig(world="kitchen")  # type: ignore[arg-type]


@pytest.mark.skipif(not is_installed(), reason="calvin_env is not installed; the README says how")
def test_a_policy_can_be_rolled_out_in_calvin(untrained: Path) -> None:
    found = _evaluated(untrained, replace(SHORT, world="calvin", rollouts=1)).rollouts
    assert [(one.behavior, one.ticks) for one in found] == [("drawer", 6), ("slider", 6)]


def test_a_checkpoint_of_another_robot_is_refused_before_any_rollout(untrained: Path, tmp_path: Path) -> None:
    policy, contract, _ = checkpoint.load(untrained)
    checkpoint.save(tmp_path / "slow", policy, replace(contract, rate=15.0))
    with pytest.raises(PolicyError, match=r"rate: 15.0 here, 30.0 there"):
        next(evaluate(tmp_path / "slow", SHORT))


class _Demonstrating:
    """A policy that cheats: it asks the scripted demonstrator."""

    def __init__(self, world: TabletopEnv, behavior: str) -> None:
        self.world = world
        self.demonstrator = make_demonstrator("opening", behavior, "optimal", np.random.default_rng(0))

    execution = Execution()

    def act(self, seen: Sequence[Sequence[Observation]]) -> NDArray[np.float32]:
        assert not seen[0][-1].images
        return self.demonstrator.act(percept_of(self.world.scene))[None, None].astype(np.float32)


def _answered(performance: Performance, policy: _Demonstrating) -> Played:
    seen = next(performance)
    while True:
        try:
            seen = performance.send(policy.act([seen])[0])
        except StopIteration as over:
            played: Played = over.value
            return played


def test_a_rollout_ends_when_the_behavior_is_done() -> None:
    world = make("opening", render_images=False)
    policy = _Demonstrating(world, "drawer")
    played = _answered(perform(world, ChunkedActor(policy), Job("drawer", 5), horizon=120, images=False), policy)
    world.close()
    assert played.rollout.success
    assert 10 < played.rollout.ticks < 120
    assert len(played.actions) == played.rollout.ticks

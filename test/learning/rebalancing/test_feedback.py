"""From rollouts and verdicts to references."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.learning.config import EncodingConfig, EvaluationConfig, FeedbackConfig, TrainingConfig
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.evaluation.evaluate import collected, evaluate
from balanced_bc.learning.evaluation.evaluation import Evaluation
from balanced_bc.learning.evaluation.rollout import Rollout
from balanced_bc.learning.rebalancing import balance_file
from balanced_bc.learning.rebalancing.feedback import Feedback, Weighed, gather
from balanced_bc.learning.rebalancing.fit import fit
from balanced_bc.learning.rebalancing.rebalance_dataset import rebalance_dataset
from balanced_bc.learning.training.train import train_dataset
from balanced_bc.policies import checkpoint
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.simulation.collect import collect

POLICY = PolicyConfig(policy="state", hidden=16, chunk=3, execute=2)
QUICK = BalancingConfig(method="minimax", steps=20, batch=8, repeats=2, evaluation=64, compare="none")
SMALL = EncodingConfig(hidden=16)
SHORT = EvaluationConfig(rollouts=1, horizon=6)
OPENING = ("drawer", "slider")


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a dataset, weights, a policy trained with them, and its evaluation."""
    folder = tmp_path_factory.mktemp("day")
    dataset = Dataset.create(folder / "dataset", RobotContract())
    for _ in collect(dataset, "opening", {"slider": 3, "drawer": 3}):
        pass
    _balanced(folder, "weights", replace(QUICK, method="equal"))
    training = TrainingConfig(steps=3, batch_size=8, device="cpu")
    list(train_dataset(dataset, folder / "policy", folder / "weights", POLICY, training))
    rollouts = [done.rollout for done in evaluate(folder / "policy", SHORT)]
    collected(folder / "policy", SHORT, rollouts).write(folder / "policy" / "evaluation.yaml")
    return folder


def _balanced(day: Path, name: str, config: BalancingConfig = QUICK, **feedback: Any) -> balance_file.BalanceFile:
    dataset, known = Dataset.open(day / "dataset"), FeedbackConfig(**feedback)
    list(rebalance_dataset(dataset, ("behavior",), day / name, config, POLICY, SMALL, feedback=known))
    return balance_file.read(day / name)


def _about(day: Path) -> Weighed:
    return Weighed(OPENING, Dataset.open(day / "dataset").fingerprint(("behavior",)))


def _evaluated(day: Path, path: Path, successes: dict[str, int], rollouts: int = 50, **changes: Any) -> Path:
    """Write an evaluation of the policy with so many successes."""
    known = Evaluation.read(day / "policy" / "evaluation.yaml")
    over = [Rollout(name, i, i < good, 9) for name, good in successes.items() for i in range(rollouts)]
    replace(known, rollouts=tuple(over), **changes).write(path)
    return path


def _read(day: Path, *paths: Path, **options: Any) -> Feedback:
    return gather(FeedbackConfig(evaluations=tuple(map(str, paths)), **options), _about(day))


def _verdicts(path: Path, *entries: Any) -> Path:
    path.write_text(yaml.safe_dump({"format": 1, "verdicts": list(entries)}))
    return path


def test_from_evaluate_to_balance(day: Path) -> None:
    """A policy that failed everywhere relaxes nothing; one that succeeded with the drawer relaxes its reference."""
    failed = _balanced(day, "failed", evaluations=(str(day / "policy" / "evaluation.yaml"),))
    good = _evaluated(day, day / "good.yaml", {"drawer": 50, "slider": 20})
    relaxed = _balanced(day, "relaxed", evaluations=(str(good),))
    assert len([warning for warning in failed.warnings if "no judged policy succeeded" in warning]) == 2
    assert {row.reference.lane for row in failed.groups.values() if row.reference} == {"lanes"}
    drawer, slider = (relaxed.groups[name].reference for name in OPENING)
    assert drawer is not None
    assert slider is not None
    assert drawer.lane == f"success of {day / 'policy'}"
    assert drawer.loss == pytest.approx(relaxed.diagnostics["success_losses"][0], abs=1e-5)
    assert drawer.loss > relaxed.diagnostics["lowest_losses"][0]
    assert slider.lane == "lanes"
    assert relaxed.configuration["feedback"]["evaluations"] == [str(good)]


def test_fit_knows_feedback_too(day: Path) -> None:
    good = _evaluated(day, day / "fine.yaml", {"drawer": 50, "slider": 20})
    config = replace(QUICK, conflicts=False)
    known = FeedbackConfig(evaluations=(str(good),))
    found = fit(Dataset.open(day / "dataset"), ("behavior",), config, POLICY, SMALL, known)
    assert [one and one.lane for one in found.balance.references] == [f"success of {day / 'policy'}", "lanes"]


def test_an_evaluation_gives_the_weights_of_its_policy_and_who_succeeded(day: Path, tmp_path: Path) -> None:
    (judged,) = _read(day, _evaluated(day, tmp_path / "e.yaml", {"drawer": 50, "slider": 30})).judged
    assert judged.weights.tolist() == [0.5, 0.5]
    assert judged.good.tolist() == [True, False]
    assert judged.bad.tolist() == [False, True]


def test_success_must_be_sure(day: Path, tmp_path: Path) -> None:
    """46 of 50 are .92, and the interval begins at .81."""
    path = _evaluated(day, tmp_path / "e.yaml", {"drawer": 46, "slider": 50})
    assert _read(day, path).judged[0].good.tolist() == [False, True]
    assert _read(day, path, success_target=0.8).judged[0].good.tolist() == [True, True]


def test_too_few_rollouts_to_show_success_are_told(day: Path, tmp_path: Path) -> None:
    (warning,) = _read(day, _evaluated(day, tmp_path / "e.yaml", {"drawer": 20, "slider": 20}, rollouts=20)).warnings
    assert "too few rollouts of drawer, slider to show a success rate of 0.9" in warning


def test_a_behavior_speaks_for_all_groups_that_are_tagged_so(day: Path, tmp_path: Path) -> None:
    policy, about = tmp_path / "policy", _about(day)
    groups = ("drawer+clean", "drawer+noisy", "slider+clean")
    loaded = checkpoint.load(day / "policy")
    provenance = {"weights": dict(zip(groups, (0.5, 0.3, 0.2))), "fingerprint": about.fingerprint}
    checkpoint.save(policy, loaded.policy, loaded.contract, provenance)
    who = checkpoint.fingerprint(policy)
    path = _evaluated(day, tmp_path / "e.yaml", {"drawer": 50, "slider": 0}, checkpoint=str(policy), fingerprint=who)
    (judged,) = gather(FeedbackConfig(evaluations=(str(path),)), about._replace(groups=groups)).judged
    assert judged.weights.tolist() == pytest.approx([0.5, 0.3, 0.2])
    assert judged.good.tolist() == [True, True, False]


def test_a_policy_that_lies_beside_its_evaluation_is_found(day: Path, tmp_path: Path) -> None:
    """It may have been moved with it."""
    path = _evaluated(day, day / "policy" / "moved.yaml", {"drawer": 50}, checkpoint=str(tmp_path / "gone"))
    assert len(_read(day, path).judged) == 1


def test_evaluations_that_are_about_something_else_are_refused(day: Path, tmp_path: Path) -> None:
    good = _evaluated(day, tmp_path / "good.yaml", {"drawer": 50})
    changed = _evaluated(day, tmp_path / "changed.yaml", {"drawer": 50}, fingerprint="other")
    picking = _evaluated(day, tmp_path / "picking.yaml", {"left": 50})
    about, config = _about(day), FeedbackConfig(evaluations=(str(good),))
    with pytest.raises(LearningError, match=r"fingerprint sha256.*this one has sha256:2"):
        gather(config, about._replace(fingerprint="sha256:2"))
    with pytest.raises(LearningError, match=r"groups \['drawer', 'slider'\]; .* are \['left', 'right'\]"):
        gather(config, about._replace(groups=("left", "right")))
    with pytest.raises(LearningError, match="trained again; evaluate again"):
        _read(day, changed)
    with pytest.raises(LearningError, match=r"judges left .*; none of the groups drawer, slider"):
        _read(day, picking)
    with pytest.raises(LearningError, match="there is no evaluation"):
        _read(day, tmp_path / "missing.yaml")


def test_a_person_may_call_groups_good_or_bad(day: Path) -> None:
    path = _verdicts(
        day / "verdicts.yaml",
        {"policy": "policy", "drawer": "good"},
        {"weights": "weights", "drawer": "bad", "slider": "good"},
    )
    first, second = gather(FeedbackConfig(verdicts=path), _about(day)).judged
    assert first.weights.tolist() == [0.5, 0.5]
    assert (first.good.tolist(), first.bad.tolist()) == ([True, False], [False, False])
    assert (second.good.tolist(), second.bad.tolist()) == ([False, True], [True, False])


def test_a_group_that_two_names_speak_for_must_be_good_in_both(day: Path, tmp_path: Path) -> None:
    groups, about = ("drawer+clean", "drawer+noisy", "slider+clean"), _about(day)
    loaded = checkpoint.load(day / "policy")
    provenance = {"weights": dict.fromkeys(groups, 1 / 3), "fingerprint": about.fingerprint}
    checkpoint.save(tmp_path / "policy", loaded.policy, loaded.contract, provenance)
    path = _verdicts(tmp_path / "verdicts.yaml", {"policy": "policy", "drawer": "good", "noisy": "bad"})
    (judged,) = gather(FeedbackConfig(verdicts=path), about._replace(groups=groups)).judged
    assert (judged.good.tolist(), judged.bad.tolist()) == ([True, False, False], [False, True, False])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"policy": "policy", "drawer": "fine"}, "a verdict is good or bad"),
        ({"policy": "policy", "door": "good"}, "no group is called or tagged 'door'"),
        ({"drawer": "good"}, "must name either a policy or weights"),
        ({"weights": "elsewhere", "drawer": "good"}, "there are no weights at"),
        ("drawer is good", "must name either a policy or weights"),
    ],
)
def test_verdicts_that_cannot_be_read_are_refused(day: Path, entry: Any, message: str) -> None:
    with pytest.raises(LearningError, match=message):
        gather(FeedbackConfig(verdicts=_verdicts(day / "odd.yaml", entry)), _about(day))


def test_a_file_that_holds_no_verdicts_is_refused(day: Path, tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text("drawer: good\n")
    with pytest.raises(LearningError, match=r"format None and the keys \['drawer'\]"):
        gather(FeedbackConfig(verdicts=tmp_path / "odd.yaml"), _about(day))
    with pytest.raises(LearningError, match="there is no file of verdicts"):
        gather(FeedbackConfig(verdicts=tmp_path / "missing.yaml"), _about(day))

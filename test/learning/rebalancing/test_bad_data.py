"""Datasets that balancing must survive or refuse, through the door that a user takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from balanced_bc.balancing.config import METHODS, BalancingConfig, Method
from balanced_bc.balancing.errors import BalancingError
from balanced_bc.balancing.result import Balance
from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.errors import DemonstrationError
from balanced_bc.demonstrations.observation import Demonstration
from balanced_bc.learning.config import TrainingConfig
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.gathering import Grouped, gather
from balanced_bc.learning.quality import near
from balanced_bc.learning.rebalancing.balance_file import BalanceFile, read
from balanced_bc.learning.rebalancing.explanation import explain
from balanced_bc.learning.rebalancing.rebalance import rebalance
from balanced_bc.learning.rebalancing.rebalance_dataset import write
from balanced_bc.learning.training.train import train_dataset
from balanced_bc.policies.config import PolicyConfig
from test.learning.rebalancing.conftest import QUICK, SMALL, DatasetOf

Balanced = Callable[..., Balance]
Demonstrate = Callable[..., Demonstration]
BOTH = ("drawer", "slider") * 3


def test_one_group_is_refused_by_its_name(dataset_of: DatasetOf, balanced: Balanced) -> None:
    with pytest.raises(BalancingError, match=r"one group only, \['drawer'\]; balancing needs 2 or more"):
        balanced(dataset_of(*["drawer"] * 3))


def test_trust_that_leaves_one_group_is_refused(dataset_of: DatasetOf, balanced: Balanced) -> None:
    with pytest.raises(BalancingError, match=r"trust and caps leave \['slider'\] of \['drawer', 'slider'\]"):
        balanced(dataset_of(*BOTH), replace(QUICK, trust=("drawer=0",)))


@pytest.mark.parametrize("method", ["equal", "minimax"])
def test_floors_that_cannot_add_up_are_refused_with_groups_and_options(
    method: Method, dataset_of: DatasetOf, balanced: Balanced
) -> None:
    said = r"--floors slider=0.6 drawer=0.6.*drawer from 0.6 to 1 and slider from 0.6 to 1"
    with pytest.raises(BalancingError, match=said):
        balanced(dataset_of(*BOTH), replace(QUICK, method=method, floors=("slider=0.6", "drawer=0.6")))


def test_a_group_that_nobody_demonstrated_is_named_beside_those_that_exist(
    dataset_of: DatasetOf, balanced: Balanced
) -> None:
    with pytest.raises(BalancingError, match=r"no group is called or tagged 'door'; there are drawer, slider"):
        balanced(dataset_of(*BOTH), replace(QUICK, floors=("door=0.1",)))


@pytest.mark.parametrize(
    ("output", "why"),
    [("file", "file is a file"), ("file/weights", "file is a file"), ("/proc/weights", "/proc takes no file")],
)
def test_an_output_that_cannot_be_written_is_refused_before_anything_is_computed(
    output: str, why: str, dataset_of: DatasetOf, balanced: Balanced, tmp_path: Path
) -> None:
    dataset = dataset_of(*BOTH)
    (tmp_path / "file").touch()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(LearningError, match=why):
        balanced(dataset, name=output)
    assert sorted(tmp_path.iterdir()) == before


def test_a_dataset_without_demonstrations_is_refused(dataset_of: DatasetOf, balanced: Balanced) -> None:
    with pytest.raises(LearningError, match="no demonstrations; record or collect some first"):
        balanced(dataset_of())


def test_episodes_without_the_tag_are_listed(dataset_of: DatasetOf, balanced: Balanced) -> None:
    with pytest.raises(DemonstrationError, match=r"1-2, 4"):
        balanced(dataset_of("drawer", "", "", "slider", ""))


def test_a_group_with_one_demonstration_is_measured_on_the_training_split_and_said_so(
    dataset_of: DatasetOf, balanced: Balanced
) -> None:
    answer = balanced(dataset_of("drawer", "drawer", "drawer", "slider"))
    assert any("hold some out: slider (1); every group needs 3" in warning for warning in answer.warnings)
    assert {reference.split for reference in answer.references if reference} == {"training"}


@pytest.mark.parametrize("said", ["drawr=1", "drawer=abc"])
def test_a_success_loss_that_cannot_be_read_leaves_nothing_that_stops_the_next_run(
    said: str, dataset_of: DatasetOf, balanced: Balanced
) -> None:
    dataset, config = dataset_of(*BOTH), replace(QUICK, steps=2, compare="none", conflicts=False)
    with pytest.raises(BalancingError):
        balanced(dataset, replace(config, success_loss=(said,)))
    assert balanced(dataset, replace(config, success_loss=("drawer=1",))).weights.sum() == pytest.approx(1)


def test_small_groups_of_which_a_part_is_held_out_are_told(dataset_of: DatasetOf, balanced: Balanced) -> None:
    dataset = dataset_of(*["drawer"] * 10, *["slider"] * 6)
    config = replace(QUICK, method="minimax", steps=2, compare="none", conflicts=False)
    for repeats, told in ((1, ["slider (6)"]), (3, [])):
        answer = balanced(dataset, replace(config, repeats=repeats), f"weights-{repeats}")
        said = [warning for warning in answer.warnings if f"--repeats {repeats} holds out" in warning]
        assert [one.partition("fewer than 10: ")[2].partition(";")[0] for one in said] == told


def test_a_group_that_trust_leaves_out_keeps_nobody_from_being_held_out(
    dataset_of: DatasetOf, balanced: Balanced
) -> None:
    answer = balanced(dataset_of(*BOTH, "drawr"), replace(QUICK, trust=("drawr=0",)))
    assert [reference.split for reference in answer.references if reference] == ["held-out"] * 2
    assert answer.weights[1] == 0
    assert answer.comparison
    assert all(row.losses.isfinite().tolist() == [True, False, True] for row in answer.comparison)
    (about,) = [warning for warning in answer.warnings if "hold some out" in warning]
    assert about.startswith("not in the comparison")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_action_that_is_no_number_is_refused_with_its_episode(
    value: float, dataset_of: DatasetOf, balanced: Balanced, demonstrate: Demonstrate
) -> None:
    broken = demonstrate(ticks=5, seed=3)
    broken.action[2, 1] = value
    said = rf"episodes/000003: velocity_command says .*{value}.*every number must be finite"
    with pytest.raises(DemonstrationError, match=said):
        balanced(dataset_of(*BOTH, changed={3: broken}))


@pytest.mark.parametrize("method", METHODS)
def test_actions_that_never_change_are_named_and_leave_finite_weights(
    method: Method, dataset_of: DatasetOf, balanced: Balanced, demonstrate: Demonstrate
) -> None:
    still = {
        place: one._replace(action=np.ones_like(one.action))
        for place, one in ((place, demonstrate(ticks=5, seed=place)) for place in (1, 3, 5))
    }
    answer = balanced(dataset_of(*BOTH, changed=still), replace(QUICK, method=method))
    assert any("the actions of slider never change" in warning for warning in answer.warnings)
    assert bool(answer.weights.isfinite().all())


def test_copies_of_a_demonstration_are_named_and_held_out_together(
    dataset_of: DatasetOf, balanced: Balanced, demonstrate: Demonstrate
) -> None:
    dataset = dataset_of(*BOTH, changed={4: demonstrate(ticks=5, seed=0)})
    answer = balanced(dataset)
    assert any("(episode 4 is 0)" in warning for warning in answer.warnings)
    assert any("hold some out: drawer" in warning for warning in answer.warnings)


def test_a_name_that_may_be_mistyped_is_told_with_its_episodes(dataset_of: DatasetOf, balanced: Balanced) -> None:
    answer = balanced(dataset_of(*BOTH, "drawr"), replace(QUICK, method="equal"))
    (about,) = [warning for warning in answer.warnings if "mistyped" in warning]
    assert about.startswith("drawr (episodes 6) is nearly drawer (3 demonstrations)")
    assert not any("mistyped" in one for one in balanced(dataset_of(*BOTH, name="clean"), name="clean").warnings)


@pytest.mark.parametrize(
    ("name", "other", "likely"),
    [
        ("drawr", "drawer", True),
        ("silder", "slider", True),
        ("Slider", "slider", True),
        ("left+optiml", "left+optimal", True),
        ("suboptimal", "optimal", False),
        ("push1", "push2", False),
        ("left", "right", False),
        ("left+optimal", "lefts+optimals", False),
    ],
)
def test_names_are_near_when_one_tag_may_be_mistyped(name: str, other: str, likely: bool) -> None:
    assert near(name, other) is likely
    assert near(other, name) is likely


def test_a_dataset_without_copies_has_no_warning_about_any(dataset_of: DatasetOf, balanced: Balanced) -> None:
    assert not any("more than once" in warning for warning in balanced(dataset_of(*BOTH)).warnings)


def test_training_refuses_weights_of_another_dataset(
    dataset_of: DatasetOf, balanced: Balanced, image_policy: PolicyConfig, tmp_path: Path
) -> None:
    first, second = dataset_of(*BOTH), dataset_of(*BOTH, "drawer", name="another")
    balanced(first, replace(QUICK, method="equal"))
    with pytest.raises(LearningError, match=rf"{first.fingerprint()}.*this one has {second.fingerprint()}"):
        list(train_dataset(second, tmp_path / "policy", tmp_path / "weights", image_policy, TrainingConfig(steps=1)))


def test_a_tag_on_another_axis_leaves_weights_and_training_as_they_are(
    dataset_of: DatasetOf, balanced: Balanced, image_policy: PolicyConfig, tmp_path: Path
) -> None:
    dataset, config = dataset_of(*BOTH), TrainingConfig(steps=1)
    balanced(dataset, replace(QUICK, method="equal"))
    dataset.tag([1], {"note": "x"})
    assert list(train_dataset(dataset, tmp_path / "policy", tmp_path / "weights", image_policy, config))
    dataset.tag([1], {"behavior": "drawer"})
    with pytest.raises(LearningError, match="covers all recordings and their tags on behavior; some are others"):
        list(train_dataset(dataset, tmp_path / "other", tmp_path / "weights", image_policy, config))


@pytest.mark.parametrize("method", METHODS)
def test_a_group_a_hundred_times_larger_than_another_is_weighed_within_the_repeat_cap(
    method: Method, contract: RobotContract, demonstrate: Demonstrate, state_policy: PolicyConfig
) -> None:
    sizes = (("drawer", 400), ("slider", 4))
    items = [
        Grouped(f"{name} {part}", name, demonstrate(ticks=ticks, seed=part))
        for name, ticks in sizes
        for part in range(3)
    ]
    *_, last = rebalance(gather(items, state_policy, contract), replace(QUICK, method=method), state_policy, SMALL)
    assert last.result is not None
    assert float(last.result.weights.sum()) == pytest.approx(1)
    if method in ("zero", "remix", "ours", "minimax"):
        assert float(last.result.weights[1]) <= QUICK.repeat_cap * 4 / 404 + 1e-6


@pytest.mark.parametrize("method", ["remix", "minimax"])
def test_five_hundred_groups_are_weighed_and_told_in_few_words(
    method: Method, contract: RobotContract, demonstrate: Demonstrate, state_policy: PolicyConfig, tmp_path: Path
) -> None:
    items = [
        Grouped(f"{number} {part}", f"group {number:03d}", demonstrate(ticks=2, seed=3 * number + part))
        for number in range(500)
        for part in range(3)
    ]
    pairs = gather(items, state_policy, contract)
    config = BalancingConfig(method=method, steps=2, repeats=1, conflicts=False, compare="none")
    *_, last = rebalance(pairs, config, state_policy, SMALL)
    assert last.result is not None
    assert last.result.weights.shape == (500,)
    assert bool((last.result.weights > 0).all())
    assert float(last.result.weights.sum()) == pytest.approx(1)
    assert torch.equal(last.weights, last.result.weights)
    assert any("500 groups are more than" in warning for warning in last.result.warnings)
    assert len(last.result.warnings) < 10
    assert max(map(len, last.result.warnings)) < 1000
    content = BalanceFile.of(last.result, pairs, "sha256:1", config, state_policy, SMALL)
    write(tmp_path / "weights", content, pairs, [])
    assert len((tmp_path / "weights" / "report.html").read_text()) < 10**6
    assert len(explain(read(tmp_path / "weights"))) < 10**5


def test_what_is_said_twice_of_a_group_is_refused(dataset_of: DatasetOf, balanced: Balanced) -> None:
    dataset, twice = dataset_of(*BOTH), ("drawer=0.1", "drawer=1")
    for config in (replace(QUICK, trust=twice), replace(QUICK, floors=twice), replace(QUICK, caps=twice)):
        with pytest.raises(BalancingError, match=r"drawer is told 2 times, drawer=0.1, drawer=1; say it once"):
            balanced(dataset, config)


def test_an_axis_that_is_named_twice_is_refused(dataset_of: DatasetOf) -> None:
    with pytest.raises(DemonstrationError, match="groups are by behavior, behavior; name each axis once"):
        dataset_of(*BOTH).frame_groups(("behavior", "behavior"))

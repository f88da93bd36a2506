"""From pairs to weights and their files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import torch
import yaml
from numpy.typing import NDArray

from balanced_bc.balancing.config import METHODS, BalancingConfig, Method
from balanced_bc.balancing.result import Balance, Progress
from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.observation import Demonstration
from balanced_bc.learning.batches import Grouped, Pairs, gather
from balanced_bc.learning.config import EncodingConfig
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.rebalancing import balance_file, balance_picture
from balanced_bc.learning.rebalancing.balance_file import BalanceFile
from balanced_bc.learning.rebalancing.encoded import encode
from balanced_bc.learning.rebalancing.held_out import split_of
from balanced_bc.learning.rebalancing.rebalance import rebalance, rebalance_dataset
from balanced_bc.policies.config import PolicyConfig

QUICK = BalancingConfig(method="ours", steps=12, batch=8, repeats=2, evaluate_every=4, evaluation=64)
SMALL = EncodingConfig(steps=3, batch=4, channels=(4,), keypoints=2, hidden=16)


@pytest.fixture
def enough(
    demonstrate: Callable[..., Demonstration], contract: RobotContract, image_policy: PolicyConfig
) -> Callable[[PolicyConfig | None], Pairs]:
    """Make pairs of 8 demonstrations of drawer and 6 of slider."""

    def make(policy: PolicyConfig | None = None) -> Pairs:
        sizes = (("drawer", 8, 1.0), ("slider", 6, -1.0))
        named = ((name, sign, i) for name, number, sign in sizes for i in range(number))
        items = [Grouped(f"{name} {i}", name, demonstrate(seed=i, sign=sign)) for name, sign, i in named]
        return gather(items, policy or image_policy, contract)

    return make


def run(pairs: Pairs, config: BalancingConfig, policy: PolicyConfig) -> tuple[Balance, list[Progress]]:
    moments = list(rebalance(pairs, config, policy, SMALL))
    assert moments[-1].result is not None
    return moments[-1].result, moments


@pytest.fixture
def written(enough: Callable[..., Pairs], state_policy: PolicyConfig, tmp_path: Path) -> Path:
    """Folder with the weights of a short run."""
    pairs = enough(state_policy)
    answer, moments = run(pairs, QUICK, state_policy)
    content = BalanceFile.of(answer, pairs, ("behavior",), "sha256:1", QUICK, state_policy, SMALL)
    picture = balance_picture.draw(content, moments)
    balance_file.write(tmp_path / "weights", content, balance_file.pair_weights(content, pairs), picture)
    return tmp_path / "weights"


@pytest.mark.parametrize("method", METHODS)
def test_every_method_weighs_a_state_policy(
    method: Method, enough: Callable[..., Pairs], state_policy: PolicyConfig
) -> None:
    answer, _ = run(enough(state_policy), replace(QUICK, method=method), state_policy)
    assert float(answer.weights.sum()) == pytest.approx(1)
    assert answer.groups == ("drawer", "slider")


def test_an_image_policy_is_weighed_on_features_of_its_own_encoder(
    enough: Callable[..., Pairs], image_policy: PolicyConfig
) -> None:
    answer, moments = run(enough(), QUICK, image_policy)
    phases = {"encoder", "references", "lanes", "weights", "comparison", "conflicts"}
    assert {now.phase for now in moments} == phases
    assert [now.done for now in moments] == sorted(now.done for now in moments)
    assert {reference.split for reference in answer.references if reference} == {"held-out"}


def test_the_same_seed_gives_the_same_weights(enough: Callable[..., Pairs], image_policy: PolicyConfig) -> None:
    first, second = (run(enough(), QUICK, image_policy)[0] for _ in range(2))
    assert torch.equal(first.weights, second.weights)


def test_scaling_all_actions_leaves_the_weights_unchanged(
    enough: Callable[..., Pairs], state_policy: PolicyConfig
) -> None:
    pairs = enough(state_policy)
    louder = replace(pairs, action=pairs.action * torch.tensor([2.0] * 6 + [1.0]))
    first, second = (run(one, QUICK, state_policy)[0] for one in (pairs, louder))
    torch.testing.assert_close(first.weights, second.weights, atol=1e-5, rtol=1e-4)


def test_an_encoder_learns_nothing_from_held_out_pairs(
    enough: Callable[..., Pairs], image_policy: PolicyConfig
) -> None:
    pairs = enough()
    split = split_of(pairs, QUICK)
    spoiled = pairs.action.clone()
    spoiled[split.measuring[0]] *= -1
    found = []
    for one in (pairs, replace(pairs, action=spoiled)):
        steps = encode(one, split.training[0], image_policy, SMALL, seed=0)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                found.append(end.value.features)
                break
    torch.testing.assert_close(found[0], found[1])


def test_folds_share_no_demonstration(enough: Callable[..., Pairs]) -> None:
    pairs = enough()
    split = split_of(pairs, QUICK)
    for training, measuring in zip(split.training, split.measuring):
        assert not set(pairs.demonstration[training].tolist()) & set(pairs.demonstration[measuring].tolist())


def test_too_few_demonstrations_fall_back_to_the_training_split_with_a_warning(
    pairs: Pairs, image_policy: PolicyConfig
) -> None:
    answer, _ = run(pairs, QUICK, image_policy)
    assert {reference.split for reference in answer.references if reference} == {"training"}
    assert any("slider (2)" in warning for warning in answer.warnings)


def test_stopping_keeps_the_weights_so_far(enough: Callable[..., Pairs], state_policy: PolicyConfig) -> None:
    pairs = enough(state_policy)
    asked = iter([False] * 4 + [True] * 100)
    *_, last = rebalance(pairs, QUICK, state_policy, SMALL, lambda: next(asked))
    assert last.result is not None
    assert last.done < 1
    assert "stopped after" in last.result.warnings[-1]
    assert float(last.result.weights.sum()) == pytest.approx(1)


def test_weights_are_compared_on_held_out_demonstrations_with_the_network_that_they_are_for(
    enough: Callable[..., Pairs], state_policy: PolicyConfig
) -> None:
    """Also where the method measures on training pairs."""
    pairs, configs = enough(state_policy), (replace(QUICK, method="minimax"), replace(QUICK, split="training"))
    for config in configs:
        answer, _ = run(pairs, config, state_policy)
        assert [row.method for row in answer.comparison] == ["plain cloning", config.method, "equal", "temperature"]
    plain = [run(pairs, config, state_policy)[0].comparison[0].losses for config in configs]
    torch.testing.assert_close(*plain)


def test_without_demonstrations_to_hold_out_nothing_is_compared(pairs: Pairs, image_policy: PolicyConfig) -> None:
    answer, _ = run(pairs, QUICK, image_policy)
    assert not answer.comparison
    assert any("not compared with plain cloning" in warning for warning in answer.warnings)


def test_methods_that_only_count_are_compared_on_demand(
    enough: Callable[..., Pairs], state_policy: PolicyConfig
) -> None:
    config = replace(QUICK, method="equal", compare="quick")
    answer, _ = run(enough(state_policy), config, state_policy)
    assert [row.method for row in answer.comparison] == ["plain cloning", "equal", "temperature"]


def test_stopping_while_weights_are_compared_keeps_the_whole_answer(
    enough: Callable[..., Pairs], state_policy: PolicyConfig
) -> None:
    pairs, phases = enough(state_policy), list[str]()
    runs = rebalance(pairs, QUICK, state_policy, SMALL, lambda: len(phases) > 0 and phases[-1] == "comparison")
    for last in runs:
        phases.append(last.phase)
    whole, _ = run(pairs, QUICK, state_policy)
    assert last.result is not None
    assert torch.equal(last.result.weights, whole.weights)
    assert last.result.warnings[0] == "stopped before the weights were compared with plain cloning"
    assert not last.result.comparison


def test_every_frame_and_episode_gets_the_weight_of_its_group(
    tmp_path: Path,
    contract: RobotContract,
    demonstrate: Callable[..., Demonstration],
    record: Callable[[Dataset, Demonstration, dict[str, str]], None],
    image_policy: PolicyConfig,
) -> None:
    dataset = Dataset.create(tmp_path / "dataset", contract)
    recorded = (("slider", 5), ("drawer", 9), ("slider", 4), ("drawer", 6))
    for seed, (behavior, ticks) in enumerate(recorded):
        record(dataset, demonstrate(ticks=ticks, seed=seed), {"behavior": behavior})
    config = BalancingConfig(method="equal")
    list(rebalance_dataset(dataset, ("behavior",), tmp_path / "weights", config, image_policy, SMALL))
    frames = pyarrow.parquet.read_table(tmp_path / "weights" / "weights.parquet")["weight"].to_pylist()
    weight = {"slider": 0.5 * 24 / 9, "drawer": 0.5 * 24 / 15}
    assert frames == pytest.approx([weight[behavior] for behavior, ticks in recorded for _ in range(ticks)])
    episodes = pyarrow.parquet.read_table(tmp_path / "weights" / "episodes.parquet").to_pydict()
    assert episodes["group"] == [behavior for behavior, _ in recorded]
    assert episodes["pairs"] == [ticks for _, ticks in recorded]
    assert sum(episodes["share"]) == pytest.approx(1)
    masks = json.loads((tmp_path / "weights" / "robomimic_masks.json").read_text())
    assert masks["mask"] == {"drawer": ["demo_1", "demo_3"], "slider": ["demo_0", "demo_2"]}


def test_balance_yaml_survives_a_round_trip(written: Path) -> None:
    content = balance_file.read(written)
    assert content == balance_file.read(written / "balance.yaml")
    assert sum(content.alpha.values()) == pytest.approx(1)
    row = content.groups["drawer"]
    assert (row.demonstrations, row.pairs) == (8, 96)
    assert row.alpha_over_rho == pytest.approx(row.alpha / row.rho)
    assert row.reference is not None
    assert row.reference["steps"] == QUICK.steps
    assert content.configuration["balancing"]["seed"] == 0
    plain, ours, *_ = content.comparison
    assert (plain["method"], ours["method"]) == ("plain cloning", "ours")
    assert ours["weights"] == pytest.approx(list(content.alpha.values()))
    assert len(ours["difference"]) == len(ours["standard_error"]) == 2


def test_parquet_has_one_weight_for_each_pair_with_mean_one(written: Path) -> None:
    table = pyarrow.parquet.read_table(written / "weights.parquet")
    weight: NDArray[np.float64] = table["weight"].to_numpy()
    assert table.column_names == ["index", "weight"]
    assert table["index"].to_pylist() == list(range(14 * 12))
    assert weight.mean() == pytest.approx(1)
    share = weight[: 8 * 12].sum() / weight.sum()
    assert share == pytest.approx(balance_file.read(written).alpha["drawer"])


def test_the_picture_is_a_png(written: Path) -> None:
    assert (written / "balance.png").read_bytes().startswith(b"\x89PNG")


def test_weights_of_another_dataset_are_refused(written: Path) -> None:
    content = balance_file.read(written)
    content.check("sha256:1", ("drawer", "slider"))
    with pytest.raises(LearningError, match=r"sha256:1.*sha256:2"):
        content.check("sha256:2", ("drawer", "slider"))


def test_weights_of_other_groups_are_refused(written: Path) -> None:
    with pytest.raises(LearningError, match=r"\['drawer', 'slider'\].*\['left'\]"):
        balance_file.read(written).check("sha256:1", ("left",))


def test_weights_are_never_overwritten(written: Path) -> None:
    with pytest.raises(LearningError, match="exists"):
        balance_file.refuse_existing(written)


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("format", 1, "format 1; .* balance the dataset again"),
        ("unknown", 1, "unknown"),
        ("groups", {"a": 1}, "group 'a'"),
        ("groups", 3, "balance.yaml: groups is 3; it must be a row for each group's name"),
        ("group_by", 3, "balance.yaml: group_by is 3; it must be a tuple, each entry text"),
        ("effective_sample_size", "all", "effective_sample_size is 'all'; it must be a number"),
        ("dataset", 3, "dataset is 3; it must be names and values"),
        ("dataset", {"pairs": 3}, r"dataset lacks \['demonstrations', 'fingerprint'\]; it has \['pairs'\]"),
        ("diagnostics", 3, "diagnostics is 3; it must be names and values"),
        ("comparison", [3], r"comparison is \(3,\); it must be a tuple, each entry names and values"),
    ],
)
def test_a_damaged_file_says_what_is_wrong(written: Path, key: str, value: object, complaint: str) -> None:
    path = written / "balance.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), key: value}))
    with pytest.raises(LearningError, match=complaint):
        balance_file.read(path)


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("alpha", "lots", "a number"),
        ("alpha_standard_error", "lots", "a number or nothing"),
        ("pairs", "many", "a whole number"),
        ("warnings", 3, "a tuple, each entry text"),
        ("reference", 3, "names and values or nothing"),
    ],
)
def test_a_row_with_another_type_is_refused_naming_file_group_and_field(
    written: Path, name: str, value: object, wanted: str
) -> None:
    path = written / "balance.yaml"
    plain = yaml.safe_load(path.read_text())
    plain["groups"]["drawer"][name] = value
    path.write_text(yaml.safe_dump(plain))
    with pytest.raises(LearningError, match=rf"group 'drawer' of {path}: {name} is {value!r}; it must be {wanted}"):
        balance_file.read(path)


def test_weights_that_do_not_add_up_are_refused(written: Path) -> None:
    path = written / "balance.yaml"
    plain = yaml.safe_load(path.read_text())
    plain["groups"]["drawer"]["alpha"] = 0.9999
    path.write_text(yaml.safe_dump(plain))
    with pytest.raises(LearningError, match="add up to 1"):
        balance_file.read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LearningError, match="there are no weights at"):
        balance_file.read(tmp_path)

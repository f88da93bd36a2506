"""From pairs to weights and their files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet
import pytest
import torch

from balanced_bc.balancing.config import METHODS, BalancingConfig, Method
from balanced_bc.balancing.result import Balance, Progress
from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.observation import Demonstration
from balanced_bc.learning.config import EncodingConfig
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.rebalancing.encoded import encode
from balanced_bc.learning.rebalancing.held_out import split_of
from balanced_bc.learning.rebalancing.rebalance import rebalance
from balanced_bc.learning.rebalancing.rebalance_dataset import rebalance_dataset
from balanced_bc.policies.config import HeadName, PolicyConfig
from balanced_bc.policies.errors import PolicyError

QUICK = BalancingConfig(method="ours", steps=12, batch=8, repeats=2, evaluate_every=4, evaluation=64)
SMALL = EncodingConfig(steps=3, batch=4, channels=(4,), keypoints=2, hidden=16)


def run(pairs: Pairs, config: BalancingConfig, policy: PolicyConfig) -> tuple[Balance, list[Progress]]:
    moments = list(rebalance(pairs, config, policy, SMALL))
    assert moments[-1].result is not None
    return moments[-1].result, moments


@pytest.mark.parametrize("method", METHODS)
def test_every_method_weighs_a_state_policy(
    method: Method, enough: Callable[..., Pairs], state_policy: PolicyConfig
) -> None:
    answer, _ = run(enough(state_policy), replace(QUICK, method=method), state_policy)
    assert float(answer.weights.sum()) == pytest.approx(1)
    assert answer.groups == ("drawer", "slider")


@pytest.mark.parametrize(
    ("method", "head", "told"), [("ours", "bins", 1), ("minimax", "bins", 0), ("ours", "gaussian", 0)]
)
def test_a_head_by_which_noisy_groups_win_weight_is_told(
    method: Method, head: HeadName, told: int, enough: Callable[..., Pairs], state_policy: PolicyConfig
) -> None:
    policy = replace(state_policy, head=head, bins=8)
    config = replace(QUICK, method=method, steps=2, compare="none", conflicts=False)
    answer, _ = run(enough(policy), config, policy)
    assert len([one for one in answer.warnings if "head bins gives weight to groups with noisy" in one]) == told


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


def test_a_policy_of_somebody_else_is_named_where_ours_stands_in_for_it(
    enough: Callable[..., Pairs], state_policy: PolicyConfig
) -> None:
    pairs, config = enough(state_policy), replace(QUICK, method="zero")
    answer, _ = run(pairs, config, replace(state_policy, plugin="balanced_bc.policies.cloning:CloningPolicy"))
    assert any("in place of balanced_bc.policies.cloning:CloningPolicy" in warning for warning in answer.warnings)
    with pytest.raises(PolicyError, match="there is no policy 'nosuch:Nope'"):
        run(pairs, config, replace(state_policy, plugin="nosuch:Nope"))


def test_weights_do_not_depend_on_the_number_of_threads(enough: Callable[..., Pairs]) -> None:
    policy, pairs = PolicyConfig(image_size=32), enough(PolicyConfig(image_size=32))

    def weights(threads: int) -> list[float]:
        torch.set_num_threads(threads)
        *_, last = rebalance(pairs, QUICK, policy, EncodingConfig(steps=10, batch=32))
        return last.weights.tolist()

    assert weights(1) == weights(2)


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
    assert last.result.warnings[0].startswith("stopped after")
    assert last.result.warnings[0].endswith("not compared with plain cloning")
    assert float(last.result.weights.sum()) == pytest.approx(1)


def test_weights_are_compared_on_held_out_demonstrations_with_the_network_that_they_are_for(
    enough: Callable[..., Pairs], state_policy: PolicyConfig
) -> None:
    """Also where the method measures on training pairs."""
    pairs, configs = enough(state_policy), (replace(QUICK, method="minimax"), replace(QUICK, split="training"))
    for config in configs:
        answer, _ = run(pairs, config, state_policy)
        first, second, *others = (row.method for row in answer.comparison)
        assert (first, second, others) == ("plain cloning", config.method, ["equal", "temperature", "remix"])
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
    assert "stopped before the weights were compared with plain cloning" in last.result.warnings
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

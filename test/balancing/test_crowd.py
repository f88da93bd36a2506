"""Hundreds of groups."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
import torch
from torch import Generator, Tensor

from balanced_bc.balancing.config import BalancingConfig, Method
from balanced_bc.balancing.feedback import Judged
from balanced_bc.balancing.lanes import Part
from balanced_bc.balancing.methods import LEARNED, balance
from balanced_bc.balancing.problem import Fold, Held, Problem
from balanced_bc.balancing.repetition import Repetition
from test.balancing.conftest import network, network_loss

GROUPS = 500
PAIRS = 8
QUICK = BalancingConfig(method="ours", steps=1, repeats=1, evaluate_every=1, evaluation=64, batch=8)


def crowd(groups: int) -> Problem:
    """As many groups of 8 pairs each; a pair's action tells its group."""
    state = torch.randn(groups, PAIRS, 3, generator=Generator().manual_seed(0))
    action = torch.arange(groups).view(-1, 1, 1).expand(groups, PAIRS, 2) / groups

    def draw(names: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        chosen = torch.randint(PAIRS, (len(names),), generator=generator)
        return state[names, chosen], action[names, chosen]

    number = torch.arange(groups * PAIRS)
    group = number // PAIRS
    held = Held(lambda chosen: (state.flatten(0, 1)[chosen], action.flatten(0, 1)[chosen]), group, number // 4, number)
    return Problem(
        groups=tuple(f"group {number:03d}" for number in range(groups)),
        pairs=(PAIRS,) * groups,
        demonstrations=(4,) * groups,
        negative_log_likelihood=network_loss,
        initialize=network,
        folds=(Fold(draw, draw, held),),
    )


def alike(groups: int) -> Problem:
    """Groups that teach the same, with noise: which pairs are measured makes their losses differ."""
    made = Generator().manual_seed(1)
    state = torch.randn(groups, 200, 3, generator=made)
    action = state[..., :2] + torch.randn(groups, 200, 2, generator=made)

    def draw(names: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        chosen = torch.randint(200, (len(names),), generator=generator)
        return state[names, chosen], action[names, chosen]

    return replace(crowd(groups), pairs=(200,) * groups, folds=(Fold(draw, draw),))


@pytest.mark.parametrize("method", LEARNED)
def test_five_hundred_groups_are_weighed(method: Method) -> None:
    *_, last = balance(crowd(GROUPS), replace(QUICK, method=method))
    assert last.result is not None
    assert len(last.result.weights) == GROUPS
    assert float(last.result.weights.sum()) == pytest.approx(1, abs=1e-9)


def test_a_batch_of_some_groups_has_the_gradient_of_all_in_expectation() -> None:
    """Twelve groups, blocks of four: the mean over batches of a weighted loss is that of full batches."""
    problem = crowd(12)
    config = replace(QUICK, crowd=8, lanes_at_once=4)
    whole = Repetition.of(problem, config, 0)
    block = whole.among(range(4, 8))
    weights = torch.linspace(1, 2, 12)
    theta = whole.start[None]

    def mean(repetition: Repetition) -> float:
        draw = repetition.batches()
        return float(torch.stack([(repetition.lanes.on(draw())(theta) * weights).sum() for _ in range(1000)]).mean())

    assert mean(block) == pytest.approx(mean(whole), rel=0.02)


def test_a_block_of_a_crowd_is_measured_on_its_own_groups_and_always_learns_from_them() -> None:
    block = Repetition.of(crowd(100), QUICK, 0).among(range(32, 64))
    assert block.measure(block.start[None], "lanes", 0).losses.shape == (1, 32)
    part = block.batches()()
    assert isinstance(part, Part)
    assert set(range(32, 64)) < set(part.groups.tolist())
    assert len(part.groups) == QUICK.crowd


@pytest.mark.parametrize("groups", [100, 500])
def test_lanes_of_a_block_are_watched_on_no_more_than_a_crowd_beside_its_own(groups: int) -> None:
    whole = Repetition.of(crowd(groups), QUICK, 0)
    block = whole.among(range(32, 64))
    watched = block.watch()
    assert set(range(32, 64)) < set(watched.group.tolist())
    assert len(set(watched.group.tolist())) == 32 + QUICK.crowd
    assert torch.equal(watched.demonstration, block.watch().demonstration)
    assert set(watched.demonstration.tolist()) <= set(whole.watch().demonstration.tolist())
    assert len(watched.batch[0]) == len(watched.group) * PAIRS // 2  # four pairs of each demonstration


def test_what_lanes_were_not_measured_on_is_not_told() -> None:
    problem, config = crowd(40), replace(QUICK, method="minimax", crowd=8, lanes_at_once=8, conflicts=False)
    *_, last = balance(problem, config)
    assert last.result is not None
    assert not bool(last.result.weights.isnan().any())
    for name in ("transfer", "transfer_standard_error"):
        known = last.result.diagnostics[name].isfinite()
        assert bool(known.diagonal().all())
        assert known.sum(dim=0).tolist() == [2 + config.crowd] * 40  # blocks of two groups, and the others
    assert not bool(last.result.diagnostics["losses"].isnan().any())


def test_blocks_of_every_phase_are_measured_on_the_pairs_on_which_all_are() -> None:
    whole = Repetition.of(crowd(100), QUICK, 0)
    for lanes_of_each in (1, 2, 4):
        parts = [whole.among(own).measure(whole.start[None], "lanes", 0).losses for own in whole.cut(lanes_of_each)]
        torch.testing.assert_close(torch.cat(parts, dim=1), whole.measure(whole.start[None], "weights", 0).losses)


def test_a_crowd_of_identical_groups_keeps_its_shares() -> None:
    """Weights that followed the draw of the measured pairs would spread over several times the share."""
    config = replace(QUICK, steps=60, evaluate_every=5, conflicts=False, crowd=8, lanes_at_once=8)
    problem = alike(20)
    *_, last = balance(problem, config)
    assert last.result is not None
    ratio = last.result.weights * len(problem.groups)
    assert 0.7 < float(ratio.min()) <= float(ratio.max()) < 1.4


def test_up_to_the_limit_every_batch_has_all_groups() -> None:
    block = Repetition.of(crowd(64), QUICK, 0).among(range(32))
    assert not isinstance(block.batches()(), Part)
    assert block.measure(block.start[None], "lanes", 0).losses.shape == (1, 64)


@pytest.mark.parametrize("kind", ["one-step", "unrolled", "trace"])
def test_every_meta_gradient_works_with_blocks_of_a_crowd(kind: Literal["one-step", "unrolled", "trace"]) -> None:
    config = replace(QUICK, method="ours", meta_gradient=kind, steps=6, crowd=8, lanes_at_once=4)
    *_, last = balance(crowd(10), config)
    assert last.result is not None
    assert float(last.result.weights.sum()) == pytest.approx(1, abs=1e-9)
    assert last.result.diagnostics["meta_direction"].shape == (10, 10)
    assert bool(last.result.diagnostics["meta_direction"].isfinite().all())


@pytest.mark.parametrize("method", ["ours", "minimax"])
def test_feedback_relaxes_references_in_a_crowd_too(method: Method) -> None:
    succeeded = torch.arange(10) == 3
    spread = torch.full((10,), 0.1, dtype=torch.float64)
    policies = tuple(Judged(name, spread, succeeded, ~succeeded) for name in ("first", "second"))
    config = replace(QUICK, method=method, steps=6, crowd=8, lanes_at_once=4)
    *_, last = balance(replace(crowd(10), judged=policies), config)
    assert last.result is not None
    assert last.result.diagnostics["success_losses"].isfinite().tolist() == succeeded.tolist()

"""Which pairs are drawn."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator

from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.sampling import Members, hold_out, systematic, weights_of
from balanced_bc.learning.training.augmentation import shift

WEIGHTS = st.lists(st.floats(0, 1), min_size=1, max_size=6).filter(lambda values: sum(values) > 0.01)


@settings(max_examples=50, deadline=None)
@given(WEIGHTS, st.integers(1, 100), st.integers(0, 1000))
def test_a_batch_has_each_group_as_often_as_its_weight_says_but_for_rounding(
    values: list[float], number: int, seed: int
) -> None:
    weights = torch.tensor(values, dtype=torch.float64)
    named = torch.bincount(systematic(weights, number, Generator().manual_seed(seed)), minlength=len(values))
    wanted = number * weights / weights.sum()
    assert bool(((named - wanted).abs() < 1 + 1e-6).all())
    assert not bool(named[weights == 0].any())


def test_weights_are_met_in_expectation() -> None:
    weights = torch.tensor((0.033, 0.32, 0.647), dtype=torch.float64)
    generator = Generator().manual_seed(0)
    named = torch.cat([systematic(weights, 7, generator) for _ in range(4000)])
    torch.testing.assert_close(torch.bincount(named).double() / len(named), weights, atol=3e-3, rtol=0)


def test_pairs_of_a_group_are_drawn_alike_often() -> None:
    group = torch.tensor((0, 1, 0, 1, 1))
    drawn = Members.of(group, 2).draw(torch.ones(30000, dtype=torch.long), Generator().manual_seed(0))
    share = torch.bincount(drawn, minlength=5) / len(drawn)
    torch.testing.assert_close(share, torch.tensor((0, 1, 0, 1, 1)) / 3, atol=0.01, rtol=0)


def test_sampling_and_weighting_the_loss_agree_in_expectation(pairs: Pairs) -> None:
    alpha, rho = torch.tensor((0.3, 0.7), dtype=torch.float64), pairs.proportions()
    members, generator = Members.of(pairs.group, 2), Generator().manual_seed(0)
    value = pairs.action[:, 0, 0].double() + 3 * pairs.group
    sampled = value[members.draw(systematic(alpha, 200_000, generator), generator)].mean()
    groups = systematic(rho, 200_000, generator)
    weighted = (value[members.draw(groups, generator)] * (alpha / rho)[groups]).mean()
    torch.testing.assert_close(sampled, weighted, atol=0.02, rtol=0)


def test_whole_demonstrations_are_held_out_of_every_group(pairs: Pairs) -> None:
    train, out = hold_out(pairs.demonstration, pairs.group, 0.25, Generator().manual_seed(0))
    assert not set(pairs.demonstration[train].tolist()) & set(pairs.demonstration[out].tolist())
    assert len(train) + len(out) == len(pairs)
    assert torch.bincount(pairs.group[out]).tolist() == [24, 12]


def test_a_single_demonstration_is_not_held_out() -> None:
    train, out = hold_out(torch.zeros(4), torch.zeros(4), 0.5, Generator().manual_seed(0))
    assert (len(train), len(out)) == (4, 0)


def test_what_another_grouping_needs_is_not_held_out() -> None:
    demonstration = torch.arange(6)
    group, needed = torch.tensor((0, 0, 0, 1, 1, 1)), torch.tensor((0, 1, 2, 0, 1, 3))
    for seed in range(20):
        train, out = hold_out(demonstration, group, 0.3, Generator().manual_seed(seed), needed=needed)
        assert set(needed[train].tolist()) == {0, 1, 2, 3}
        assert group[out].tolist() == [0, 1]


def test_what_is_held_out_of_a_group_is_spread_over_its_parts() -> None:
    demonstration, group = torch.arange(30), torch.zeros(30)
    parts = (demonstration >= 20).long()
    chosen = set()
    for seed in range(20):
        _, out = hold_out(demonstration, group, 0.2, Generator().manual_seed(seed), parts)
        assert torch.bincount(parts[out]).tolist() == [4, 2]
        chosen.add(tuple(out.tolist()))
    assert len(chosen) == 20


def test_without_weights_groups_count_by_their_pairs() -> None:
    rho = torch.tensor((0.8, 0.2), dtype=torch.float64)
    assert weights_of(None, ("drawer", "slider"), rho).tolist() == [0.8, 0.2]


@pytest.mark.parametrize(
    ("alpha", "wrong"),
    [
        ({"drawer": 1.0}, r"given for \['drawer'\]; the dataset has the groups \['drawer', 'slider'\]"),
        ({"drawer": 0.5, "left": 0.5}, r"given for \['drawer', 'left'\]"),
        ({"drawer": -0.5, "slider": 1.5}, "at least 0"),
        ({"drawer": float("nan"), "slider": 1.0}, "finite"),
    ],
)
def test_weights_that_do_not_fit_the_dataset_are_refused(alpha: dict[str, float], wrong: str) -> None:
    with pytest.raises(LearningError, match=wrong):
        weights_of(alpha, ("drawer", "slider"), torch.tensor((0.8, 0.2)))


def test_a_shift_moves_each_image_by_its_offset_and_repeats_the_border() -> None:
    images = torch.arange(2 * 3 * 4 * 4, dtype=torch.uint8).view(2, 3, 4, 4)
    moved = shift(images, torch.tensor(((0, 1), (-1, 0))))
    torch.testing.assert_close(moved[0, :, :, 1:], images[0, :, :, :-1])
    torch.testing.assert_close(moved[0, :, :, 0], images[0, :, :, 0])
    torch.testing.assert_close(moved[1, :, :-1], images[1, :, 1:])
    torch.testing.assert_close(moved[1, :, -1], images[1, :, -1])

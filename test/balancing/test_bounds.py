"""Floors, caps and trust."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from balanced_bc.balancing.bounds import Bounds, bounds_of, stated_prior, trust_of
from balanced_bc.balancing.errors import BalancingError

GROUPS = ("left+optimal", "left+noisy", "right+optimal", "right+noisy")
SHARE = torch.tensor([0.4, 0.1, 0.3, 0.2], dtype=torch.float64)


def _entropy(point: Tensor, origin: Tensor) -> float:
    return float((point * (point / origin).log()).sum())


def _keeps(bounds: Bounds, point: Tensor) -> bool:
    sums = (bounds.member * point).sum(dim=1)
    own = ((point >= bounds.low - 1e-7) & (point <= bounds.high + 1e-7)).all()
    return bool(own & ((sums >= bounds.least - 1e-7) & (sums <= bounds.most + 1e-7)).all())


def test_a_floor_of_a_tag_adds_up_its_groups() -> None:
    bounds = bounds_of(GROUPS, SHARE, 5.0, floors=("right=0.6",))
    point = bounds.confine(torch.tensor([0.4, 0.4, 0.15, 0.05], dtype=torch.float64))
    assert float(point[2:].sum()) == pytest.approx(0.6, abs=1e-8)
    assert float(point[2] / point[3]) == pytest.approx(3)
    assert float(point[0] / point[1]) == pytest.approx(1)


def test_a_bound_may_be_relative_to_the_share() -> None:
    bounds = bounds_of(GROUPS, SHARE, 5.0, caps=("left+noisy=2x",), floors=("right+noisy=0.5x",))
    assert bounds.high.tolist() == pytest.approx([2.0, 0.2, 1.5, 1.0])
    assert bounds.low.tolist() == pytest.approx([0.0, 0.0, 0.0, 0.1])


def test_a_floor_comes_before_the_repeat_cap() -> None:
    assert float(bounds_of(("a", "b"), torch.tensor([0.98, 0.02]), 5.0, floors=("b=0.3",)).high[1]) == pytest.approx(
        0.3
    )


@given(
    st.lists(st.floats(0.02, 1), min_size=4, max_size=4),
    st.floats(0.1, 0.8),
    st.floats(0.3, 0.9),
    st.lists(st.floats(0.02, 1), min_size=4, max_size=4),
)
def test_confined_weights_are_the_nearest_that_keep_all_bounds(
    raw: list[float], floor: float, cap: float, other: list[float]
) -> None:
    weights, rival = (torch.tensor(values, dtype=torch.float64) / sum(values) for values in (raw, other))
    bounds = bounds_of(GROUPS, SHARE, 5.0, floors=(f"right={floor}",), caps=(f"optimal={cap}",))
    found = bounds.confine(weights)
    assert float(found.sum()) == pytest.approx(1, abs=1e-7)
    assert _keeps(bounds, found)
    for share in (1.0, 0.1, 0.01):
        near = (1 - share) * found + share * rival
        if _keeps(bounds, near):
            assert _entropy(found, weights) <= _entropy(near, weights) + 1e-6


def test_a_cap_never_loosens_the_repeat_cap() -> None:
    assert float(bounds_of(("a", "b"), torch.tensor([0.05, 0.95]), 5.0, caps=("a=0.9",)).high[0]) == pytest.approx(0.25)


def test_a_cap_of_several_times_a_large_share_bounds_nothing() -> None:
    bounds = bounds_of(("a", "b"), torch.tensor([0.25, 0.75]), 5.0, caps=("a=4.5x", "b=5x"))
    assert bounds.high.tolist() == pytest.approx([1.125, 3.75])


def test_bounds_that_hardly_leave_room_are_kept() -> None:
    groups = tuple(f"{a}+{b}" for a in ("a0", "a1", "a2") for b in ("b0", "b1"))
    share = torch.tensor([0.18542, 0.15046, 0.00109, 0.66064, 0.00133, 0.00106], dtype=torch.float64)
    bounds = bounds_of(groups, share, 50.0, floors=("a1=0.47", "b0=0.48"), caps=("a0=0.36", "a1=0.75"))
    assert _keeps(bounds, bounds.confine(share))


def test_bounds_that_cannot_all_be_kept_are_refused() -> None:
    bounds = bounds_of(GROUPS, SHARE, 5.0, floors=("right=0.7", "left=0.7"))
    with pytest.raises(BalancingError, match="no weights keep all bounds"):
        bounds.confine(SHARE)


@pytest.mark.parametrize(
    ("floor", "message"),
    [
        ("right", "written NAME=WEIGHT"),
        ("up=0.1", r"no group is called or tagged 'up'; there are left\+optimal"),
        ("right=3", "must be from 0 to 1"),
        ("right=many", "cannot be read"),
    ],
)
def test_a_bound_that_makes_no_sense_is_refused(floor: str, message: str) -> None:
    with pytest.raises(BalancingError, match=message):
        bounds_of(GROUPS, SHARE, 5.0, floors=(floor,))


def test_trust_multiplies_over_the_tags_of_a_group() -> None:
    assert trust_of(GROUPS, ("noisy=0.5", "left=0.2")).tolist() == pytest.approx([0.2, 0.1, 1.0, 0.5])


def test_trust_is_from_0_to_1() -> None:
    with pytest.raises(BalancingError, match="must be from 0"):
        trust_of(GROUPS, ("noisy=1.5",))


def test_a_stated_prior_of_a_tag_is_shared_by_its_groups_and_the_others_keep_their_proportions() -> None:
    prior = stated_prior(GROUPS, SHARE, ("left=0.2",))
    assert prior.tolist() == pytest.approx([0.16, 0.04, 0.48, 0.32])


def test_a_stated_prior_may_be_relative_and_tags_may_overlap() -> None:
    prior = stated_prior(GROUPS, SHARE, ("left=0.5x", "noisy=0.6"))
    assert float(prior[:2].sum()) == pytest.approx(0.25, abs=1e-6)
    assert float(prior[1] + prior[3]) == pytest.approx(0.6, abs=1e-6)


def test_a_stated_prior_of_all_groups_may_be_rounded() -> None:
    assert stated_prior(GROUPS, SHARE, ("left=0.201", "right=0.8")).tolist() == pytest.approx(
        [weight / 1.001 for weight in (0.1608, 0.0402, 0.48, 0.32)]
    )
    thirds = stated_prior(("a", "b", "c"), SHARE[:3], ("a=0.33", "b=0.33", "c=0.33"))
    assert thirds.tolist() == pytest.approx([1 / 3] * 3)
    alone = tuple(f"{name}={weight}" for name, weight in zip(GROUPS, (0.614, 0.116, 0.2, 0.071)))
    assert float(stated_prior(GROUPS, SHARE, alone).sum()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        (("left=0",), "must be above 0"),
        (("left=0.5", "right=0.6"), "do not add up to 1, but to 1.1"),
        (("left=0.7", "noisy=0.6", "left+optimal=0.75"), "do not add up to 1 with any others"),
        (("up=0.5",), "no group is called"),
        (("left",), "cannot be read"),
    ],
)
def test_a_prior_that_cannot_be_is_refused(stated: tuple[str, ...], message: str) -> None:
    with pytest.raises(BalancingError, match=message):
        stated_prior(GROUPS, SHARE, stated)

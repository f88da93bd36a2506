"""Held-out demonstrations."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from balanced_bc.balancing import folds


def laid_out(sizes: list[int]) -> tuple[Tensor, Tensor]:
    """Demonstration and group of each pair: group i has sizes[i] demonstrations of 4 pairs."""
    group = torch.arange(len(sizes)).repeat_interleave(4 * torch.tensor(sizes))
    return torch.arange(sum(sizes)).repeat_interleave(4), group


@given(st.lists(st.integers(3, 20), min_size=1, max_size=5), st.integers(0, 99))
def test_folds_hold_whole_demonstrations_of_every_group_evenly(sizes: list[int], seed: int) -> None:
    demonstration, group = laid_out(sizes)
    fold = folds.deal(demonstration, group, 3, Generator().manual_seed(seed))
    assert all(len(set(fold[demonstration == number].tolist())) == 1 for number in range(sum(sizes)))
    for number, size in enumerate(sizes):
        dealt = torch.bincount(fold[group == number], minlength=3) // 4
        assert int(dealt.max() - dealt.min()) <= 1
        assert int(dealt.sum()) == size
    assert folds.too_small(demonstration, group, fold, len(sizes)) == ()


def test_a_group_of_two_demonstrations_is_too_small_for_three_folds() -> None:
    demonstration, group = laid_out([5, 2])
    fold = folds.deal(demonstration, group, 3, Generator().manual_seed(0))
    assert folds.too_small(demonstration, group, fold, 2) == (1,)

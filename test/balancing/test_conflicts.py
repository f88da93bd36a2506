"""Groups that pull a policy apart on states that they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.conflicts import Conflicts, Pulls, conflicts, opposed
from balanced_bc.balancing.methods import balance
from balanced_bc.balancing.problem import Fold, Held, Problem
from balanced_bc.balancing.result import Balance

LENGTH, NUMBER = 20, 12
Act = Callable[[Tensor, Generator], Tensor]
Groups = Mapping[str, tuple[float, Act]]


def alike(state: Tensor, generator: Generator) -> Tensor:
    return torch.sin(state[:, :2]) + 0.05 * torch.randn(len(state), 2, generator=generator)


def noisy(state: Tensor, generator: Generator) -> Tensor:
    return torch.sin(state[:, :2]) + 0.5 * torch.randn(len(state), 2, generator=generator)


def opposite(state: Tensor, generator: Generator) -> Tensor:
    return -alike(state, generator)


def loss(parameters: Mapping[str, Tensor], batch: Any) -> Tensor:
    """A two-layer network with unit sigma."""
    state, action = batch
    result: Tensor = 0.5 * (action - torch.tanh(state @ parameters["inner"]) @ parameters["outer"]).square().sum(dim=1)
    return result


def pull(parameters: Mapping[str, Tensor], batch: Any) -> Tensor:
    state, action = batch
    result: Tensor = action - torch.tanh(state @ parameters["inner"]) @ parameters["outer"]
    return result


def fresh(generator: Generator) -> dict[str, Tensor]:
    return {
        "inner": torch.randn(3, 32, generator=generator),
        "outer": 0.1 * torch.randn(32, 2, generator=generator),
    }


def problem(groups: Groups) -> Problem:
    """Each group has demonstrations of smooth walks around its center and acts in its own way; half are held out."""
    generator, size = Generator().manual_seed(0), NUMBER * LENGTH
    k = len(groups)
    state = torch.cat([center + torch.randn(size, 3, generator=generator) for center, _ in groups.values()])
    action = torch.cat([act(part, generator) for part, (_, act) in zip(state.chunk(k), groups.values())])
    group = torch.arange(k).repeat_interleave(size)
    demonstration = torch.arange(k * NUMBER).repeat_interleave(LENGTH)
    held = (demonstration % 2 == 1).nonzero().flatten()

    def at(index: Tensor) -> tuple[Tensor, Tensor]:
        return state[index], action[index]

    def sampler(odd: int) -> Callable[[Tensor, Generator], tuple[Tensor, Tensor]]:
        def draw(names: Tensor, source: Generator) -> tuple[Tensor, Tensor]:
            place = torch.randint(size // 2, (len(names),), generator=source)
            within = 2 * LENGTH * (place // LENGTH) + odd * LENGTH + place % LENGTH
            return at(names * size + within)

        return draw

    fold = Fold(sampler(0), sampler(1), Held(at, group[held], demonstration[held], held, lambda index: state[index]))
    return Problem(tuple(groups), (size,) * k, (NUMBER,) * k, loss, fresh, (fold,), pull)


def answer_of(asked: Problem, **options: Any) -> Balance:
    config = replace(BalancingConfig(method="zero", steps=150, repeats=1, batch=128, learning_rate=0.01), **options)
    *_, last = balance(asked, config)
    assert last.result is not None
    return last.result


def cosine_of(groups: Groups) -> tuple[float, float, float]:
    """Cosine of the first two groups, its standard error, and the share of states in common."""
    known = answer_of(problem(groups)).diagnostics
    return tuple(float(known[name][0, 1]) for name in ("conflict", "conflict_standard_error", "shared_states"))  # type: ignore[return-value]


def test_groups_that_act_oppositely_on_the_same_states_conflict() -> None:
    cosine, error, shared = cosine_of({"right": (0.0, alike), "wrong": (0.0, opposite)})
    assert cosine + 4 * error < 0
    assert cosine < -0.5
    assert shared > 0.7


def test_a_noisy_copy_of_a_group_does_not_conflict() -> None:
    """What both are mispredicted alike pulls them the same way; apart they are not."""
    cosine, _, shared = cosine_of({"clean": (0.0, alike), "noisy": (0.0, noisy)})
    assert cosine > -0.1
    assert shared > 0.7


def test_groups_on_different_states_share_none_and_do_not_conflict() -> None:
    answer = answer_of(problem({"here": (0.0, alike), "far away": (40.0, opposite)}))
    assert float(answer.diagnostics["shared_states"][0, 1]) == 0
    assert answer.diagnostics["conflict"][0, 1].isnan()
    assert not [warning for warning in answer.warnings if "pull apart" in warning]


def test_a_conflict_is_a_warning_that_names_both_groups() -> None:
    answer = answer_of(problem({"right": (0.0, alike), "copy": (0.0, alike), "wrong": (0.0, opposite)}))
    told = [warning for warning in answer.warnings if "pull apart" in warning]
    assert len(told) == 2
    assert all("wrong" in warning for warning in told)


def test_the_report_changes_no_weight() -> None:
    asked = problem({"right": (0.0, alike), "wrong": (0.0, opposite)})
    reported, silent = answer_of(asked), answer_of(asked, conflicts=False)
    assert torch.equal(reported.weights, silent.weights)
    assert "conflict" not in silent.diagnostics


def test_a_policy_that_cannot_say_what_pulls_it_is_balanced_without_a_report() -> None:
    asked = replace(problem({"right": (0.0, alike), "wrong": (0.0, opposite)}), pull=None)
    assert "conflict" not in answer_of(asked).diagnostics


@pytest.fixture
def pulls() -> Pulls:
    """Two groups of four demonstrations each, on the same line, with opposite pulls of different size."""
    place = torch.arange(8.0).repeat(8)[:, None] + 0.01 * torch.arange(8.0).repeat_interleave(8)[:, None]
    group = torch.arange(2).repeat_interleave(32)
    pull = torch.where(group == 0, 1.0, -3.0)[:, None].expand(64, 2) * torch.tensor([1.0, 100.0])
    return Pulls(pull, place, group, torch.arange(8).repeat_interleave(8))


def test_opposite_pulls_have_a_cosine_of_minus_one_whatever_their_size_and_unit(pulls: Pulls) -> None:
    assert conflicts(pulls, 2).cosine.tolist() == pytest.approx(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]))


def test_the_order_of_groups_does_not_matter(pulls: Pulls) -> None:
    swapped = conflicts(pulls._replace(group=1 - pulls.group), 2)
    assert torch.allclose(swapped.cosine.flip(0, 1), conflicts(pulls, 2).cosine)


def test_a_single_demonstration_tells_no_error_and_so_no_conflict(pulls: Pulls) -> None:
    few = Pulls(*(values[:40] for values in pulls))
    found = conflicts(few, 2)
    assert found.standard_error[0, 1].isnan()
    assert opposed(found) == []


def walks(seed: int) -> Pulls:
    """Two groups on the same line, somewhat opposed; pulls of a demonstration have much in common."""
    generator = Generator().manual_seed(seed)
    shift = torch.randn(16, 2, generator=generator) + torch.tensor([0.6, -0.6]).repeat_interleave(8)[:, None]
    pull = shift.repeat_interleave(10, dim=0) + 0.5 * torch.randn(160, 2, generator=generator)
    place = torch.rand(160, 1, generator=generator)
    return Pulls(pull, place, torch.arange(2).repeat_interleave(80), torch.arange(16).repeat_interleave(10))


def test_the_standard_error_is_how_much_the_cosine_varies_between_draws_of_demonstrations() -> None:
    found = [conflicts(walks(seed), 2) for seed in range(200)]
    spread = torch.stack([one.cosine[0, 1] for one in found]).std()
    said = torch.stack([one.standard_error[0, 1] for one in found]).mean()
    assert 0.75 < float(said / spread) < 1.35


def test_hundreds_of_groups_cost_no_more_than_their_pairs() -> None:
    generator = Generator().manual_seed(0)
    group = torch.arange(300).repeat_interleave(20)
    found: Sequence[Tensor] = conflicts(
        Pulls(
            torch.randn(6000, 4, generator=generator),
            torch.randn(6000, 3, generator=generator),
            group,
            torch.arange(6000) // 5,
        ),
        300,
    )
    cosine = Conflicts(*found).cosine
    assert float(cosine.nan_to_num().abs().amax()) <= 1 + 1e-9
    assert float(cosine.nanmean().abs()) < 0.05

"""Policies of others that draw from torch's global generators: dropout, and noise in the loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from balanced_bc.learning.config import TrainingConfig
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.training.chance import seeded
from balanced_bc.learning.training.fit import fit
from balanced_bc.learning.training.lanes import fit_lanes
from balanced_bc.learning.training.progress import Progress
from balanced_bc.learning.training.training_state import Store
from balanced_bc.policies.batch import Batch
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.likelihood import masked_mean
from balanced_bc.policies.normalization import Normalization
from balanced_bc.policies.policy import Policy
from test.learning.training.conftest import Interrupted, after

QUICK = TrainingConfig(
    steps=9, batch_size=8, report_every=2, checkpoint_every=4, held_out=0.2, device="cpu", deterministic=True
)
CPU = torch.device("cpu")


class _Dropping(Policy):
    """Somebody else's policy, with dropout and running statistics."""

    def __init__(
        self, config: PolicyConfig, cameras: Sequence[str], normalization: Normalization | None = None
    ) -> None:
        super().__init__(config, cameras, normalization)
        out = nn.Linear(16, 7 * config.chunk)
        self.map = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), out)

    def negative_log_likelihood(self, batch: Batch) -> Tensor:
        error = self.map(batch.state[:, -1]).view_as(batch.action) - batch.action
        return masked_mean(error.square().mean(dim=-1), batch.mask)

    def best(self, images: Mapping[str, Tensor], state: Tensor, scene: Tensor) -> Tensor:
        del images, scene
        actions: Tensor = self.map(state[:, -1])
        return actions.view(len(state), self.config.chunk, 7)


class _Noise(_Dropping):
    """Its loss is nothing but noise, in evaluation too, as that of a diffusion has noise."""

    def negative_log_likelihood(self, batch: Batch) -> Tensor:
        return torch.rand(len(batch.state)) + 0 * super().negative_log_likelihood(batch)


@pytest.fixture
def dropping() -> PolicyConfig:
    return PolicyConfig(policy="state", plugin=f"{__name__}:_Dropping", chunk=3, execute=2)


@pytest.fixture
def noise(dropping: PolicyConfig) -> PolicyConfig:
    return replace(dropping, plugin=f"{__name__}:_Noise")


def same(one: Policy, other: Policy) -> bool:
    first, second = one.state_dict(), other.state_dict()
    return all(torch.equal(first[name], second[name]) for name in first)


def trained(pairs: Pairs, policy: PolicyConfig, config: TrainingConfig = QUICK) -> Policy:
    return list(fit(pairs, policy, config))[-1].policy


def test_what_is_drawn_follows_from_the_numbers_alone() -> None:
    found = []
    for numbers in ((1, 2, 0), (1, 2, 1), (2, 1, 0), (0, 2, 1), (1, 2, 0)):
        with seeded(True, CPU, *numbers):
            found.append(float(torch.rand(())))
        torch.rand(())
    assert found[0] == found[-1]
    assert len(set(found)) == 4


def test_a_policy_with_dropout_is_the_same_for_the_same_seed(state_pairs: Pairs, dropping: PolicyConfig) -> None:
    first = trained(state_pairs, dropping)
    torch.rand(7)
    assert same(first, trained(state_pairs, dropping))


def test_another_seed_is_another_policy_from_the_beginning(state_pairs: Pairs, dropping: PolicyConfig) -> None:
    still = replace(QUICK, steps=1, learning_rate=1e-9)
    assert same(trained(state_pairs, dropping, still), trained(state_pairs, dropping, still))
    assert not same(trained(state_pairs, dropping, still), trained(state_pairs, dropping, replace(still, seed=1)))


def test_every_step_draws_anew_and_every_report_measures_with_the_same_draws(
    state_pairs: Pairs, noise: PolicyConfig
) -> None:
    reports = list(fit(state_pairs, noise, replace(QUICK, report_every=1)))
    assert len({report.losses["drawer"] for report in reports}) == QUICK.steps
    assert len({report.held_out["drawer"] for report in reports}) == 1
    assert reports[0].held_out["drawer"] == pytest.approx(0.5, abs=0.25)


@pytest.mark.parametrize("steps", [1, 4, 7])
def test_a_training_with_dropout_that_was_interrupted_ends_with_the_same_bits(
    state_pairs: Pairs, dropping: PolicyConfig, tmp_path: Path, steps: int
) -> None:
    store = Store(tmp_path / "policy", {})
    with pytest.raises(Interrupted):
        list(fit(state_pairs, dropping, QUICK, stop=after(steps), store=store))
    store.close()
    torch.rand(7)
    *_, resumed = fit(state_pairs, dropping, QUICK, store=store)
    assert same(resumed.policy, trained(state_pairs, dropping))


def test_the_callers_generator_is_left_alone_at_every_report(state_pairs: Pairs, dropping: PolicyConfig) -> None:
    before = torch.get_rng_state()
    for _ in (*fit(state_pairs, dropping, QUICK), *fit_lanes(state_pairs, dropping, QUICK, (0, 1))):
        assert torch.equal(before, torch.get_rng_state())


def test_a_report_out_of_turn_changes_nothing(state_pairs: Pairs, dropping: PolicyConfig) -> None:
    *_, asked = fit(state_pairs, dropping, QUICK, report_now=lambda: True)
    assert same(asked.policy, trained(state_pairs, dropping))


def in_lanes(pairs: Pairs, policy: PolicyConfig, seeds: tuple[int, ...]) -> list[Progress]:
    *_, last = fit_lanes(pairs, policy, QUICK, seeds)
    return [lane.last for lane in last.lanes]


def test_lanes_with_dropout_draw_each_for_itself_and_again_the_same(state_pairs: Pairs, dropping: PolicyConfig) -> None:
    once = in_lanes(state_pairs, dropping, (3, 3))
    assert not same(once[0].policy, once[1].policy)
    torch.rand(7)
    again = in_lanes(state_pairs, dropping, (3, 3))
    assert all(same(one.policy, other.policy) for one, other in zip(once, again))


def test_lanes_take_over_running_statistics(state_pairs: Pairs, dropping: PolicyConfig) -> None:
    for seed, lane in enumerate(in_lanes(state_pairs, dropping, (0, 1))):
        alone = trained(state_pairs, dropping, replace(QUICK, seed=seed)).state_dict()
        assert int(alone["map.1.num_batches_tracked"]) == QUICK.steps
        assert int(lane.policy.state_dict()["map.1.num_batches_tracked"]) == QUICK.steps

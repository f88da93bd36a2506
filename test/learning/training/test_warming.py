"""Weights that move over a training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import cos, pi
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from balanced_bc.balancing.proportions import tempered
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.learning.config import Application, TrainingConfig
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.training.draws import Drawing, PairWeight
from balanced_bc.learning.training.fit import fit
from balanced_bc.learning.training.lanes import fit_lanes
from balanced_bc.learning.training.progress import Progress
from balanced_bc.learning.training.training_state import Store
from balanced_bc.learning.training.warming import warmed, warmth
from balanced_bc.policies.config import PolicyConfig
from test.learning.training.conftest import Interrupted, after

ALPHA = {"drawer": 0.3, "slider": 0.7}
SHARES = {"drawer": 0.8, "slider": 0.2}
"""Of the pairs of the fixture."""
LONG = TrainingConfig(steps=4000, batch_size=5, shift=0, warming="cosine")
QUICK = TrainingConfig(steps=9, batch_size=8, report_every=2, checkpoint_every=4, device="cpu", warming="cosine")
BOTH = pytest.mark.parametrize("apply", ["sampling", "loss"])


def expected(step: int, steps: int) -> float:
    """Weight of the slider, written out."""
    moved = (1 - cos(pi * step / steps)) / 2
    slider, drawer = (float(SHARES[name] ** (1 - moved) * ALPHA[name] ** moved) for name in ("slider", "drawer"))
    return slider / (slider + drawer)


def frequency(drawing: Drawing, steps: range) -> float:
    """How often the slider is drawn."""
    return float(torch.cat([drawing.draw(step).groups for step in steps]).double().mean())


def trained(pairs: Pairs, policy: PolicyConfig, config: TrainingConfig) -> Progress:
    *_, last = fit(pairs, policy, config, ALPHA)
    return last


def same(one: Progress, other: Progress) -> bool:
    first, second = one.policy.state_dict(), other.policy.state_dict()
    return all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("steps", [range(400), range(1800, 2200), range(3600, 4000)], ids=["early", "half", "late"])
def test_groups_are_drawn_as_often_as_the_formula_says(state_pairs: Pairs, steps: range) -> None:
    wanted = sum(expected(step, LONG.steps) for step in steps) / len(steps)
    assert frequency(Drawing(state_pairs, LONG, ALPHA), steps) == pytest.approx(wanted, abs=0.01)


def test_losses_count_as_much_as_the_formula_says_and_draws_stay(state_pairs: Pairs) -> None:
    drawing = Drawing(state_pairs, replace(LONG, apply="loss"), ALPHA)
    counting = PairWeight([drawing], torch.device("cpu"))
    for step in (0, 400, 2000, 3999, 100):
        wanted = expected(step, LONG.steps)
        found = counting.at(step).tolist()
        assert found == pytest.approx([(1 - wanted) / SHARES["drawer"], wanted / SHARES["slider"]], rel=1e-5)
    assert frequency(drawing, range(3600, 4000)) == pytest.approx(SHARES["slider"], abs=0.01)


def test_training_begins_as_plain_cloning_and_ends_as_with_the_weights(state_pairs: Pairs) -> None:
    still = replace(LONG, warming="none")
    for step, alpha in ((0, None), (LONG.steps, ALPHA)):
        moving, constant = Drawing(state_pairs, LONG, ALPHA), Drawing(state_pairs, still, alpha)
        for _ in range(50):
            assert torch.equal(moving.draw(step).pairs, constant.draw(step).pairs)


@BOTH
def test_without_warming_weights_do_not_move(state_pairs: Pairs, apply: Application) -> None:
    drawing = Drawing(state_pairs, replace(LONG, warming="none", apply=apply), ALPHA)
    assert drawing.weights(0).tolist() == drawing.weights(4000).tolist() == pytest.approx([0.3, 0.7])


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=6), st.floats(1, 20), st.floats(0, 1))
def test_temperature_is_warmed_by_an_exponent_that_falls(counts: list[float], final: float, moved: float) -> None:
    shares = torch.tensor(counts, dtype=torch.float64) / sum(counts)
    exponent = 1 - moved + moved / final
    torch.testing.assert_close(warmed(shares, tempered(shares, final), moved), tempered(shares, 1 / exponent))


@pytest.mark.parametrize("step", [0, 1, 500, 999, 1000])
def test_a_group_without_weight_has_none_from_the_start(step: int) -> None:
    shares, weights = torch.tensor(((0.5, 0.3, 0.2), (0.0, 0.4, 0.6)), dtype=torch.float64)
    found = warmed(shares, weights, warmth(step, 1000))
    assert found[0] == 0
    assert float(found.sum()) == pytest.approx(1)


@BOTH
def test_a_group_without_weight_is_never_learned(
    state_pairs: Pairs, state_policy: PolicyConfig, apply: Application
) -> None:
    alpha, still = {"drawer": 1.0, "slider": 0.0}, replace(QUICK, warming="none", apply=apply)
    *_, moving = fit(state_pairs, state_policy, replace(still, warming="cosine"), alpha)
    *_, constant = fit(state_pairs, state_policy, still, alpha)
    assert same(moving, constant)


@BOTH
def test_warming_changes_the_policy(state_pairs: Pairs, state_policy: PolicyConfig, apply: Application) -> None:
    config = replace(QUICK, apply=apply)
    warm, cold = (trained(state_pairs, state_policy, replace(config, warming=way)) for way in ("cosine", "none"))
    assert not same(warm, cold)


@BOTH
@pytest.mark.parametrize("mapped", [False, True], ids=["at once", "one batch ahead"])
@pytest.mark.parametrize("judged", [False, True], ids=["plain", "early stop"])
def test_an_interrupted_training_ends_with_the_same_bits(
    state_pairs: Pairs, state_policy: PolicyConfig, tmp_path: Path, apply: Application, mapped: bool, judged: bool
) -> None:
    config = replace(QUICK, apply=apply)
    if judged:
        config = replace(config, held_out=0.2, early_stop=50, report_every=1, learning_rate=0.1)
    pairs = replace(state_pairs, mapped=mapped)
    store = Store(tmp_path / "policy", {})
    with pytest.raises(Interrupted):
        list(fit(pairs, state_policy, config, ALPHA, stop=after(5), store=store))
    store.close()
    *_, resumed = fit(pairs, state_policy, config, ALPHA, store=store)
    whole = trained(state_pairs, state_policy, config)
    assert same(resumed, whole)
    assert resumed.kept == whole.kept


@BOTH
def test_lanes_are_warmed_as_alone(state_pairs: Pairs, state_policy: PolicyConfig, apply: Application) -> None:
    config = replace(QUICK, apply=apply, precision="float32")
    *_, last = fit_lanes(state_pairs, state_policy, config, alphas=(ALPHA, {"drawer": 0.5, "slider": 0.5}))
    wanted = trained(state_pairs, state_policy, config).policy.state_dict()
    for name, value in last.lanes[0].policy.state_dict().items():
        torch.testing.assert_close(value, wanted[name], rtol=0, atol=1e-5)


def test_warming_without_weights_is_refused(
    dataset: Dataset, tmp_path: Path, state_pairs: Pairs, state_policy: PolicyConfig, refused: Callable[..., str]
) -> None:
    with pytest.raises(LearningError, match="warming is cosine, but there are no weights"):
        next(fit(state_pairs, state_policy, QUICK))
    words = ("train", "--dataset", str(dataset.path), "--output", str(tmp_path / "policy"), "--warming", "cosine")
    assert "give weights (a balance.yaml), or set warming to none" in refused(*words)

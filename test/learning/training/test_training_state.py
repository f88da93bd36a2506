"""A training that is stopped or killed goes on where it was."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from balanced_bc.cli import main
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.learning.config import TrainingConfig
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.interruption import interruption
from balanced_bc.learning.keeping import differences
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.training.fit import fit
from balanced_bc.learning.training.progress import Progress
from balanced_bc.learning.training.train import train_dataset
from balanced_bc.learning.training.training_state import STATE, Store, folder_of
from balanced_bc.policies.checkpoint import load
from balanced_bc.policies.config import PolicyConfig
from test.learning.training.conftest import Interrupted, after

QUICK = TrainingConfig(steps=9, batch_size=8, report_every=2, checkpoint_every=4, device="cpu")
JUDGED = replace(QUICK, held_out=0.2, early_stop=50, learning_rate=0.1, report_every=1)


def interrupted(pairs: Pairs, policy: PolicyConfig, config: TrainingConfig, store: Store, steps: int) -> None:
    with pytest.raises(Interrupted):
        list(fit(pairs, policy, config, stop=after(steps), store=store))
    store.close()


def same(one: Progress, other: Progress) -> bool:
    first, second = one.policy.state_dict(), other.policy.state_dict()
    return all(torch.equal(first[name], second[name]) for name in first)


def train(dataset: Dataset, output: Path, policy: PolicyConfig, config: TrainingConfig = QUICK) -> Progress:
    *_, last = train_dataset(dataset, output, policy=policy, config=config)
    return last


@pytest.mark.parametrize("config", [QUICK, JUDGED], ids=["plain", "early stop"])
@pytest.mark.parametrize("steps", [1, 4, 7])
def test_an_interrupted_training_ends_with_the_same_bits(
    pairs: Pairs, image_policy: PolicyConfig, tmp_path: Path, config: TrainingConfig, steps: int
) -> None:
    store = Store(tmp_path / "policy", {})
    interrupted(pairs, image_policy, config, store, steps)
    *_, resumed = rest = list(fit(pairs, image_policy, config, store=store))
    *_, whole = straight = list(fit(pairs, image_policy, config))
    assert same(resumed, whole)
    assert resumed.kept == whole.kept
    assert [(one.step, one.losses, one.held_out) for one in rest] == [
        (one.step, one.losses, one.held_out) for one in straight if one.step > steps
    ]


def test_a_training_that_is_interrupted_twice_ends_with_the_same_bits(
    state_pairs: Pairs, state_policy: PolicyConfig, tmp_path: Path
) -> None:
    store = Store(tmp_path / "policy", {})
    interrupted(state_pairs, state_policy, QUICK, store, 2)
    interrupted(state_pairs, state_policy, QUICK, store, 3)
    *_, resumed = fit(state_pairs, state_policy, QUICK, store=store)
    *_, whole = fit(state_pairs, state_policy, QUICK)
    assert same(resumed, whole)


def test_a_finished_training_leaves_the_checkpoint_alone(
    dataset: Dataset, image_policy: PolicyConfig, tmp_path: Path
) -> None:
    train(dataset, tmp_path / "policy", image_policy)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset", "policy"]


def test_another_training_is_refused_with_what_differs(
    dataset: Dataset, image_policy: PolicyConfig, tmp_path: Path
) -> None:
    output = tmp_path / "policy"
    with pytest.raises(Interrupted):
        list(train_dataset(dataset, output, policy=image_policy, config=QUICK, stop=after(3)))
    other = replace(image_policy, hidden=16)
    with pytest.raises(LearningError) as refused:
        train(dataset, output, other, replace(QUICK, steps=20))
    assert "training.steps: 9 there, 20 here" in str(refused.value)
    assert "policy.hidden: 32 there, 16 here" in str(refused.value)
    assert f"remove {folder_of(output)} to start afresh" in str(refused.value)
    dataset.tag([0], {"behavior": "slider"})
    with pytest.raises(LearningError, match="dataset: sha256"):
        train(dataset, output, image_policy)


def test_what_does_not_change_the_policy_may_change_when_training_goes_on(
    dataset: Dataset, image_policy: PolicyConfig, tmp_path: Path
) -> None:
    with pytest.raises(Interrupted):
        list(train_dataset(dataset, tmp_path / "policy", policy=image_policy, config=QUICK, stop=after(3)))
    moved = replace(QUICK, memory="disk", checkpoint_every=7)
    assert same(
        train(dataset, tmp_path / "policy", image_policy, moved), train(dataset, tmp_path / "whole", image_policy)
    )


@pytest.mark.parametrize("damage", [lambda data: data[:-7], lambda data: data[:-7] + b"damaged", lambda _: b""])
def test_a_damaged_state_is_named(
    state_pairs: Pairs, state_policy: PolicyConfig, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    store = Store(tmp_path / "policy", {})
    interrupted(state_pairs, state_policy, QUICK, store, 3)
    path = store.folder / STATE
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(LearningError, match=rf"{STATE} is damaged .* remove {store.folder} to start afresh"):
        next(fit(state_pairs, state_policy, QUICK, store=store))


@contextmanager
def little_room(size: int = 4096) -> Iterator[None]:
    """No file may be larger, as with `ulimit -f`, [B]."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_state_that_has_no_room_is_named_and_the_one_before_is_kept(
    state_pairs: Pairs, state_policy: PolicyConfig, tmp_path: Path
) -> None:
    store = Store(tmp_path / "policy", {})
    reports = fit(state_pairs, state_policy, replace(QUICK, report_every=1), store=store)
    while next(reports).step < 5:
        pass
    said = rf"{store.folder / STATE} cannot be written: File too large. Make room.*the same command then goes on"
    with little_room(), pytest.raises(LearningError, match=said):
        list(reports)
    store.close()
    assert sorted(path.name for path in store.folder.iterdir()) == ["lock", STATE, "training.yaml"]
    *_, resumed = fit(state_pairs, state_policy, QUICK, store=store)
    *_, whole = fit(state_pairs, state_policy, QUICK)
    assert same(resumed, whole)


def test_a_checkpoint_that_has_no_room_is_named_and_the_training_is_kept(
    dataset: Dataset, image_policy: PolicyConfig, tmp_path: Path
) -> None:
    output, config = tmp_path / "policy", replace(QUICK, checkpoint_every=100)
    reports = train_dataset(dataset, output, policy=image_policy, config=config)
    for report in reports:
        if report.step == QUICK.steps:
            break
    with (
        little_room(),
        pytest.raises(LearningError, match=rf"{output} cannot be written: .* the same command then goes on"),
    ):
        list(reports)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset", "policy.training"]
    train(dataset, output, image_policy, config)
    assert load(output).provenance["steps"] == QUICK.steps


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"")], ids=["missing", "empty"])
def test_a_training_that_nobody_can_name_says_what_to_do(
    state_pairs: Pairs, state_policy: PolicyConfig, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    store = Store(tmp_path / "policy", {})
    interrupted(state_pairs, state_policy, QUICK, store, 3)
    damage(store.folder / "training.yaml")
    with pytest.raises(LearningError, match=rf"training\.yaml .*; remove {store.folder} to start afresh"):
        next(fit(state_pairs, state_policy, QUICK, store=store))


def test_speed_leaves_out_what_was_done_before_the_interruption(
    state_pairs: Pairs, state_policy: PolicyConfig, tmp_path: Path
) -> None:
    store = Store(tmp_path / "policy", {})
    interrupted(state_pairs, state_policy, QUICK, store, 3)
    (report,) = fit(state_pairs, state_policy, QUICK, stop=lambda: True, store=store)
    store.close()
    assert (report.step, report.pairs_per_second) == (3, 0)
    assert report.losses


def test_a_folder_that_cannot_be_made_is_named(dataset: Dataset, image_policy: PolicyConfig, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LearningError, match=r"file/policy\.training cannot be made: "):
        next(train_dataset(dataset, tmp_path / "file" / "policy", policy=image_policy, config=QUICK))


def test_two_trainings_cannot_share_an_output(state_pairs: Pairs, state_policy: PolicyConfig, tmp_path: Path) -> None:
    first = fit(state_pairs, state_policy, QUICK, store=Store(tmp_path / "policy", {}))
    next(first)
    with pytest.raises(LearningError, match="another process trains"):
        next(fit(state_pairs, state_policy, QUICK, store=Store(tmp_path / "policy", {})))


def test_differences_are_listed_name_by_name() -> None:
    here, there = {"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 1, "c": 4}, "e": 5}
    assert differences(there, here) == ["a.c: 4 there, 2 here", "d: nothing there, 3 here", "e: 5 there, nothing here"]


def test_a_killed_process_goes_on(dataset: Dataset, tmp_path: Path) -> None:
    small = ("--image-size", "16", "--channels", "8", "--hidden", "16", "--batch-size", "4", "--shift", "1")
    words = ("train", "--dataset", str(dataset.path), *small, "--steps", "150", "--checkpoint-every", "20")
    output = tmp_path / "policy"
    begin = (sys.executable, "-m", "balanced_bc", *words, "--output", str(output))
    process = subprocess.Popen(begin, stdout=subprocess.DEVNULL)
    begun = time.monotonic()
    while not (folder_of(output) / STATE).exists():
        assert process.poll() is None
        assert time.monotonic() - begun < 60
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    assert not output.exists()
    for folder in (output, tmp_path / "whole"):
        main((*words, "--output", str(folder)))
    resumed, whole = (load(folder).policy.state_dict() for folder in (output, tmp_path / "whole"))
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_heard_between_two_steps_and_the_training_is_kept(
    state_pairs: Pairs, state_policy: PolicyConfig, tmp_path: Path, number: signal.Signals
) -> None:
    store = Store(tmp_path / "policy", {})
    with interruption() as stop:
        reports = fit(state_pairs, state_policy, QUICK, stop=stop, store=store)
        next(reports)
        signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt):
            next(reports)
    store.close()
    state = Store(tmp_path / "policy", {}).open()
    assert state is not None
    assert state.numbers["step"] == 2


def test_a_second_signal_ends_at_once() -> None:
    with interruption() as stop:
        assert not stop()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)

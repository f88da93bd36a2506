"""Data and situations that training must survive or refuse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.observation import Demonstration
from balanced_bc.learning.config import TrainingConfig
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.gathering import Grouped, gather
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.training.draws import Drawing
from balanced_bc.learning.training.fit import fit
from balanced_bc.learning.training.progress import Progress
from balanced_bc.learning.training.train import require_told, train_dataset
from balanced_bc.learning.training.training_state import STATE, Store
from balanced_bc.policies.batch import Batch
from balanced_bc.policies.checkpoint import fingerprint, load
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.errors import PolicyError
from balanced_bc.policies.features import BLOCK
from balanced_bc.policies.normalization import Normalization
from balanced_bc.policies.policy import Policy

QUICK = TrainingConfig(steps=6, batch_size=8, report_every=2, device="cpu", precision="float32")
Demonstrate = Callable[..., Demonstration]


class Bottomless(Policy):
    """Its sigma has no floor: the loss falls until it is not a number."""

    def __init__(
        self, config: PolicyConfig, cameras: Sequence[str], normalization: Normalization | None = None
    ) -> None:
        super().__init__(config, cameras, normalization)
        self.sharpness = torch.nn.Parameter(torch.zeros(()))

    def negative_log_likelihood(self, batch: Batch) -> Tensor:
        """The logarithm of a sigma that may become negative."""
        return batch.mask.mean(dim=1) * (1 - 0.1 * self.sharpness).log()

    def best(self, images: Mapping[str, Tensor], state: Tensor, scene: Tensor) -> Tensor:  # noqa: ARG002
        """Nothing."""
        return torch.zeros(len(state), self.config.chunk, 7)


def last_of(pairs: Pairs, policy: PolicyConfig, config: TrainingConfig) -> Progress:
    *_, last = fit(pairs, policy, config)
    return last


def train(
    dataset: Dataset, output: Path, policy: PolicyConfig, init: Path | None = None, config: TrainingConfig = QUICK
) -> Progress:
    *_, last = train_dataset(dataset, output, policy=policy, config=config, init=init)
    return last


def is_finite(progress: Progress) -> bool:
    return all(bool(value.isfinite().all()) for value in progress.policy.state_dict().values())


@pytest.mark.parametrize("head", ["gaussian", "heteroscedastic", "bins", "mixture"])
def test_constant_inputs_and_actions_train_without_nan_and_with_a_warning(
    contract: RobotContract, demonstrate: Demonstrate, image_policy: PolicyConfig, head: str
) -> None:
    one = demonstrate()
    still = one._replace(
        images={name: np.full_like(images, 7) for name, images in one.images.items()},
        state=np.ones_like(one.state),
        action=np.ones_like(one.action),
    )
    pairs = gather([Grouped("episode 0", "slider", still)], image_policy, contract)
    last = last_of(pairs, replace(image_policy, head=head), QUICK)  # type: ignore[arg-type]
    assert is_finite(last)
    assert [warning.partition(" never")[0] for warning in last.warnings] == [
        *("the actions of slider", "the state", "what static_camera shows", "what gripper_camera shows")
    ]


def test_copies_are_told_and_held_out_together(
    contract: RobotContract, demonstrate: Demonstrate, state_policy: PolicyConfig
) -> None:
    found = [Grouped(f"episode {i}", "slider", demonstrate(seed=seed)) for i, seed in enumerate((0, 1, 0))]
    pairs = gather(found, state_policy, contract)
    last = last_of(pairs, state_policy, QUICK)
    assert last.warnings[0].startswith("1 of 3 demonstrations are there more than once (episode 2 is 0)")
    for seed in range(10):
        held_out = Drawing(pairs, replace(QUICK, held_out=0.3, seed=seed), None).held_out
        assert set(pairs.demonstration[held_out].tolist()) in ({1}, {0, 2})


def test_data_that_changes_has_no_warning(pairs: Pairs, image_policy: PolicyConfig) -> None:
    assert last_of(pairs, image_policy, QUICK).warnings == ()


def test_a_single_demonstration_trains_and_says_that_nothing_is_held_out(
    contract: RobotContract, demonstrate: Demonstrate, image_policy: PolicyConfig
) -> None:
    pairs = gather([Grouped("episode 0", "slider", demonstrate())], image_policy, contract)
    last = last_of(pairs, image_policy, replace(QUICK, held_out=0.2))
    assert is_finite(last)
    assert last.held_out == {}
    assert last.warnings == ("nothing is held out of slider: it has one demonstration, which training needs",)
    assert last_of(pairs, image_policy, QUICK).warnings == ()


def test_a_loss_that_is_not_finite_stops_training_and_keeps_the_last_good_state(
    state_pairs: Pairs, state_policy: PolicyConfig, tmp_path: Path
) -> None:
    bottomless = replace(state_policy, plugin=f"{__name__}:Bottomless")
    wild = replace(QUICK, steps=400, learning_rate=1.0, warmup=0, checkpoint_every=1)
    store = Store(tmp_path / "policy", {})
    with pytest.raises(LearningError, match=r"loss of .*'drawer'.*not finite at step \d+.*learning_rate below 1.0"):
        list(fit(state_pairs, bottomless, wild, store=store))
    state = store.open()
    assert state is not None
    assert 0 < state.numbers["step"] < 100
    assert (store.folder / STATE).exists()
    assert all(bool(value.isfinite().all()) for name, value in state.tensors.items() if name.startswith("policy"))


def test_training_starts_from_a_checkpoint_and_its_units(
    dataset: Dataset, image_policy: PolicyConfig, tmp_path: Path
) -> None:
    before = train(dataset, tmp_path / "first", image_policy).policy
    dataset.undo()
    slowly = replace(QUICK, learning_rate=1e-9)
    after = train(dataset, tmp_path / "second", image_policy, tmp_path / "first", slowly).policy
    for name, value in before.state_dict().items():
        torch.testing.assert_close(after.state_dict()[name], value, rtol=0, atol=1e-6)
    torch.testing.assert_close(after.twist_mean, before.twist_mean, rtol=0, atol=0)
    assert load(tmp_path / "second").provenance["init"] == fingerprint(tmp_path / "first")


def test_a_policy_that_was_told_nothing_of_the_block_does_not_go_on_where_it_is_moved(
    state_pairs: Pairs, state_policy: PolicyConfig
) -> None:
    resting = state_pairs.scene.clone()
    resting[:, BLOCK] = resting[state_pairs.first][:, BLOCK]
    still = replace(state_pairs, scene=resting)
    *_, last = fit(still, state_policy, QUICK)
    require_told(last.policy, still, "runs/opening")
    with pytest.raises(LearningError, match="runs/opening was told nothing of the block"):
        require_told(last.policy, state_pairs, "runs/opening")


def test_a_checkpoint_of_another_robot_or_architecture_is_refused_with_what_differs(
    dataset: Dataset, contract: RobotContract, image_policy: PolicyConfig, tmp_path: Path
) -> None:
    train(dataset, tmp_path / "first", image_policy)
    with pytest.raises(LearningError, match="hidden: 32 there, 16 here"):
        train(dataset, tmp_path / "second", replace(image_policy, hidden=16), tmp_path / "first")
    camera = replace(contract.cameras[0], width=48)
    other = replace(contract, rate=15.0, joint_names=tuple(f"{name}_b" for name in contract.joint_names))
    other = replace(other, cameras=(camera, *contract.cameras[1:]))
    elsewhere = Dataset.create(tmp_path / "elsewhere", other)
    with pytest.raises(PolicyError) as refused:
        train(elsewhere, tmp_path / "second", image_policy, tmp_path / "first")
    assert all(word in str(refused.value) for word in ("rate", "joint", "static_camera"))
    assert not (tmp_path / "second").exists()


def test_a_damaged_checkpoint_is_named(dataset: Dataset, image_policy: PolicyConfig, tmp_path: Path) -> None:
    train(dataset, tmp_path / "first", image_policy)
    path = tmp_path / "first" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(PolicyError, match=str(path)):
        train(dataset, tmp_path / "second", image_policy, tmp_path / "first")


def test_an_existing_output_is_refused_before_anything_is_loaded(
    dataset: Dataset, image_policy: PolicyConfig, tmp_path: Path
) -> None:
    (tmp_path / "policy").mkdir()
    with pytest.raises(PolicyError, match="never overwritten"):
        train(dataset, tmp_path / "policy", image_policy)


def test_deterministic_training_gives_the_same_policy_and_leaves_torch_as_it_was(
    pairs: Pairs, image_policy: PolicyConfig
) -> None:
    inside: list[bool] = []

    def stop() -> bool:
        inside.append(torch.are_deterministic_algorithms_enabled())
        return False

    *_, last = fit(pairs, image_policy, replace(QUICK, deterministic=True), stop=stop)
    assert all(inside)
    assert not torch.are_deterministic_algorithms_enabled()
    wanted = last_of(pairs, image_policy, QUICK).policy.state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in last.policy.state_dict().items())


def test_a_policy_that_starts_from_another_acts_as_is_wanted_now(
    dataset: Dataset, image_policy: PolicyConfig, tmp_path: Path
) -> None:
    train(dataset, tmp_path / "first", replace(image_policy, execution="chunks"))
    train(dataset, tmp_path / "second", replace(image_policy, execution="ensemble", execute=0), tmp_path / "first")
    assert load(tmp_path / "second").policy.config.execution == "ensemble"

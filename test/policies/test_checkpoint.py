"""A policy on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file
from yaml import YAMLError

from balanced_bc.demonstrations.contract import Camera, RobotContract
from balanced_bc.demonstrations.observation import Observation
from balanced_bc.policies import checkpoint, tensors
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.errors import PolicyError
from balanced_bc.policies.making import make
from balanced_bc.policies.normalization import Normalization
from balanced_bc.policies.policy import Policy


@pytest.fixture
def trained(config: PolicyConfig) -> Policy:
    """A policy with units that are not the identity."""
    torch.manual_seed(3)
    cameras = [camera.name for camera in RobotContract().cameras]
    units = make(config, cameras).normalization
    return make(config, cameras, Normalization(*(values + torch.rand_like(values) for values in units)))


def test_a_policy_survives_the_disk_bit_by_bit(trained: Policy, observation: Observation, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "policy", trained, RobotContract(), {"seed": 3, "weights": {"drawer": 0.5}})
    policy, contract, provenance = checkpoint.load(tmp_path / "policy")
    np.testing.assert_array_equal(policy.act([[observation]]), trained.act([[observation]]))
    assert contract == RobotContract()
    assert policy.config == trained.config
    assert provenance == {"seed": 3, "weights": {"drawer": 0.5}}


def test_a_checkpoint_holds_no_pickle_and_nothing_else(trained: Policy, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "policy", trained, RobotContract())
    assert sorted(path.name for path in (tmp_path / "policy").iterdir()) == ["model.safetensors", "policy.yaml"]
    assert [path.name for path in tmp_path.iterdir()] == ["policy"]


def test_a_checkpoint_is_never_overwritten(trained: Policy, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "policy", trained, RobotContract())
    with pytest.raises(PolicyError, match="never overwritten"):
        checkpoint.save(tmp_path / "policy", trained, RobotContract())


def test_provenance_that_yaml_cannot_write_leaves_nothing_behind(trained: Policy, tmp_path: Path) -> None:
    with pytest.raises(YAMLError):
        checkpoint.save(tmp_path / "policy", trained, RobotContract(), {"what": object()})
    assert list(tmp_path.iterdir()) == []


def test_another_format_is_refused_naming_both(trained: Policy, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "policy", trained, RobotContract())
    file = tmp_path / "policy" / "policy.yaml"
    file.write_text(file.read_text().replace("format: 4", "format: 99"))
    with pytest.raises(PolicyError, match="format 99; this version of balanced_bc reads formats 3 to 4"):
        checkpoint.load(tmp_path / "policy")


@pytest.mark.parametrize(("ensemble", "execution"), [(False, "chunks"), (True, "ensemble")])
def test_a_policy_of_format_3_acts_as_it_did(trained: Policy, tmp_path: Path, ensemble: bool, execution: str) -> None:
    checkpoint.save(tmp_path / "policy", trained, RobotContract())
    file = tmp_path / "policy" / "policy.yaml"
    said = yaml.safe_load(file.read_text())
    del said["policy"]["execution"]
    said["policy"].update(ensemble=ensemble, execute=2)
    file.write_text(yaml.safe_dump({**said, "format": 3}))
    found = checkpoint.load(tmp_path / "policy").policy.config
    assert (found.execution, found.execute) == (execution, 0 if ensemble else 2)


def test_a_checkpoint_says_how_its_policy_acts(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "policy", make(PolicyConfig(policy="state"), ()), RobotContract())
    said = yaml.safe_load((tmp_path / "policy" / "policy.yaml").read_text())["policy"]
    assert (said["execution"], said["execute"]) == ("chunks", 4)


def test_a_folder_that_is_no_checkpoint_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(PolicyError, match=r"policy.yaml is missing; there is \['notes.txt'\]"):
        checkpoint.load(tmp_path)


def test_weights_of_another_architecture_are_refused(trained: Policy, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "policy", trained, RobotContract())
    file = tmp_path / "policy" / "policy.yaml"
    file.write_text(file.read_text().replace("hidden: 16", "hidden: 24"))
    with pytest.raises(PolicyError, match="does not fit"):
        checkpoint.load(tmp_path / "policy")


def test_a_damaged_weight_file_is_refused(trained: Policy, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "policy", trained, RobotContract())
    (tmp_path / "policy" / "model.safetensors").write_bytes(b"half")
    with pytest.raises(PolicyError, match=r"model\.safetensors"):
        checkpoint.load(tmp_path / "policy")


def test_a_checkpoint_for_other_cameras_is_refused_with_the_differences() -> None:
    made_for = RobotContract()
    robot = replace(made_for, name="fr3", rate=20.0, cameras=(Camera("static_camera", 480, 640),))
    with pytest.raises(PolicyError, match=r"rate: 30.0 here, 20.0 there\n  cameras: .*84.* here, .*480.* there"):
        checkpoint.require_contract(made_for, robot, "runs/policy")


def test_the_same_robot_under_another_name_is_accepted() -> None:
    checkpoint.require_contract(RobotContract(), RobotContract(name="twin"), "runs/policy")


def test_a_flipped_bit_of_the_weights_is_noticed(trained: Policy, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "policy", trained, RobotContract())
    file = tmp_path / "policy" / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-9] ^= 4
    file.write_bytes(content)
    with pytest.raises(PolicyError, match=r"model\.safetensors is damaged: its checksum is"):
        checkpoint.load(tmp_path / "policy")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("normalization", 3, "describes no policy"),
        ("contract", 3, "describes no policy"),
        ("provenance", "x", "provenance is 'x'; it must be a mapping"),
    ],
)
def test_a_damaged_description_is_refused(key: str, value: object, said: str, trained: Policy, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "policy", trained, RobotContract())
    file = tmp_path / "policy" / "policy.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), key: value}))
    with pytest.raises(PolicyError, match=said):
        checkpoint.load(tmp_path / "policy")


def change(folder: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Edit policy.yaml by hand."""
    plain = yaml.safe_load((folder / "policy.yaml").read_text())
    edit(plain)
    (folder / "policy.yaml").write_text(yaml.safe_dump(plain))


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("hidden", "many", "a whole number"),
        ("execute", "4", "a whole number"),
        ("chunk", 8.5, "a whole number"),
        ("backbone_learns", "maybe", "true or false"),
    ],
)
def test_an_architecture_of_other_types_is_refused_naming_file_and_field(
    name: str, value: object, wanted: str, trained: Policy, tmp_path: Path
) -> None:
    checkpoint.save(tmp_path / "policy", trained, RobotContract())
    change(tmp_path / "policy", lambda plain: plain["policy"].update({name: value}))
    with pytest.raises(PolicyError, match=rf"policy\.yaml describes no policy: {name} is {value!r}; .* {wanted}"):
        checkpoint.load(tmp_path / "policy")


def test_a_policy_of_format_3_that_averages_maybe_is_refused(trained: Policy, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "policy", trained, RobotContract())
    change(tmp_path / "policy", lambda plain: plain.update(format=3, policy={**plain["policy"], "ensemble": "maybe"}))
    with pytest.raises(PolicyError, match=r"policy\.yaml describes no policy: ensemble is 'maybe'; it must be true or"):
        checkpoint.load(tmp_path / "policy")


@pytest.mark.parametrize("version", [3, checkpoint.FORMAT])
def test_a_policy_that_is_no_mapping_is_named(version: int, trained: Policy, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "policy", trained, RobotContract())
    change(tmp_path / "policy", lambda plain: plain.update(format=version, policy=3))
    with pytest.raises(PolicyError, match=r"policy\.yaml describes no policy: a policy is 3; it must be names"):
        checkpoint.load(tmp_path / "policy")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("twist_mean", float("nan"), r"twist_mean has \[nan\]; its numbers must be finite"),
        ("feature_mean", float("inf"), r"feature_mean has \[inf\]; its numbers must be finite"),
        ("twist_deviation", 0, r"twist_deviation has \[0.0\]; its numbers must be above 0"),
        ("twist_deviation", float("inf"), r"twist_deviation has \[inf\]; its numbers must be above 0 and finite"),
        ("feature_deviation", float("nan"), r"feature_deviation has \[nan\]; its numbers must be above 0"),
        ("twist_mean", "much", r"twist_mean is .*'much'.*; it must be 6 numbers"),
    ],
)
def test_units_that_no_pairs_can_have_are_refused_naming_file_and_numbers(
    name: str, value: object, said: str, trained: Policy, tmp_path: Path
) -> None:
    checkpoint.save(tmp_path / "policy", trained, RobotContract())
    change(tmp_path / "policy", lambda plain: plain["normalization"][name].__setitem__(1, value))
    with pytest.raises(PolicyError, match=rf"policy\.yaml describes no policy: {said}"):
        checkpoint.load(tmp_path / "policy")


def test_infinite_units_of_features_that_are_told_nothing_of_survive_the_disk(trained: Policy, tmp_path: Path) -> None:
    untold = torch.arange(len(trained.feature_mean)) < 3
    policy = make(trained.config, trained.cameras, trained.normalization.without(untold))
    checkpoint.save(tmp_path / "policy", policy, RobotContract())
    assert torch.equal(checkpoint.load(tmp_path / "policy").policy.feature_deviation.isinf(), untold)


@pytest.mark.parametrize("name", Normalization._fields)
def test_a_changed_number_of_the_units_is_noticed(name: str, trained: Policy, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "policy", trained, RobotContract())
    change(tmp_path / "policy", lambda plain: plain["normalization"][name].__setitem__(0, 9.105))
    with pytest.raises(PolicyError, match=r"policy\.yaml is damaged: its normalization is not the one that .* saved"):
        checkpoint.load(tmp_path / "policy")


def test_a_checkpoint_that_was_saved_without_a_mark_of_its_units_loads(trained: Policy, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "policy", trained, RobotContract())
    tensors.write(tmp_path / "policy" / "model.safetensors", trained.state_dict())
    assert torch.equal(checkpoint.load(tmp_path / "policy").policy.twist_mean, trained.twist_mean)


def test_a_policy_that_is_saved_in_another_precision_has_the_same_units(trained: Policy, tmp_path: Path) -> None:
    units = trained.normalization
    checkpoint.save(tmp_path / "policy", trained.double(), RobotContract())
    assert torch.equal(checkpoint.load(tmp_path / "policy").policy.twist_mean, units.twist_mean)


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [("policy", "image_size", 48), ("contract", "rate", 10.0), ("contract", "joint_names", list("abcdefg"))],
)
def test_a_changed_architecture_or_robot_is_noticed(
    part: str, name: str, value: object, trained: Policy, tmp_path: Path
) -> None:
    checkpoint.save(tmp_path / "policy", trained, RobotContract())
    change(tmp_path / "policy", lambda plain: plain[part].__setitem__(name, value))
    with pytest.raises(PolicyError, match=r"policy\.yaml is damaged: its policy, cameras or contract are not what"):
        checkpoint.load(tmp_path / "policy")


def test_how_a_policy_acts_may_be_changed_by_hand(trained: Policy, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "policy", trained, RobotContract())
    change(tmp_path / "policy", lambda plain: plain["policy"].__setitem__("execute", 1))
    assert checkpoint.load(tmp_path / "policy").policy.config.execute == 1


def test_weights_in_the_provenance_that_are_no_mapping_are_refused(trained: Policy, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "policy", trained, RobotContract(), {"weights": 5})
    with pytest.raises(PolicyError, match="weights of its provenance are 5; they must be a mapping"):
        checkpoint.load(tmp_path / "policy")


def test_equal_policies_are_equal_files(trained: Policy) -> None:
    beside = {"normalization": "abc", "description": "def"}
    assert len({tensors.pack(trained.state_dict(), beside) for _ in range(20)}) == 1


def test_tensors_of_an_older_version_say_what_is_beside_them(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "old.safetensors", {"normalization": "abc"})
    assert tensors.read(tmp_path / "old.safetensors")[1] == {"normalization": "abc"}


def test_units_of_another_size_are_refused(trained: Policy, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "policy", trained, RobotContract())
    file = tmp_path / "policy" / "policy.yaml"
    plain = yaml.safe_load(file.read_text())
    del plain["normalization"]["feature_mean"][-3:]
    file.write_text(yaml.safe_dump(plain))
    with pytest.raises(PolicyError, match="feature_mean has shape"):
        checkpoint.load(tmp_path / "policy")


def test_whoever_may_read_the_folder_may_read_the_weights(trained: Policy, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "policy", trained, RobotContract())
    modes = {path.stat().st_mode for path in (tmp_path / "policy").iterdir()}
    assert len(modes) == 1

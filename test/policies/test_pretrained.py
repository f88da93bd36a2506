"""Encoders that have learned elsewhere."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.func import grad, jvp, vmap

from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.observation import Observation
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.training.train import starting_policy
from balanced_bc.policies import checkpoint
from balanced_bc.policies.batch import Batch
from balanced_bc.policies.cloning import CloningPolicy
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.errors import PolicyError
from balanced_bc.policies.making import make
from balanced_bc.policies.policy import loss_of
from balanced_bc.policies.pretrained import PretrainedEncoder, make_backbone
from balanced_bc.policies.resnet import ResNet

CAMERAS = tuple(camera.name for camera in RobotContract().cameras)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a whole ResNet-18 with statistics of its own, as torchvision names them."""
    torch.manual_seed(0)
    tensors = ResNet("resnet18", stride=32).state_dict()
    for name, value in tensors.items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 2.0)
    path = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    save_file({**tensors, "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}, path)
    return path


@pytest.fixture
def pretrained(weights: Path) -> PolicyConfig:
    return PolicyConfig(
        image_size=32, keypoints=4, hidden=16, chunk=3, execute=2, backbone="resnet18", backbone_weights=str(weights)
    )


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    images = {
        name: torch.randint(0, 256, (2, 1, 3, 32, 32), generator=generator, dtype=torch.uint8) for name in CAMERAS
    }
    state, action = torch.randn(2, 1, 8, generator=generator), torch.randn(2, 3, 7, generator=generator)
    return Batch(images, state, torch.zeros(2, 1, 0), action, torch.ones(2, 3))


def _encoder(policy: object) -> PretrainedEncoder:
    assert isinstance(policy, CloningPolicy)
    encoder = policy.encoders[CAMERAS[0]]
    assert isinstance(encoder, PretrainedEncoder)
    return encoder


def test_every_camera_begins_with_the_weights_of_the_file(pretrained: PolicyConfig, weights: Path) -> None:
    policy, file = make(pretrained, CAMERAS), load_file(weights)
    assert isinstance(policy, CloningPolicy)
    for encoder in policy.encoders.values():
        assert isinstance(encoder, PretrainedEncoder)
        for name, value in encoder.backbone.state_dict().items():
            torch.testing.assert_close(value, file[name])


@pytest.mark.parametrize("learns", [False, True])
def test_a_step_changes_no_statistic_and_the_backbone_only_if_it_learns(
    pretrained: PolicyConfig, batch: Batch, learns: bool
) -> None:
    policy = make(replace(pretrained, backbone_learns=learns), CAMERAS).train()
    before = {name: value.clone() for name, value in _encoder(policy).backbone.state_dict().items()}
    torch.autograd.backward(policy(batch).mean())
    torch.optim.SGD(policy.parameters(), 0.1).step()
    after = _encoder(policy).backbone.state_dict()
    moved = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert bool(moved) == learns
    assert not {name for name in moved if "running" in name or "num_batches" in name}


def test_the_mode_makes_no_difference(pretrained: PolicyConfig, batch: Batch) -> None:
    policy = make(pretrained, CAMERAS)
    torch.testing.assert_close(policy.train()(batch), policy.eval()(batch))


def test_lanes_and_forward_mode_go_through_a_backbone(pretrained: PolicyConfig, batch: Batch) -> None:
    policy = make(replace(pretrained, backbone_learns=True), CAMERAS).double()
    batch = Batch(batch.images, *(value.double() for value in batch[1:]))
    loss, parameters = loss_of(policy), {name: value.detach() for name, value in policy.named_parameters()}
    direction = {name: torch.randn_like(value) for name, value in parameters.items()}
    forward = jvp(lambda values: loss(values, batch).mean(), (parameters,), (direction,))[1]
    reverse = grad(lambda values: loss(values, batch).mean())(parameters)
    torch.testing.assert_close(forward, sum((reverse[name] * direction[name]).sum() for name in reverse))
    lanes = {name: torch.stack((value, 1.1 * value)) for name, value in parameters.items()}
    apart = [loss({name: value[lane] for name, value in lanes.items()}, batch) for lane in range(2)]
    torch.testing.assert_close(vmap(loss, in_dims=(0, None))(lanes, batch), torch.stack(apart))


def test_a_checkpoint_needs_the_file_no_more(
    pretrained: PolicyConfig, weights: Path, observation: Observation, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(weights.read_bytes())
    policy = make(replace(pretrained, backbone_weights=str(copy)), CAMERAS)
    checkpoint.save(tmp_path / "policy", policy, RobotContract())
    copy.unlink()
    loaded = checkpoint.load(tmp_path / "policy").policy
    np.testing.assert_array_equal(loaded.act([[observation]]), policy.act([[observation]]))


def test_training_on_from_a_checkpoint_needs_the_file_no_more(pretrained: PolicyConfig, tmp_path: Path) -> None:
    dataset = Dataset.create(tmp_path / "dataset", RobotContract())
    checkpoint.save(tmp_path / "policy", make(pretrained, CAMERAS), RobotContract())
    found = starting_policy(tmp_path / "policy", dataset, replace(pretrained, backbone_weights=""))
    assert found.config.backbone_weights == ""
    with pytest.raises(LearningError, match="keypoints: 4 there, 8 here"):
        starting_policy(tmp_path / "policy", dataset, replace(pretrained, backbone_weights="", keypoints=8))


def test_a_missing_file_is_an_error_before_training(pretrained: PolicyConfig) -> None:
    with pytest.raises(PolicyError, match=r"there is no file nowhere\.safetensors with weights"):
        make(replace(pretrained, backbone_weights="nowhere.safetensors"), CAMERAS)


def test_a_backbone_without_weights_is_an_error_before_training(pretrained: PolicyConfig) -> None:
    with pytest.raises(PolicyError, match="the backbone resnet18 wants backbone_weights"):
        make(replace(pretrained, backbone_weights=""), CAMERAS)


def test_a_file_that_is_no_safetensors_file_is_refused(pretrained: PolicyConfig, tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(b"\x80\x04 a pickle")
    with pytest.raises(PolicyError, match="is no safetensors file"):
        make(replace(pretrained, backbone_weights=str(tmp_path / "weights.pth")), CAMERAS)


def test_weights_of_another_network_are_refused_naming_what_is_wrong(pretrained: PolicyConfig, tmp_path: Path) -> None:
    tensors: dict[str, Tensor] = ResNet("resnet18", stride=8).state_dict()
    tensors["conv1.weight"] = torch.zeros(64, 3, 3, 3)
    del tensors["bn1.weight"]
    save_file(tensors, tmp_path / "other.safetensors")
    with pytest.raises(
        PolicyError, match=r"bn1.weight is missing; conv1.weight is \(64, 3, 3, 3\), wanted is \(64, 3, 7, 7\)"
    ):
        make(replace(pretrained, backbone_weights=str(tmp_path / "other.safetensors")), CAMERAS)


@pytest.mark.parametrize("stride", [4, 8, 16, 32])
def test_a_backbone_has_features_at_the_stride_that_is_asked_for(stride: int) -> None:
    assert make_backbone("resnet18", stride)(torch.zeros(1, 3, 64, 64)).shape[-2:] == (64 // stride, 64 // stride)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"backbone": "vgg"}, "there is no backbone 'vgg'; there are resnet18, resnet34, timm:NAME"),
        ({"backbone": "resnet18", "backbone_stride": 12}, "must be one of"),
        ({"backbone": "resnet18", "image_size": 64, "backbone_stride": 32}, "leave 2 x 2 features"),
    ],
)
def test_an_impossible_backbone_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        PolicyConfig(**wrong)  # type: ignore[arg-type]


@pytest.mark.skipif(importlib.util.find_spec("timm") is not None, reason="timm is installed")
def test_a_backbone_of_timm_without_timm_says_what_to_install() -> None:
    with pytest.raises(PolicyError, match=r"wants timm, and timm cannot be imported.*balanced_bc\[timm\]"):
        make_backbone("timm:resnet18", 8)


@pytest.mark.skipif(importlib.util.find_spec("timm") is None, reason="timm is not installed")
def test_timms_resnet_and_ours_agree_on_the_same_weights(weights: Path) -> None:
    images = torch.rand(2, 3, 64, 64) - 0.5
    config = PolicyConfig(keypoints=4)
    seen = []
    for name in ("resnet18", "timm:resnet18"):
        torch.manual_seed(0)
        encoder = PretrainedEncoder(replace(config, backbone=name))
        encoder.read(weights)
        seen.append(encoder._seen(images))
    torch.testing.assert_close(*seen)

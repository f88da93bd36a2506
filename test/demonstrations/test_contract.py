"""The robot contract: what it refuses, and what it says about another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from balanced_bc.demonstrations.contract import Camera, RobotContract
from balanced_bc.demonstrations.errors import DemonstrationError


def test_a_contract_survives_plain_types(contract: RobotContract) -> None:
    assert RobotContract.from_dict(contract.to_dict()) == contract


def test_an_unknown_key_is_refused_with_those_that_exist() -> None:
    with pytest.raises(DemonstrationError, match=r"\['speed'\].*'rate'"):
        RobotContract.from_dict({"speed": 3})


def test_differences_are_spelled_out(contract: RobotContract) -> None:
    assert contract.differences(replace(contract, name="fr3")) == ()
    assert contract.differences(replace(contract, rate=20.0)) == ("rate: 30.0 here, 20.0 there",)


def test_a_stream_is_found_by_its_topic(contract: RobotContract) -> None:
    assert contract.stream("/tcp_pose") == contract.stream("tcp_pose")
    with pytest.raises(DemonstrationError, match="no stream 'tcp'"):
        contract.stream("tcp")


@pytest.mark.parametrize("changes", [{"rate": 0.0}, {"joint_names": ("a",)}, {"cameras": (Camera("a", 1, 1),) * 2}])
def test_what_no_robot_has_is_refused(contract: RobotContract, changes: dict[str, object]) -> None:
    with pytest.raises(DemonstrationError):
        replace(contract, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(("height", "encoding"), [(0, "rgb8"), (1, "mono8"), (1, "32FC1")])
def test_what_no_camera_sends_is_refused(height: int, encoding: str) -> None:
    with pytest.raises(DemonstrationError, match="camera 'eye'"):
        Camera("eye", height, 1, encoding)


def test_a_malformed_camera_is_refused() -> None:
    with pytest.raises(DemonstrationError, match=r"malformed.*depth"):
        RobotContract.from_dict({"cameras": [{"name": "eye", "height": 1, "width": 1, "depth": 3}]})


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ({"rate": "fast"}, "contract 'sim': rate is 'fast'; it must be a number"),
        ({"joint_names": 7}, "contract 'sim': joint_names is 7; it must be a tuple, each entry text"),
        (
            {"cameras": [{"name": "eye", "height": "tall", "width": 1}]},
            "camera 'eye': height is 'tall'; .*whole number",
        ),
    ],
)
def test_a_value_of_another_type_is_named(plain: dict[str, object], said: str) -> None:
    with pytest.raises(DemonstrationError, match=said):
        RobotContract.from_dict(plain)

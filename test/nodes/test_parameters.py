"""ROS parameters from configuration dataclasses."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
import rclpy
from rclpy.node import Node
from rclpy.parameter import Parameter

from balanced_bc.nodes.errors import NodeError
from balanced_bc.nodes.parameters import declared, followed, refuse_unknown


@dataclass(frozen=True)
class Inner:
    """Part of a configuration."""

    width: int = 3
    """Width, [px]."""


@dataclass(frozen=True)
class Config:
    """A configuration with a field of each kind."""

    folder: Path
    """Where to."""
    rate: float = field(default=30.0, metadata={"range": (1.0, 100.0)})
    """How often, [Hz]."""
    number: int = 2
    """How many."""
    kind: Literal["a", "b"] = "a"
    """Which."""
    names: tuple[str, ...] = ()
    """What to call them."""
    weights: Path | None = None
    """Weights, if any."""
    inner: Inner = Inner()
    """The part."""
    lengths: tuple[float, ...] = field(default=(0.5,), metadata={"range": (0.0, 1.0)})
    """How long, [m]; empty for none."""
    counts: tuple[int, ...] = ()
    """How many of each."""

    def __post_init__(self) -> None:
        if self.number < 0:
            raise NodeError(f"number is {self.number}; it must be at least 0")


MakeNode = Callable[..., Node]


@pytest.fixture
def make_node() -> Iterator[MakeNode]:
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=1 + os.getpid() % 101)

    def make(*parameters: str) -> Node:
        arguments = [part for parameter in parameters for part in ("-p", parameter)]
        return Node("tested", context=context, cli_args=["--ros-args", *arguments], use_global_arguments=False)

    yield make
    context.try_shutdown()


def test_defaults_come_from_the_class(make_node: MakeNode) -> None:
    config = declared(make_node("folder:=x"), Config)
    assert config == Config(Path("x"))


def test_values_that_were_given_replace_defaults(make_node: MakeNode) -> None:
    node = make_node("folder:=x", "number:=5", "kind:=b", "names:=[p, q]", "weights:=w", "inner.width:=7")
    assert declared(node, Config) == Config(Path("x"), 30.0, 5, "b", ("p", "q"), Path("w"), Inner(7))


def test_a_whole_number_is_fine_where_a_fraction_may_stand(make_node: MakeNode) -> None:
    assert declared(make_node("folder:=x", "rate:=60"), Config).rate == 60.0


@pytest.mark.parametrize(("given", "lengths"), [("[]", ()), ("[0.25]", (0.25,)), ("[1, 0]", (1.0, 0.0))])
def test_a_list_may_be_empty_or_of_whole_numbers(make_node: MakeNode, given: str, lengths: tuple[float, ...]) -> None:
    node = make_node("folder:=x", f"lengths:={given}", "names:=[]", "counts:=[]")
    assert declared(node, Config) == Config(Path("x"), lengths=lengths)
    assert tuple(node.get_parameter("lengths").value) == lengths
    assert node.get_parameter("lengths").type_ == Parameter.Type.DOUBLE_ARRAY
    assert node.describe_parameter("lengths").read_only
    assert node.describe_parameter("lengths").description == "How long, [m]; empty for none."


def test_a_parameter_carries_the_text_and_the_range_of_its_field(make_node: MakeNode) -> None:
    node = make_node("folder:=x")
    declared(node, Config)
    descriptor = node.describe_parameter("rate")
    assert descriptor.description == "How often, [Hz]."
    assert descriptor.read_only
    assert (descriptor.floating_point_range[0].from_value, descriptor.floating_point_range[0].to_value) == (1.0, 100.0)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("number:=many", r"parameter number is 'many' \(string\); it must be integer"),
        ("rate:=200.0", r"parameter rate is 200.0; it must be from 1.0 to 100.0"),
        ("lengths:=3", r"parameter lengths is 3 \(integer\); it must be double array"),
        ("lengths:=[a]", r"parameter lengths is \['a'\] \(string array\); it must be double array"),
        ("number:=[]", r"parameter number is None \(not set\); it must be integer"),
        ("number:=-1", "number is -1; it must be at least 0"),
    ],
)
def test_a_wrong_value_is_refused_with_a_reason(make_node: MakeNode, given: str, sentence: str) -> None:
    with pytest.raises(NodeError, match=sentence):
        declared(make_node("folder:=x", given), Config)


def test_a_missing_value_is_named(make_node: MakeNode) -> None:
    with pytest.raises(NodeError, match="needs the parameter folder: Where to"):
        declared(make_node(), Config)


def test_an_unknown_parameter_is_refused_with_the_nearest_one(make_node: MakeNode) -> None:
    node = make_node("folder:=x", "nmber:=3")
    declared(node, Config)
    with pytest.raises(NodeError, match=r"no parameter 'nmber' \(did you mean number\?\)"):
        refuse_unknown(node)


def test_a_changeable_parameter_is_followed_and_a_refused_one_says_why(make_node: MakeNode) -> None:
    node, heard = make_node("folder:=x"), []
    config = declared(node, Config, changeable=("number",))
    followed(node, config, lambda changed, names: heard.append((changed.number, names)), changeable=("number",))
    assert node.set_parameters([Parameter("number", value=9)])[0].successful
    refused = node.set_parameters([Parameter("number", value=-4)])[0]
    assert heard == [(9, ("number",))]
    assert refused.reason == "number is -4; it must be at least 0"
    assert node.get_parameter("number").value == 9


def test_other_parameters_are_read_only(make_node: MakeNode) -> None:
    node = make_node("folder:=x")
    declared(node, Config)
    assert not node.set_parameters([Parameter("number", value=9)])[0].successful

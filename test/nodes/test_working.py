"""Balancer and trainer: they run once and end with an exit code."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import Trigger

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.learning.config import TrainingConfig
from balanced_bc.learning.rebalancing import balance_file
from balanced_bc.learning.rebalancing.rebalance_dataset import rebalance_dataset
from balanced_bc.learning.training.train import train_dataset
from balanced_bc.nodes import qos
from balanced_bc.nodes.messages import values_of
from balanced_bc.policies.checkpoint import load
from balanced_bc.policies.config import PolicyConfig

if TYPE_CHECKING:
    from test.nodes.conftest import Graph

SMALL = ("device:=cpu", "image_size:=16", "channels:=[4, 4, 4]", "hidden:=8", "batch_size:=8")


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As many threads as the nodes of these tests have."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_weights_and_then_a_checkpoint(graph: Graph, dataset: Path) -> None:
    weights, output = graph.folder / "weights", graph.folder / "policy"
    assert graph.run("balancer", f"dataset:={dataset}", f"output:={weights}", "method:=equal") == 0, graph.logs()
    assert balance_file.read(weights).alpha == {"slider": 0.5, "drawer": 0.5}
    sources = (f"dataset:={dataset}", f"weights:={weights}", f"output:={output}")
    assert graph.run("trainer", *sources, "warming:=cosine", "steps:=3", "seed:=4", *SMALL) == 0, graph.logs()
    checkpoint = load(output)
    assert checkpoint.contract == RobotContract()
    assert checkpoint.provenance["weights"] == {"slider": 0.5, "drawer": 0.5}
    assert checkpoint.provenance["training"]["seed"] == 4
    assert checkpoint.provenance["training"]["warming"] == "cosine"


def test_stop_ends_with_the_policy_so_far_and_another_exit_code(graph: Graph, dataset: Path) -> None:
    output = graph.folder / "policy"
    told = graph.hear(Float64MultiArray, "trainer/progress", qos.LATCHED)
    process = graph.start(
        "trainer", f"dataset:={dataset}", f"output:={output}", "steps:=100000", "report_every:=1", *SMALL
    )
    assert graph.diagnosed("trainer")["done"].endswith("%")
    graph.until(lambda: bool(told), "progress")
    assert graph.call(Trigger, "trainer/stop").success
    graph.until(lambda: process.poll() is not None, "the end")
    assert process.returncode == 1, graph.logs()
    assert 0 < load(output).provenance["steps"] < 100000


def test_stop_ends_with_the_best_weights_so_far_latched_and_labelled_and_another_exit_code(
    graph: Graph, dataset: Path
) -> None:
    output, told = graph.folder / "weights", graph.hear(Float64MultiArray, "balancer/progress", qos.LATCHED)
    heard = graph.hear(Float64MultiArray, "balancer/weights", qos.LATCHED)
    where = (f"dataset:={dataset}", f"output:={output}")
    process = graph.start("balancer", *where, "method:=zero", "policy:=state", "steps:=100000", "hidden:=8")
    graph.until(lambda: len(told) > 2, "progress")
    assert set(values_of(told[-1])) == {"done", "repetition", "step", "steps"}
    assert graph.call(Trigger, "balancer/stop").success
    graph.until(lambda: process.poll() is not None, "the end")
    assert process.returncode == 1, graph.logs()
    found = balance_file.read(output)
    assert found.warnings[0].startswith("stopped after 0% of the run: these weights are averaged")
    assert f"wrote {output}: drawer {found.alpha['drawer']:.3f}, slider" in graph.log("balancer")
    assert "100%" not in graph.log("balancer")
    assert values_of(heard[-1]) == pytest.approx(found.alpha)
    assert not (graph.folder / "weights.balancing").exists()


@pytest.mark.usefixtures("one_thread")
def test_a_balancing_that_a_signal_ended_goes_on_without_ros_to_the_same_weights(graph: Graph, dataset: Path) -> None:
    output, state = graph.folder / "output", graph.folder / "output.balancing"
    options = ("method:=ours", "policy:=state", "steps:=40", "repeats:=3")
    graph.start("balancer", f"dataset:={dataset}", f"output:={output}", *options)
    graph.until(lambda: bool(list(state.glob("repetition-0.references*"))), "a piece")
    graph.end("balancer", signal.SIGTERM)
    policy, config = PolicyConfig(policy="state"), BalancingConfig(method="ours", steps=40, repeats=3)
    for folder in (output, graph.folder / "whole"):
        if not folder.exists():
            list(rebalance_dataset(Dataset.open(dataset), ("behavior",), folder, config, policy))
    resumed, whole = (balance_file.read(graph.folder / name).alpha for name in ("output", "whole"))
    assert resumed == whole
    assert not state.exists()


def test_a_checkpoint_is_written_at_once_while_training_goes_on(graph: Graph, dataset: Path) -> None:
    output = graph.folder / "policy"
    heard = graph.hear(Float64MultiArray, "trainer/progress", qos.LATCHED)
    long = ("steps:=100000", "report_every:=5", "held_out:=0.2")
    process = graph.start("trainer", f"dataset:={dataset}", f"output:={output}", *long, *SMALL)
    graph.until(lambda: bool(heard), "progress")
    labels = [part.label for part in heard[0].layout.dim]
    assert {"step", "loss slider", "weight slider", "held out slider", "pairs per second", "seconds left"} <= set(
        labels
    )
    assert "nothing is held out of slider: it has one demonstration" in graph.log("trainer")
    answer = graph.call(Trigger, "trainer/checkpoint")
    assert answer.success, answer.message
    (written,) = graph.folder.glob("policy-step*")
    assert str(written) in answer.message
    assert load(written).provenance["steps"] == int(written.name[-6:])
    so_far = len(heard)
    graph.until(lambda: len(heard) > so_far, "more progress")
    assert process.poll() is None
    assert not output.exists()


@pytest.mark.usefixtures("one_thread")
def test_a_training_that_a_signal_ended_goes_on_without_ros_to_the_same_policy(graph: Graph, dataset: Path) -> None:
    output, state = graph.folder / "policy", graph.folder / "policy.training" / "state.safetensors"
    options = (f"dataset:={dataset}", f"output:={output}", "steps:=200", "checkpoint_every:=5")
    graph.start("trainer", *options, *SMALL)
    graph.until(state.exists, "the training's state")
    assert graph.end("trainer", signal.SIGTERM) == 1
    assert not output.exists()
    policy = PolicyConfig(image_size=16, channels=(4, 4, 4), hidden=8)
    config = TrainingConfig(device="cpu", batch_size=8, steps=200)
    for folder in (output, graph.folder / "whole"):
        for _ in train_dataset(Dataset.open(dataset), folder, policy=policy, config=config):
            pass
        assert not state.exists()
    resumed, whole = (load(graph.folder / name).policy.state_dict() for name in ("policy", "whole"))
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


@pytest.mark.parametrize("node", ["trainer", "balancer"])
def test_sigint_ends_work_soon_and_leaves_no_half_result(graph: Graph, dataset: Path, node: str) -> None:
    output = graph.folder / "output"
    graph.start(node, f"dataset:={dataset}", f"output:={output}", "steps:=100000", "image_size:=16")
    graph.until(lambda: "reading the dataset" in graph.log(node), node)
    graph.spin(3.0)
    begun = time.monotonic()
    assert graph.end(node) == 1
    assert not output.exists()
    assert time.monotonic() - begun < 15


@pytest.mark.parametrize(
    ("node", "parameter", "sentence"),
    [
        ("balancer", "method:=best", "method is 'best'; it must be one of"),
        ("trainer", "steps:=0", "steps is 0; it must be from 1 to 10000000"),
    ],
)
def test_a_wrong_value_is_refused(graph: Graph, dataset: Path, node: str, parameter: str, sentence: str) -> None:
    assert graph.run(node, f"dataset:={dataset}", f"output:={graph.folder / 'x'}", parameter) == 2
    assert sentence in graph.log(node)

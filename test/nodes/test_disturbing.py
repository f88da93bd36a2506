"""The simulator disturbs what it carries out; what the demonstrator said stays clean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from geometry_msgs.msg import TwistStamped
from std_srvs.srv import Trigger

from balanced_bc.demonstrations.contract import SCENE_JOINT_STATES, TCP_POSE, VELOCITY_COMMAND
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.reading import read_tracks
from balanced_bc.nodes import qos
from balanced_bc.nodes.takes import Ledger
from balanced_bc.simulation.demonstrators import make_demonstrator
from balanced_bc.simulation.experts import Percept

if TYPE_CHECKING:
    from test.nodes.conftest import Graph


def recorded(graph: Graph) -> tuple[Dataset, list[int]]:
    """A dataset with perturbed demonstrations of the drawer, and the seed of the demonstrator of each."""
    dataset, results = graph.folder / "dataset", graph.folder / "takes.yaml"
    graph.start("simulator", "real_time_factor:=0.0", "wait_for_command:=5.0", "disturbance:=1.0")
    graph.start("demonstrator", "use_sim_time:=true", "quality:=perturbed")
    graph.start("recorder", "use_sim_time:=true", f"dataset:={dataset}", "tags:=[quality=perturbed]")
    arguments = ("use_sim_time:=true", "counts:=drawer=3", f"results:={results}", "seed:=5")
    assert graph.run("conductor", *arguments) == 0, graph.logs()
    return Dataset.open(Path(dataset)), [take.seed for take in Ledger(results, "demonstrator").takes if take.success]


def test_over_topics_perturbed_labels_are_the_optimal_experts_in_the_disturbed_states(graph: Graph) -> None:
    """In demonstrations of which no message was lost: a busy machine may lose some, and the recorder counts them."""
    dataset, seeds = recorded(graph)
    whole = 0
    for episode, seed in zip(dataset.episodes, seeds, strict=True):
        tracks = read_tracks(dataset.folder(episode.index), dataset.contract)
        at = {topic: dict(zip(track.stamps.tolist(), track.values)) for topic, track in tracks.items()}
        labels = dict(list(at[VELOCITY_COMMAND].items())[:-1])
        if not labels.keys() <= at[SCENE_JOINT_STATES].keys() & at[TCP_POSE].keys():
            continue
        whole += 1
        expert = make_demonstrator("opening", "drawer", "optimal", np.random.default_rng(seed))
        for stamp, label in labels.items():
            slider, drawer = at[SCENE_JOINT_STATES][stamp]
            percept = Percept(at[TCP_POSE][stamp], 0.0, slider, drawer, lightbulb=True, red_block=np.zeros(7))
            assert np.abs(expert.act(percept)[:6] - label).max() < 1e-9
    assert whole, graph.logs()
    frames = dataset.demonstration(dataset.episodes[0].index)
    assert frames.scene is not None
    moved = np.diff(frames.scene[:, :3], axis=0) * 30
    assert np.abs(moved - frames.action[:-1, :3])[3:20].max() > 0.12


def test_a_demonstrator_waits_for_listeners_that_are_not_connected_yet(graph: Graph) -> None:
    graph.start("simulator", "real_time_factor:=0.0", "wait_for_command:=5.0")
    graph.start("demonstrator", "use_sim_time:=true", "listeners:=2")

    def refusal() -> str:
        return str(graph.call(Trigger, "demonstrator/demonstrate").message)

    graph.until(lambda: "velocity_command is heard by 1 and waits for 2 listeners" in refusal(), "a refusal")
    graph.hear(TwistStamped, "velocity_command", qos.COMMANDS)
    graph.until(lambda: graph.call(Trigger, "demonstrator/demonstrate").success, "a demonstration")

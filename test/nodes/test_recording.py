"""Real nodes record real episodes over topics."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from mcap.reader import make_reader
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from balanced_bc.demonstrations.contract import GRIPPER_COMMAND, VELOCITY_COMMAND
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.reading import read_tracks
from balanced_bc.nodes import messages, qos
from balanced_bc.nodes.takes import Ledger

if TYPE_CHECKING:
    from test.nodes.conftest import Graph


@pytest.fixture(scope="module")
def recorded(world: Graph) -> Path:
    """A dataset that the conductor had recorded: one demonstration of each behavior of opening."""
    dataset = world.folder / "dataset"
    world.start("recorder", "use_sim_time:=true", f"dataset:={dataset}", "tags:=[quality=optimal]")
    conduct(world, "slider=1,drawer=1")
    return dataset


def conduct(world: Graph, counts: str) -> None:
    results = world.folder / "takes.yaml"
    code = world.run("conductor", "use_sim_time:=true", f"counts:={counts}", f"results:={results}", "seed:=5")
    assert code == 0, world.logs()


def test_the_conductor_records_what_was_asked_for(recorded: Path) -> None:
    assert Dataset.open(recorded).counts("behavior") == {"slider": 1, "drawer": 1}


def test_an_episode_is_tagged_with_behavior_quality_and_success(recorded: Path) -> None:
    tags = [record.tags for record in Dataset.open(recorded).episodes]
    assert tags == [
        {"behavior": name, "quality": "optimal", "kind": "optimal", "success": "true"} for name in ("slider", "drawer")
    ]


def test_in_lock_step_every_tick_has_its_command_and_every_stream(recorded: Path) -> None:
    for record in Dataset.open(recorded).episodes:
        assert record.gaps == 0
        assert record.pairs == record.streams[VELOCITY_COMMAND].messages


def test_in_lock_step_every_gripper_command_has_the_stamp_of_its_velocity_command(recorded: Path) -> None:
    dataset = Dataset.open(recorded)
    for record in dataset.episodes:
        tracks = read_tracks(dataset.folder(record.index), dataset.contract)
        grips, twists = tracks[GRIPPER_COMMAND].stamps, tracks[VELOCITY_COMMAND].stamps
        assert set(twists[:-1].tolist()) <= set(grips.tolist()) <= {*twists.tolist(), *grips[:1].tolist()}


def test_a_conductor_with_nothing_to_do_says_so_once(world: Graph, recorded: Path) -> None:
    conduct(world, "slider=1")
    assert world.log("conductor").count("nothing to do: the dataset has 1 of 1 slider") == 1
    assert len(Dataset.open(recorded).episodes) == 2


def test_an_independent_reader_finds_every_stream_in_the_bag(recorded: Path) -> None:
    dataset = Dataset.open(recorded)
    with (dataset.folder(0) / "000000.mcap").open("rb") as file:
        counts: dict[str, int] = {}
        for _, channel, _ in make_reader(file).iter_messages():
            counts[channel.topic.lstrip("/")] = counts.get(channel.topic.lstrip("/"), 0) + 1
    assert counts == {topic: stream.messages for topic, stream in dataset.episode(0).streams.items()}
    assert set(counts) == {stream.topic for stream in dataset.contract.streams}


def test_a_second_run_does_only_what_is_left_with_new_seeds(world: Graph, recorded: Path) -> None:
    conduct(world, "slider=2,drawer=1")
    assert Dataset.open(recorded).counts("behavior") == {"slider": 2, "drawer": 1}
    takes = Ledger(world.folder / "takes.yaml", "demonstrator").takes
    assert [take.seed for take in takes if take.behavior == "slider" and take.success][:2] == [5, 6]


def test_simulator_and_demonstrator_say_how_they_are_doing(world: Graph, recorded: Path) -> None:
    assert recorded.exists()
    assert world.diagnosed("simulator")["real-time factor"]
    assert world.diagnosed("demonstrator")["never heard"] == "nothing"


def test_coverage_says_what_to_record_next(world: Graph, recorded: Path) -> None:
    heard = world.hear(DiagnosticArray, "recorder/coverage")
    world.until(lambda: bool(heard), "recorder/coverage")
    counts = messages.counts_of(heard[-1])
    assert counts == Dataset.open(recorded).counts("behavior")
    assert [status.name for status in heard[-1].status if status.message] == [min(counts, key=lambda b: counts[b])]


def test_takes_are_tagged_marked_and_undone_by_services(world: Graph, recorded: Path) -> None:
    mouth = world.node.create_publisher(String, "recorder/tag", qos.EVENTS)
    states = world.hear(String, "recorder/state")
    world.until(lambda: bool(states) and mouth.get_subscription_count() > 0, "the recorder")
    before = len(Dataset.open(recorded).episodes)
    assert world.call(Trigger, "recorder/start").success
    mouth.publish(String(data="operator=ada"))
    world.until(lambda: "operator=ada" in states[-1].data, "the tag to arrive")
    world.call(Trigger, "demonstrator/demonstrate")
    world.call(SetBool, "recorder/mark_success", SetBool.Request(data=False))
    world.spin(1.5)
    assert world.call(Trigger, "recorder/save").success
    tags = Dataset.open(recorded).episodes[-1].tags
    assert (tags["operator"], tags["success"]) == ("ada", "false")
    assert world.call(Trigger, "recorder/undo").success
    assert len(Dataset.open(recorded).episodes) == before


@pytest.mark.usefixtures("recorded")
def test_saving_without_a_take_is_refused(world: Graph) -> None:
    answer = world.call(Trigger, "recorder/save")
    assert (answer.success, answer.message) == (False, "no take is open; call ~/start first")


def test_ctrl_c_in_the_middle_of_a_take_leaves_it_in_the_trash(world: Graph, recorded: Path) -> None:
    before = len(Dataset.open(recorded).episodes)
    assert world.call(Trigger, "recorder/start").success
    world.spin(0.5)
    assert world.end("recorder", signal.SIGINT) == 0
    dataset = Dataset.open(recorded)
    assert len(dataset.episodes) == before
    assert dataset.unfinished == ()


def test_a_killed_recorder_loses_only_the_open_take(
    world: Graph, recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(Dataset.open(recorded).episodes)
    parameters = ("use_sim_time:=true", f"dataset:={recorded}")
    with monkeypatch.context() as without:  # shared memory, which a killed node leaves in the way of later ones
        without.setenv("FASTDDS_BUILTIN_TRANSPORTS", "UDPv4")
        world.start("recorder", *parameters)
    states = world.hear(String, "recorder/state")
    world.until(lambda: bool(states), "the recorder")
    world.until(lambda: world.call(Trigger, "recorder/start").success, "a take to start")
    world.spin(0.5)
    world.end("recorder", signal.SIGKILL)
    dataset = Dataset.open(recorded)
    assert (len(dataset.episodes), len(dataset.unfinished)) == (before, 1)
    world.start("recorder", *parameters)
    conduct(world, "slider=2,drawer=2")
    assert Dataset.open(recorded).counts("behavior") == {"slider": 2, "drawer": 2}
    assert "was never finished" in world.log("recorder")


def test_an_interrupted_conductor_is_not_done_and_is_continued(world: Graph, recorded: Path) -> None:
    results = world.folder / "takes.yaml"
    states = world.hear(String, "recorder/state")
    world.start("conductor", "use_sim_time:=true", "counts:=slider=3", f"results:={results}", "seed:=5")
    world.until(lambda: bool(states) and states[-1].data.startswith("recording"), "a take")
    assert world.end("conductor", signal.SIGINT) == 1
    conduct(world, "slider=3")
    assert Dataset.open(recorded).counts("behavior")["slider"] == 3


def test_a_silent_stream_is_refused_by_name_with_what_is_heard(graph: Graph, tmp_path: Path) -> None:
    graph.start("recorder", f"dataset:={tmp_path / 'dataset'}", "tags:=[behavior=left]")
    graph.until(lambda: "start a take" in graph.log("recorder"), "the recorder")
    answer = graph.call(Trigger, "recorder/start")
    assert not answer.success
    assert answer.message.startswith("static_camera/image_raw, gripper_camera/image_raw, joint_states said nothing")
    assert answer.message.endswith("heard are: nothing")


@pytest.mark.parametrize(
    ("parameter", "sentence"),
    [
        ("silence:=-1.0", "parameter silence is -1.0; it must be from 0.1 to 60.0"),
        ("datast:=x", "has no parameter 'datast' (did you mean dataset?)"),
        ("tags:=[left]", "'left' is not a tag; a tag is written axis=value"),
        ("robot:=fr4", "there is no robot 'fr4'"),
    ],
)
def test_a_wrong_parameter_ends_the_node_with_one_clear_line(graph: Graph, parameter: str, sentence: str) -> None:
    assert graph.run("recorder", f"dataset:={graph.folder / 'dataset'}", parameter) == 2
    assert sentence in graph.log("recorder")
    assert len(graph.log("recorder").splitlines()) == 1

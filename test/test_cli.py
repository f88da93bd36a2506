"""The command `balanced-bc` as a person types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

from balanced_bc.cli import VERBS, main
from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.options import expanded
from balanced_bc.policies.checkpoint import save
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.making import make


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code not in (0, None)
    return capsys.readouterr().err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main((verb, "--help"))
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert (VERBS[verb].__doc__ or "").split(",")[0].split(";")[0].split()[0] in printed


def test_a_wrong_verb_lists_those_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert all(verb in refused(capsys, "balence") for verb in VERBS)


def test_a_missing_dataset_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert str(tmp_path / "nothing") in refused(capsys, "inspect", str(tmp_path / "nothing"))


def test_an_unknown_behavior_lists_those_that_exist(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    error = refused(capsys, "collect", "--output", str(tmp_path / "data"), "--counts", "door=1")
    assert "slider" in error
    assert "drawer" in error


def test_an_unknown_kind_lists_those_that_exist(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for words in (("--quality", "bad"), ("--counts", "slider+bad=1")):
        error = refused(capsys, "collect", "--output", str(tmp_path / "data"), *words)
        assert all(word in error for word in ("noisy", "wrong-first", "misleading"))


def test_what_is_refused_leaves_no_dataset_behind(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for words in (("--counts", "door=1"), ("--counts", "slider=0"), ("--quality", "misleading")):
        refused(capsys, "collect", "--output", str(tmp_path / "data"), *words)
    assert not (tmp_path / "data").exists()


def test_a_tag_without_a_value_or_no_tag_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "no tag is given" in refused(capsys, "tag", str(tmp_path), "--episodes", "0")


def test_false_in_a_file_turns_an_option_off(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "options.yaml"
    path.write_text("vectorize: false\nmethod: nothing\n")
    assert "nothing" in refused(capsys, "balance", "--config", str(path), "--dataset", "x", "--output", "y")
    path.write_text("vectorize: false\n")
    assert "no folder x" in refused(capsys, "balance", "--config", str(path), "--dataset", "x", "--output", "y")


def test_collecting_again_says_that_nothing_is_to_do(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for _ in range(2):
        main(("collect", "--output", str(tmp_path / "data"), "--counts", "slider=1"))
    printed = capsys.readouterr().out
    assert "added 1 demonstrations" in printed
    assert "nothing to do" in printed


def test_an_interrupted_collection_leaves_whole_episodes(tmp_path: Path) -> None:
    words = ("collect", "--output", str(tmp_path / "data"), "--counts", "drawer=200", "--workers", "2")
    process = subprocess.Popen((sys.executable, "-m", "balanced_bc", *words), stdout=subprocess.DEVNULL)
    begun = time.monotonic()
    while len(list((tmp_path / "data").glob("episodes/[0-9]*/episode.yaml"))) < 2:
        assert process.poll() is None
        assert time.monotonic() - begun < 60
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    dataset = Dataset.open(tmp_path / "data")
    assert len(dataset.episodes) >= 2
    assert dataset.unfinished == ()


def test_a_picture_of_starts_is_written(tmp_path: Path) -> None:
    path = tmp_path / "starts.png"
    main(("watch", "--task", "picking", "--starts", "2", "--size", "64", "--output", str(path)))
    assert Image.open(path).size == (2 * 64 + 4, 3 * (64 + 24) + 5 * 4)


def test_a_configuration_file_holds_the_same_options(tmp_path: Path) -> None:
    path = tmp_path / "options.yaml"
    path.write_text(yaml.safe_dump({"steps": 5, "channels": [8, 16]}, sort_keys=False))
    words = ["--output", "x", "--config", str(path), "--steps", "7"]
    assert expanded(words) == ["--steps", "5", "--channels", "8", "16", "--output", "x", "--steps", "7"]


def test_groups_and_switches_of_a_configuration_file_are_spelled_out(tmp_path: Path) -> None:
    path = tmp_path / "options.yaml"
    path.write_text(
        yaml.safe_dump({"check": True, "quiet": False, "encoding": {"steps": 5, "fast": False}}, sort_keys=False)
    )
    assert expanded([f"--config={path}"]) == ["--check", "--no-quiet", "--encoding.steps", "5", "--encoding.no-fast"]


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[1] / "config/balance").glob("*.yaml")), ids=str)
def test_configuration_files_that_come_along_are_understood(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    assert "no folder x" in refused(capsys, "balance", "--config", str(path), "--dataset", "x", "--output", "y")


def test_a_damaged_configuration_file_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "options.yaml"
    path.write_text("steps: [")
    assert "is no YAML" in refused(capsys, "train", "--config", str(path))


def test_a_missing_configuration_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert "none.yaml" in refused(capsys, "train", "--config", "none.yaml")


@pytest.fixture
def policies(tmp_path: Path) -> tuple[Path, Path]:
    """Two checkpoints of state policies that have learned nothing."""
    paths = (tmp_path / "one", tmp_path / "two")
    for path in paths:
        torch.manual_seed(len(path.name) + ord(path.name[0]))
        policy = make(PolicyConfig(policy="state", hidden=16), [])
        save(path, policy, RobotContract(), {"weights": {"left": 0.5, "right": 0.5}})
    return paths


def test_two_policies_are_compared_filmed_and_their_failures_drawn(
    policies: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = map(str, policies)
    out = {name: tmp_path / "new" / name for name in ("found.yaml", "failures.png", "film.gif")}
    words = ("--rollouts", "2", "--horizon", "6", "--picture-size", "32", "--film", str(out["film.gif"]))
    files = ("--output", str(out["found.yaml"]), "--failures", str(out["failures.png"]))
    main(("evaluate", "--checkpoint", one, "--against", two, *files, *words))
    printed = capsys.readouterr().out
    assert printed.count("warning: the policy was trained on the groups left, right; none of them is named slider") == 2
    assert f"the same starts, {one} against {two}" in printed
    found = ("found_against.yaml", "found_comparison.yaml", *out)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(found)
    comparison = yaml.safe_load((tmp_path / "new" / "found_comparison.yaml").read_text())
    assert comparison["overall"]["neither"] == 4
    assert comparison["checkpoint"]["fingerprint"] != comparison["against"]["fingerprint"]
    assert Image.open(out["film.gif"]).size[0] == 2 * 32 + 4


def test_a_policy_that_is_missing_is_named_before_anything_is_simulated(
    policies: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("evaluate", "--checkpoint", str(policies[0]), "--against", str(tmp_path / "three"))
    assert "three is no checkpoint" in refused(capsys, *words)
    assert "three is no checkpoint" in refused(capsys, "evaluate", "--checkpoint", str(tmp_path / "three"))
    assert "evaluating" not in capsys.readouterr().out


Refusal = Callable[..., str]


@pytest.fixture
def evaluated(policies: tuple[Path, Path], tmp_path: Path) -> Path:
    """An evaluation of the first policy: rollouts of opening from seeds 0 and 1."""
    path = tmp_path / "found.yaml"
    main(("evaluate", "--checkpoint", str(policies[0]), "--output", str(path), "--rollouts", "2", "--horizon", "2"))
    return path


@pytest.fixture
def refusal(policies: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> Refusal:
    """What is said to options of an evaluation of the first policy, which nothing is rolled out for."""

    def of(*words: str) -> str:
        said = refused(
            capsys, "evaluate", "--checkpoint", str(policies[0]), "--rollouts", "2", "--horizon", "2", *words
        )
        assert not [*policies[0].parent.rglob(".*")], "nothing is left behind"
        return said

    return of


def test_files_that_cannot_be_written_are_named_before_anything_is_rolled_out(refusal: Refusal, tmp_path: Path) -> None:
    folder, notes = tmp_path / "folder.gif", tmp_path / "notes.txt"
    folder.mkdir()
    notes.write_text("mine")
    assert "is a folder; name a file" in refusal("--output", str(tmp_path))
    assert f"{folder} is a folder; name a file" in refusal("--film", str(folder))
    for path in (notes / "failures.png", Path("/dev/null/failures.png"), tmp_path / f"{'long' * 62}.png"):
        assert f"{path} cannot be written" in refusal("--failures", str(path))
    assert f"{tmp_path / 'new.gif'} is wanted for two" in refusal(
        "--output", str(tmp_path / "new.gif"), "--film", str(tmp_path / "new.gif")
    )


@pytest.mark.parametrize("option", ["--output", "--film", "--failures", "--against"])
def test_what_somebody_else_wrote_is_never_replaced(
    option: str, refusal: Refusal, policies: tuple[Path, Path], tmp_path: Path
) -> None:
    names = {"--output": "mine.yaml", "--film": "mine.gif", "--failures": "mine.png"}
    path = tmp_path / names.get(option, "new_comparison.yaml")
    path.write_text("notes: made by balanced_bc\n")
    value = policies[1] if option == "--against" else path
    said = refusal("--output", str(tmp_path / "new.yaml"), option, str(value))
    assert f"{path} exists and " in said
    assert path.read_text() == "notes: made by balanced_bc\n"


def test_an_evaluation_is_not_replaced_by_another_one(
    evaluated: Path, refusal: Refusal, policies: tuple[Path, Path]
) -> None:
    before, to_it = evaluated.read_text(), ("--output", str(evaluated))
    for words, reason in (
        (("--checkpoint", str(policies[1])), "holds another evaluation (checkpoint: "),
        (("--task", "picking"), "(task: opening there, picking here)"),
        (("--horizon", "3"), "(horizon: 2 there, 3 here)"),
        (("--rollouts", "1"), "holds 4 rollouts, and 2 of them would be lost, the first drawer from seed 1"),
        (("--behaviors", "drawer"), "2 of them would be lost, the first slider from seed 0"),
        (("--seed", "1"), "2 of them would be lost, the first drawer from seed 0"),
    ):
        assert reason in refusal(*to_it, *words)
    assert evaluated.read_text() == before


def test_a_comparison_of_other_policies_is_not_replaced(
    refusal: Refusal, policies: tuple[Path, Path], tmp_path: Path
) -> None:
    one, two = map(str, policies)
    short = ("--rollouts", "1", "--horizon", "2", "--output", str(tmp_path / "found.yaml"))
    main(("evaluate", "--checkpoint", one, "--against", two, *short))
    (tmp_path / "found_against.yaml").unlink()
    assert "found_comparison.yaml compares the policies" in refusal(*short, "--against", one)


def test_the_same_command_and_one_for_more_rollouts_replace_what_they_wrote(
    policies: tuple[Path, Path], tmp_path: Path
) -> None:
    found, failures, film = (str(tmp_path / name) for name in ("found.yaml", "failures.png", "film.gif"))
    words = ("evaluate", "--checkpoint", str(policies[0]), "--against", str(policies[1]), "--behaviors", "slider")
    small = ("--horizon", "2", "--picture-size", "32")
    for rollouts in ("1", "1", "2"):
        files = ("--output", found, "--failures", failures, "--film", film)
        main((*words, *small, *files, "--rollouts", rollouts))
    assert len(yaml.safe_load(Path(found).read_text())["rollouts"]) == 2


def test_a_task_that_does_not_exist_is_named_whatever_stands_at_the_output(evaluated: Path, refusal: Refusal) -> None:
    assert "there is no task 'pick'; there are opening, picking" in refusal(
        "--output", str(evaluated), "--task", "pick"
    )


def is_running(group: int) -> bool:
    """Whether a group of processes has any left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_evaluation_that_is_told_to_end_says_that_the_same_command_goes_on(policies: tuple[Path, Path]) -> None:
    words = ("evaluate", "--checkpoint", str(policies[0]), "--rollouts", "1000")
    command = (sys.executable, "-m", "balanced_bc", *words)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while not (policies[0] / ".evaluation.yaml.journal").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.terminate()
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said.decode() == "balanced-bc evaluate: interrupted; the same command goes on where it stopped\n"


def test_an_interrupted_evaluation_leaves_no_process_and_goes_on(policies: tuple[Path, Path]) -> None:
    path, _ = policies
    words = ("evaluate", "--checkpoint", str(path), "--rollouts", "16", "--behaviors", "slider", "--horizon", "60")
    command = (sys.executable, "-m", "balanced_bc", *words, "--workers", "2")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    journal, begun = path / ".evaluation.yaml.journal", time.monotonic()
    while not journal.exists() or journal.read_text().count("\n") < 3:
        assert process.poll() is None
        assert time.monotonic() - begun < 60
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # a terminal's Ctrl+C reaches workers as well
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "the same command goes on where it stopped" in said.decode()
    assert "Traceback" not in said.decode()
    assert "Warning" not in said.decode()
    while is_running(process.pid):
        assert time.monotonic() - begun < 120
        time.sleep(0.02)
    kept = journal.read_text().splitlines()
    main((*words, "--workers", "1"))
    rollouts = yaml.safe_load((path / "evaluation.yaml").read_text())["rollouts"]
    assert len(rollouts) == 16
    assert all(json.loads(line) in rollouts for line in kept[1:])
    assert not journal.exists()


def test_the_day_without_ros(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, weights, policy = (str(tmp_path / name) for name in ("data", "weights", "policy"))
    small = ("--policy", "state", "--hidden", "16", "--steps", "4")
    main(("collect", "--output", data, "--counts", "slider=2,drawer=4", "--workers", "2"))
    main(("tag", data, "--episodes", "0-1", "quality=suboptimal"))
    main(("balance", "--dataset", data, "--output", weights, "--method", "remix", "--repeats", "1", *small))
    main(("explain", weights, "--html", str(tmp_path / "page.html")))
    assert (tmp_path / "page.html").read_text() == (tmp_path / "weights" / "report.html").read_text()
    main(("train", "--dataset", data, "--weights", f"{weights}/balance.yaml", "--output", policy, *small))
    main(("evaluate", "--checkpoint", policy, "--task", "opening", "--rollouts", "1", "--horizon", "5"))
    printed = capsys.readouterr().out
    assert "0/1" in printed
    assert "suboptimal" not in refused(capsys, "train", "--dataset", data, "--output", policy)
    assert (tmp_path / "policy" / "evaluation.yaml").exists()
    assert "horse" in refused(capsys, "balance", "--dataset", data, "--output", f"{weights}2", "--group-by", "horse")


def test_what_looks_like_an_emoji_is_printed_as_it_was_typed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert "a:key:" in refused(capsys, "evaluate", "--checkpoint", str(tmp_path / "a:key:"), "--task", "picking")

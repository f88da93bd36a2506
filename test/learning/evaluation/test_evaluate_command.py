"""The command `balanced-bc evaluate` as a person types it: files, refusals, interruptions."""

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

from balanced_bc.cli import main
from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.policies.checkpoint import save
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.making import make

Refused = Callable[..., str]


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
    policies: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], refused: Refused
) -> None:
    words = ("evaluate", "--checkpoint", str(policies[0]), "--against", str(tmp_path / "three"))
    assert "three is no checkpoint" in refused(*words)
    assert "three is no checkpoint" in refused("evaluate", "--checkpoint", str(tmp_path / "three"))
    assert "evaluating" not in capsys.readouterr().out


@pytest.fixture
def evaluated(policies: tuple[Path, Path], tmp_path: Path) -> Path:
    """An evaluation of the first policy: rollouts of opening from seeds 0 and 1."""
    path = tmp_path / "found.yaml"
    main(("evaluate", "--checkpoint", str(policies[0]), "--output", str(path), "--rollouts", "2", "--horizon", "2"))
    return path


@pytest.fixture
def refusal(policies: tuple[Path, Path], refused: Refused) -> Refused:
    """What is said to options of an evaluation of the first policy, which nothing is rolled out for."""

    def of(*words: str) -> str:
        said = refused("evaluate", "--checkpoint", str(policies[0]), "--rollouts", "2", "--horizon", "2", *words)
        assert not [*policies[0].parent.rglob(".*")], "nothing is left behind"
        return said

    return of


def test_files_that_cannot_be_written_are_named_before_anything_is_rolled_out(refusal: Refused, tmp_path: Path) -> None:
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
    option: str, refusal: Refused, policies: tuple[Path, Path], tmp_path: Path
) -> None:
    names = {"--output": "mine.yaml", "--film": "mine.gif", "--failures": "mine.png"}
    path = tmp_path / names.get(option, "new_comparison.yaml")
    path.write_text("notes: made by balanced_bc\n")
    value = policies[1] if option == "--against" else path
    said = refusal("--output", str(tmp_path / "new.yaml"), option, str(value))
    assert f"{path} exists and " in said
    assert path.read_text() == "notes: made by balanced_bc\n"


def test_an_evaluation_is_not_replaced_by_another_one(
    evaluated: Path, refusal: Refused, policies: tuple[Path, Path]
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
    refusal: Refused, policies: tuple[Path, Path], tmp_path: Path
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


def test_a_task_that_does_not_exist_is_named_whatever_stands_at_the_output(evaluated: Path, refusal: Refused) -> None:
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
    kept = [json.loads(line) for line in journal.read_text().splitlines()[1:]]
    main((*words, "--workers", "1"))
    rollouts = yaml.safe_load((path / "evaluation.yaml").read_text())["rollouts"]
    assert len(rollouts) == 16
    assert all({name: one[name] for name in rollouts[0]} in rollouts for one in kept)
    assert not journal.exists()

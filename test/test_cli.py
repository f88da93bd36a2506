"""The command `balanced-bc` as a person types it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from PIL import Image

from balanced_bc.cli import VERBS, main
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.options import expanded

Refused = Callable[..., str]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main((verb, "--help"))
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert (VERBS[verb].__doc__ or "").split(",")[0].split(";")[0].split()[0] in printed


def test_a_wrong_verb_lists_those_that_exist(refused: Refused) -> None:
    assert all(verb in refused("balence") for verb in VERBS)


def test_a_missing_dataset_is_named(refused: Refused, tmp_path: Path) -> None:
    assert str(tmp_path / "nothing") in refused("inspect", str(tmp_path / "nothing"))


def test_an_unknown_behavior_lists_those_that_exist(refused: Refused, tmp_path: Path) -> None:
    error = refused("collect", "--output", str(tmp_path / "data"), "--counts", "door=1")
    assert "slider" in error
    assert "drawer" in error


def test_an_unknown_kind_lists_those_that_exist(refused: Refused, tmp_path: Path) -> None:
    for words in (("--quality", "bad"), ("--counts", "slider+bad=1")):
        error = refused("collect", "--output", str(tmp_path / "data"), *words)
        assert all(word in error for word in ("noisy", "wrong-first", "misleading"))


def test_what_is_refused_leaves_no_dataset_behind(refused: Refused, tmp_path: Path) -> None:
    for words in (("--counts", "door=1"), ("--counts", "slider=0"), ("--quality", "misleading")):
        refused("collect", "--output", str(tmp_path / "data"), *words)
    assert not (tmp_path / "data").exists()


def test_nothing_to_explain_is_refused(refused: Refused) -> None:
    assert "no weights are named; give balance.yaml, or its folder" in refused("explain")


def test_a_tag_without_a_value_or_no_tag_is_refused(refused: Refused, tmp_path: Path) -> None:
    assert "no tag is given" in refused("tag", str(tmp_path), "--episodes", "0")


def test_parts_of_episodes_are_tagged_and_counted(
    capsys: pytest.CaptureFixture[str], refused: Refused, tmp_path: Path
) -> None:
    data = str(tmp_path / "data")
    main(("collect", "--output", data, "--counts", "slider=2"))
    main(("tag", data, "--episodes", "0-1", "--end", "0.4", "phase=reach"))
    assert "no tag on 'phase' in episode 0 from 0.433 s to" in refused("inspect", data, "--group-by", "phase")
    main(("tag", data, "--episodes", "0-1", "--start", "0.4333", "phase=pull"))
    capsys.readouterr()
    main(("inspect", data, "--group-by", "behavior,phase"))
    pull, reach, every = (line.split()[:3] for line in capsys.readouterr().out.splitlines()[1:])
    assert (pull[:2], reach, every[:2]) == (["slider+pull", "2"], ["slider+reach", "2", "26"], ["all", "2"])
    assert int(every[2]) == int(pull[2]) + 26
    assert "takes no tags" in refused("tag", data, "--episodes", "0-1", "--undo", "phase=pull")
    main(("tag", data, "--episodes", "0-1", "--undo"))
    assert "no tag on 'phase' in episode 0 from 0.433 s to" in refused("inspect", data, "--group-by", "phase")


def test_false_in_a_file_turns_an_option_off(refused: Refused, tmp_path: Path) -> None:
    path = tmp_path / "options.yaml"
    path.write_text("vectorize: false\nmethod: nothing\n")
    assert "nothing" in refused("balance", "--config", str(path), "--dataset", "x", "--output", "y")
    path.write_text("vectorize: false\n")
    assert "no folder x" in refused("balance", "--config", str(path), "--dataset", "x", "--output", "y")


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
def test_configuration_files_that_come_along_are_understood(refused: Refused, path: Path) -> None:
    assert "no folder x" in refused("balance", "--config", str(path), "--dataset", "x", "--output", "y")


def test_a_damaged_configuration_file_is_named(refused: Refused, tmp_path: Path) -> None:
    path = tmp_path / "options.yaml"
    path.write_text("steps: [")
    assert "is no YAML" in refused("train", "--config", str(path))


def test_a_missing_configuration_file_is_named(refused: Refused) -> None:
    assert "none.yaml" in refused("train", "--config", "none.yaml")


def test_the_day_without_ros(tmp_path: Path, capsys: pytest.CaptureFixture[str], refused: Refused) -> None:
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
    assert "suboptimal" not in refused("train", "--dataset", data, "--output", policy)
    assert (tmp_path / "policy" / "evaluation.yaml").exists()
    assert "horse" in refused("balance", "--dataset", data, "--output", f"{weights}2", "--group-by", "horse")


def test_what_looks_like_an_emoji_is_printed_as_it_was_typed(refused: Refused, tmp_path: Path) -> None:
    assert "a:key:" in refused("evaluate", "--checkpoint", str(tmp_path / "a:key:"), "--task", "picking")

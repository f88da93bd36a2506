"""Films and pictures can be opened and show what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import pytest
from PIL import Image, ImageSequence

from balanced_bc.policies.checkpoint import save
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.making import make
from balanced_bc.simulation.environment import CONTRACT
from balanced_bc.simulation.errors import SimulationError
from balanced_bc.watching.config import ReplayConfig, WatchConfig
from balanced_bc.watching.errors import WatchingError
from balanced_bc.watching.film import write_film
from balanced_bc.watching.mark import is_ours
from balanced_bc.watching.pictures import GAP, below, beside
from balanced_bc.watching.replays import Replay, draw_ends, film_replays, together
from balanced_bc.watching.starts import draw_starts, write_picture
from balanced_bc.watching.takes import Shown
from balanced_bc.watching.watch import watch

SIZE = 64


def watched(path: Path, **options: Any) -> list[Shown]:
    config = WatchConfig(behavior="slider", size=SIZE, output=path)
    return list(watch(WatchConfig(**{**vars(config), **options})))


def test_a_film_shows_both_cameras_side_by_side_in_real_time(tmp_path: Path) -> None:
    path = tmp_path / "film.gif"
    (shown,) = watched(path)
    assert "done after" in shown.note
    steps = int(shown.note.split(" after ")[1].split()[0])
    with Image.open(path) as film:
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(film)]
        lasted = sum(frame.info["duration"] for frame in ImageSequence.Iterator(film))
    assert frames[0].size[0] == 2 * SIZE + GAP
    assert np.abs(np.asarray(frames[0], int) - np.asarray(frames[-1], int)).max() > 100
    assert lasted / 1000 == pytest.approx(steps / 30 + 12 / 15, abs=0.1)


def test_one_camera_alone_can_be_filmed(tmp_path: Path) -> None:
    watched(tmp_path / "film.gif", view="gripper", horizon=4)
    assert Image.open(tmp_path / "film.gif").size[0] == SIZE


def test_an_mp4_can_be_read_back(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    watched(path, horizon=9)
    film = cv2.VideoCapture(str(path))
    assert film.get(cv2.CAP_PROP_FPS) == 15
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == 5 + 12
    assert film.read()[0]
    film.release()


def test_several_takes_of_every_behavior_follow_each_other(tmp_path: Path) -> None:
    notes = [shown.note for shown in watched(tmp_path / "film.gif", behavior="", takes=2, horizon=2, seed=4)]
    assert [note.split(",")[0] for note in notes] == ["slider", "slider", "drawer", "drawer"]
    assert [note.split()[-1] for note in notes] == ["4", "5", "4", "5"]


def test_a_misleading_demonstrator_is_not_done(tmp_path: Path) -> None:
    (shown,) = watched(tmp_path / "film.gif", quality="misleading")
    assert "not done" in shown.note


@pytest.mark.parametrize("kind", ["image", "state"])
def test_a_policy_can_be_watched(kind: Literal["image", "state"], tmp_path: Path) -> None:
    config = PolicyConfig(policy=kind, image_size=16, channels=(8, 8), keypoints=4, hidden=16)
    save(tmp_path / "policy", make(config, [camera.name for camera in CONTRACT.cameras]), CONTRACT)
    (shown,) = watched(tmp_path / "film.gif", checkpoint=tmp_path / "policy", horizon=4)
    assert shown.note == "slider, policy: not done after 4 steps, seed 0"


def test_a_film_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(WatchingError, match=r"\.gif or \.mp4"):
        write_film([np.zeros((8, 8, 3), np.uint8)], tmp_path / "film.avi")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["film.gif", "film.mp4", "picture.png"])
def test_films_and_pictures_are_known_as_ours_and_others_are_not(name: str, tmp_path: Path) -> None:
    ours, theirs = tmp_path / name, tmp_path / f"their_{name}"
    frame = np.zeros((32, 32, 3), np.uint8)
    write_picture(frame, ours) if name.endswith("png") else write_film([frame, frame + 9], ours)
    assert is_ours(ours)
    theirs.write_bytes(ours.read_bytes().replace(b"made by balanced_bc", b"made by a stranger."))
    assert not is_ours(theirs)
    theirs.write_text("notes, made by balanced_bc")
    assert not is_ours(theirs)


def test_the_mark_of_a_film_hides_no_frame(tmp_path: Path) -> None:
    write_film([np.full((32, 32, 3), shade, np.uint8) for shade in (0, 120, 240)], tmp_path / "film.mp4")
    film = cv2.VideoCapture(str(tmp_path / "film.mp4"))
    shades = [film.read()[1].mean() for _ in range(3)]
    assert shades == pytest.approx((0, 120, 240), abs=8)
    assert not film.read()[0]
    film.release()


@pytest.mark.parametrize("options", [{"output": Path("a.avi")}, {"output": Path("a.gif"), "starts": 3}])
def test_a_wrong_kind_of_file_is_refused_before_anything_is_simulated(options: dict[str, Any]) -> None:
    with pytest.raises(WatchingError, match="file that ends in"):
        WatchConfig(**options)


def test_a_window_without_a_screen_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(WatchingError, match="screen"):
        watch(WatchConfig(window=True))


def test_unknown_names_list_what_exists() -> None:
    with pytest.raises(SimulationError, match="opening, picking"):
        watch(WatchConfig(task="juggling"))
    with pytest.raises(SimulationError, match="slider, drawer"):
        watch(WatchConfig(behavior="door"))
    with pytest.raises(SimulationError, match="slider, drawer"):
        draw_starts(WatchConfig(behavior="door", starts=1))


def test_files_are_named_after_what_they_show() -> None:
    assert WatchConfig(behavior="slider").file == Path("opening_slider.gif")
    assert WatchConfig(task="picking", starts=3).file == Path("picking_starts.png")
    assert WatchConfig(window=True).file is None


def test_pictures_of_different_width_stand_below_each_other() -> None:
    small, wide = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 10, 3), np.uint8)
    assert below((small, wide)).shape == (8 + GAP, 10, 3)
    assert beside((small, wide)).shape == (4, 14 + GAP, 3)


def _moved(seed: int, ticks: int, title: str = "timeout") -> Replay:
    """The hand moves toward the drawer."""
    twist = np.array((0.3, 0.0, -0.3, 0.0, 0.0, 0.0, 1.0), np.float32)
    return Replay("drawer", seed, np.tile(twist, (ticks, 1)), title)


def test_replays_are_filmed_side_by_side_until_the_longest_is_over(tmp_path: Path) -> None:
    path = tmp_path / "film.gif"
    rows = [(_moved(seed, 3), _moved(seed, 9)) for seed in (0, 1)]
    shown = list(film_replays(rows, "opening", "tabletop", SIZE, path))
    assert [(one.done, one.total, one.note) for one in shown] == [(1, 2, "drawer, seed 0"), (2, 2, "drawer, seed 1")]
    with Image.open(path) as film:
        assert film.size == (2 * SIZE + GAP, SIZE + 2 * (24 + GAP))
        lasted = sum(frame.info["duration"] for frame in ImageSequence.Iterator(film))
        film.seek(0)
        first, second = np.split(np.asarray(film.convert("RGB"), int)[-SIZE:, : 2 * SIZE + GAP], (SIZE + GAP,), axis=1)
        assert (first[:, :SIZE] == second).all()
        film.seek(5)
        first, second = np.split(np.asarray(film.convert("RGB"), int)[-SIZE:, : 2 * SIZE + GAP], (SIZE + GAP,), axis=1)
        assert np.abs(first[:, :SIZE] - second).max() > 100
    assert lasted / 1000 == pytest.approx(2 * (6 + 12) / 15, abs=0.1)


def test_a_film_that_ends_earlier_waits() -> None:
    short, long = ([np.full((4, 4, 3), number, np.uint8) for number in range(length)] for length in (2, 4))
    frames = together([short, long])
    assert [(int(frame[0, 0, 0]), int(frame[0, -1, 0])) for frame in frames[:5]] == [
        (0, 0),
        (1, 1),
        (1, 2),
        (1, 3),
        (1, 3),
    ]


def test_a_contact_sheet_shows_start_and_end_of_each_failure(tmp_path: Path) -> None:
    path = tmp_path / "failures.png"
    shown = list(draw_ends([_moved(seed, 20, "missed grasp") for seed in range(4)], "opening", "tabletop", SIZE, path))
    assert shown[-1].note == "drawer, seed 3: missed grasp"
    with Image.open(path) as sheet:
        assert sheet.size == (3 * (2 * SIZE + GAP) + 2 * GAP, 2 * (24 + GAP + SIZE) + GAP)
        cell = np.asarray(sheet.convert("RGB"), int)[24 + GAP :][:SIZE, : 2 * SIZE + GAP]
    assert np.abs(cell[:, :SIZE] - cell[:, SIZE + GAP :]).max() > 100


@pytest.mark.parametrize("options", [{"failures": Path("a.gif")}, {"film": Path("a.png")}])
def test_pictures_of_an_evaluation_end_in_what_they_are(options: dict[str, Any]) -> None:
    with pytest.raises(WatchingError, match="wants a file that ends in"):
        ReplayConfig(**options)

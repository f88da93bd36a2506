"""What is kept of an evaluation that goes on."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.evaluation.journal import Journal, journal_of
from balanced_bc.learning.evaluation.rollout import Played, Rollout

ABOUT = {"checkpoint": "abc", "task": "opening"}
ROLLOUTS = [
    Played(Rollout(*how), np.random.default_rng(how[1]).normal(size=(how[3], 7)).astype(np.float32))
    for how in (("slider", 0, True, 4), ("drawer", 7, False, 12, "timeout"))
]


def kept(path: Path) -> list[tuple[Rollout, bytes]]:
    """What a journal holds, to the bit."""
    return [(one.rollout, one.actions.tobytes()) for one in Journal(path, ABOUT).kept.values()]


EXPECTED = [(one.rollout, one.actions.tobytes()) for one in ROLLOUTS]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with two rollouts."""
    path = journal_of(tmp_path / "new" / "evaluation.yaml")
    journal = Journal(path, ABOUT)
    for one in ROLLOUTS:
        journal.keep(one)
    journal.close()
    return path


def test_a_journal_that_cannot_be_made_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LearningError, match=r"file/.x\.journal cannot be written: "):
        Journal(journal_of(tmp_path / "file" / "x"), ABOUT)


def test_rollouts_are_found_again(path: Path) -> None:
    assert kept(path) == EXPECTED


def test_a_journal_about_something_else_begins_anew(path: Path) -> None:
    with closing(Journal(path, {**ABOUT, "checkpoint": "xyz"})) as other:
        assert not other.kept
    assert not Journal(path, ABOUT).kept


@pytest.mark.parametrize("lost", [1, 5, 60])
def test_a_line_that_was_not_written_to_its_end_is_not_there(path: Path, lost: int) -> None:
    path.write_bytes(path.read_bytes()[:-lost])
    journal = Journal(path, ABOUT)
    assert [one.rollout for one in journal.kept.values()] == [ROLLOUTS[0].rollout]
    journal.keep(ROLLOUTS[1])
    journal.close()
    assert kept(path) == EXPECTED


def test_a_file_of_something_else_is_not_read(path: Path) -> None:
    path.write_bytes(b"\xff\xfe no journal\n{}\n")
    assert not Journal(path, ABOUT).kept


def test_two_evaluations_do_not_share_a_journal(path: Path) -> None:
    with (
        closing(Journal(path, ABOUT)),
        pytest.raises(LearningError, match=r"another evaluation writes to .*evaluation.yaml.journal"),
    ):
        Journal(path, {**ABOUT, "task": "picking"})
    assert kept(path) == EXPECTED


def test_a_damaged_journal_is_named(path: Path) -> None:
    with path.open("a") as file:
        file.write("{]\n")
    with pytest.raises(LearningError, match=r"evaluation.yaml.journal is damaged .*; remove it"):
        Journal(path, ABOUT)

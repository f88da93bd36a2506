"""What is kept of an evaluation that goes on."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.evaluation.journal import Journal, journal_of
from balanced_bc.learning.evaluation.rollout import Rollout

ABOUT = {"checkpoint": "abc", "task": "opening"}
ROLLOUTS = [Rollout("slider", 0, True, 40), Rollout("drawer", 7, False, 120, "timeout")]


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
    assert list(Journal(path, ABOUT).kept.values()) == ROLLOUTS


def test_a_journal_about_something_else_begins_anew(path: Path) -> None:
    with closing(Journal(path, {**ABOUT, "checkpoint": "xyz"})) as other:
        assert not other.kept
    assert not Journal(path, ABOUT).kept


@pytest.mark.parametrize("lost", [1, 5, 60])
def test_a_line_that_was_not_written_to_its_end_is_not_there(path: Path, lost: int) -> None:
    path.write_bytes(path.read_bytes()[:-lost])
    journal = Journal(path, ABOUT)
    assert list(journal.kept.values()) == ROLLOUTS[:1]
    journal.keep(ROLLOUTS[1])
    journal.close()
    assert list(Journal(path, ABOUT).kept.values()) == ROLLOUTS


def test_a_file_of_something_else_is_not_read(path: Path) -> None:
    path.write_bytes(b"\xff\xfe no journal\n{}\n")
    assert not Journal(path, ABOUT).kept


def test_two_evaluations_do_not_share_a_journal(path: Path) -> None:
    with (
        closing(Journal(path, ABOUT)),
        pytest.raises(LearningError, match=r"another evaluation writes to .*evaluation.yaml.journal"),
    ):
        Journal(path, {**ABOUT, "task": "picking"})
    assert list(Journal(path, ABOUT).kept.values()) == ROLLOUTS


def test_a_damaged_journal_is_named(path: Path) -> None:
    with path.open("a") as file:
        file.write("{]\n")
    with pytest.raises(LearningError, match=r"evaluation.yaml.journal is damaged .*; remove it"):
        Journal(path, ABOUT)

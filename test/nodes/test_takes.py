"""What a conductor has to do, and the file of what it has done."""

from __future__ import annotations

from pathlib import Path

import pytest

from balanced_bc.nodes.errors import NodeError
from balanced_bc.nodes.takes import Ledger, Take


def test_a_ledger_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "results.yaml"
    take = Take("slider", 3, True, 1.5, "done")
    Ledger(path, "policy").add(take)
    assert Ledger(path, "policy").takes == (take,)


def test_seeds_count_up_from_the_first(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "results.yaml", "policy")
    assert ledger.next_seed("slider", 7) == 7
    ledger.add(Take("slider", 7, False, 1.0, "gave up"))
    assert ledger.next_seed("slider", 7) == 8
    assert ledger.next_seed("drawer", 7) == 7


def test_failures_count_as_takes_but_not_as_successes(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "results.yaml", "policy")
    for success in (True, False, True):
        ledger.add(Take("slider", 0, success, 1.0, "active"))
    assert (ledger.count("slider"), ledger.successes("slider")) == (3, 2)


def test_results_of_another_actor_are_refused(tmp_path: Path) -> None:
    Ledger(tmp_path / "results.yaml", "policy").add(Take("slider", 0, True, 1.0, "active"))
    with pytest.raises(NodeError, match="results of the policy, not of the demonstrator"):
        Ledger(tmp_path / "results.yaml", "demonstrator")


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results.yaml").write_text("hello: 1\n")
    with pytest.raises(NodeError, match="no file of results"):
        Ledger(tmp_path / "results.yaml", "policy")


def test_failures_are_counted_since_the_last_success_of_the_behavior(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "results.yaml", "demonstrator")
    assert ledger.failures("slider") == 0
    for success in (False, True, False, False):
        ledger.add(Take("slider", 0, success, 1.0, "done"))
    ledger.add(Take("drawer", 0, True, 1.0, "done"))
    assert (ledger.failures("slider"), ledger.failures("drawer")) == (2, 0)


def test_takes_of_another_policy_are_refused(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "results.yaml", "policy")
    ledger.require("one")
    ledger.add(Take("slider", 0, True, 1.0, "active"))
    again = Ledger(tmp_path / "results.yaml", "policy")
    again.require("one")
    with pytest.raises(NodeError, match=r"takes of another policy \(one, here two\)"):
        again.require("two")

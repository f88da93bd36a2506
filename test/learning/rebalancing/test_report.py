"""One page that explains weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from math import nan
from pathlib import Path

import pytest
import torch

from balanced_bc.balancing.result import LIKELIHOOD, Progress, Reference
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.rebalancing import balance_file, history, parquet, readings, report, report_tables
from balanced_bc.learning.rebalancing.balance_file import BalanceFile
from balanced_bc.learning.rebalancing.explanation import explain

ContentOf = Callable[..., BalanceFile]
VOID = {"meta", "br", "hr", "img", "link", "input"}


class Reader(HTMLParser):
    """Reads a page strictly: every element is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.headings: list[str] = []
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.seen.append(tag)
        self.open += [] if tag in VOID else [tag]
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element without content."""
        self.seen.append(tag)
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag: str) -> None:
        """An element ends."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Text."""
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def keep(folder: Path, content: BalanceFile, moments: Sequence[Progress] = ()) -> Path:
    history.write(folder, history.traces(moments), content.groups)
    balance_file.write(folder, content, torch.ones(4), b"")
    return folder


def moments(groups: int) -> list[Progress]:
    weights = torch.full((groups,), 1 / groups)
    return [
        Progress("weights", repetition, step, 600, 0.5, weights, 1 + 1 / step + torch.rand(groups))
        for repetition in range(2)
        for step in range(5, 601, 5)
    ]


def test_the_page_is_whole_well_formed_and_asks_nothing_of_the_network(tmp_path: Path, content_of: ContentOf) -> None:
    page = report.page(keep(tmp_path / "one", content_of(4), moments(4)))
    reader = read(page)
    assert {"script", "link", "img", "iframe"}.isdisjoint(reader.seen)
    assert reader.seen.count("svg") == 2
    assert "Weights in the min-max step, one line for each repetition" in page
    assert all(reference.startswith("#") for reference in reader.references)


def test_sections_come_in_the_order_of_questions_with_warnings_on_top(tmp_path: Path, content_of: ContentOf) -> None:
    page = report.page(keep(tmp_path / "one", content_of(4), moments(4)))
    assert read(page).headings == [
        "Weights",
        "Over time",
        "References",
        "Who helps and who harms whom",
        "Conflicts on shared states",
        "What is left of the data",
        "What to do",
        "Length and idleness",
        "How it was run",
    ]
    assert page.index("&lt;a warning&gt;") < page.index("<h2>")


def test_opposed_groups_are_named(tmp_path: Path, content_of: ContentOf) -> None:
    page = report.page(keep(tmp_path / "one", content_of(3)))
    assert "group 0 and group 1: cosine -0.80 [-1.00, -0.60]" in page


def test_what_a_method_does_not_know_has_no_section(tmp_path: Path, content_of: ContentOf) -> None:
    bare = content_of(2, method="equal", diagnostics={}, warnings=())
    groups = {name: replace(row, reference=None, idle=None) for name, row in bare.groups.items()}
    page = report.page(keep(tmp_path / "one", replace(bare, groups=groups)))
    assert read(page).headings == ["Weights", "What is left of the data", "What to do", "How it was run"]


@pytest.mark.parametrize("groups", [64, 300])
def test_a_page_about_many_groups_stays_small_and_folds_the_middle(
    groups: int, tmp_path: Path, content_of: ContentOf
) -> None:
    page = report.page(keep(tmp_path / "one", content_of(groups), moments(groups)))
    assert len(page.encode()) < 1_000_000
    assert f"the {groups - 16} groups in between" in page
    assert "details" in read(page).seen


@pytest.mark.parametrize(("groups", "shown", "hidden"), [(8, True, False), (9, False, True), (64, True, True)])
def test_errors_of_a_matrix_are_beside_its_numbers_or_under_the_pointer(
    groups: int, shown: bool, hidden: bool, content_of: ContentOf
) -> None:
    found = readings.transfer(content_of(groups))
    assert found is not None
    page = report_tables.matrix(found)
    assert ("<small>± 0.10</small>" in page) is shown
    assert ('title="± 0.10"' in page) is hidden


def test_many_groups_leave_balance_yaml_small_and_lose_nothing(tmp_path: Path, content_of: ContentOf) -> None:
    content = content_of(64)
    folder = keep(tmp_path / "one", content)
    assert (folder / "balance.yaml").stat().st_size < 60_000
    assert balance_file.read(folder) == replace(content, diagnostics=balance_file.read(folder).diagnostics)
    assert balance_file.read(folder).diagnostics == {
        name: [pytest.approx(row, abs=1e-6) for row in rows] for name, rows in content.diagnostics.items()
    }


def test_references_of_another_split_stand_in_a_table_of_their_own(tmp_path: Path, content_of: ContentOf) -> None:
    first, other = content_of(2, method="zero"), content_of(2, method="remix")
    elsewhere = Reference(1.0, 0.1, "training", 600, "last", "lanes", LIKELIHOOD)
    rows = {name: replace(row, reference=elsewhere) for name, row in other.groups.items()}
    third = content_of(2, method="ours")
    sources = [
        keep(tmp_path / name, content)
        for name, content in (("a", first), ("b", replace(other, groups=rows)), ("c", third))
    ]
    page = report.page(*sources)
    part = page[page.index("<h2>References") : page.index("<h2>Who helps")]
    assert part.count("<table>") == 2
    assert "must not be compared" in part
    first_table = part[part.index("<table>") : part.index("</table>")]
    assert "zero: reference" in first_table
    assert "ours: reference" in first_table
    assert "remix: reference" not in first_table


def test_references_of_another_quantity_stand_in_a_table_of_their_own(tmp_path: Path, content_of: ContentOf) -> None:
    sources = [keep(tmp_path / method, content_of(2, method=method)) for method in ("minimax", "ours")]
    page = report.page(*sources)
    part = page[page.index("<h2>References") : page.index("<h2>Who helps")]
    assert part.count("<table>") == 2
    assert "Negative log-likelihood [nat per pair], split: held-out" in part
    assert "Error of the chosen action (half the squared error of the chosen twists" in part


def test_a_number_whose_error_is_not_known_has_a_question_mark(content_of: ContentOf) -> None:
    found = readings.conflict(content_of(3))
    assert found is not None
    assert "?" not in found.marks
    errors = [[nan if (i, j) == (0, 2) else error for j, error in enumerate(row)] for i, row in enumerate(found.errors)]
    unknown = found._replace(errors=errors)
    assert unknown.spelled(0, 2).endswith("?")
    assert "; ? from too little to know its error" in unknown.marks
    assert unknown.marks in report_tables.matrix(unknown)


def test_two_standard_errors_are_promised_where_they_are_known(tmp_path: Path, content_of: ContentOf) -> None:
    content = content_of(2)
    assert "weight, with two standard errors" in report.page(keep(tmp_path / "known", content))
    rows = {name: replace(row, alpha_standard_error=None) for name, row in content.groups.items()}
    once = replace(content, groups=rows, run=replace(content.run, repeats=1))
    page = report.page(keep(tmp_path / "once", once))
    assert "with two standard errors" not in page[: page.index("<h2>References")]
    assert "no standard error is known, because there was one repetition" in page


def test_a_method_that_trains_with_fixed_weights_says_why_none_are_drawn(tmp_path: Path, content_of: ContentOf) -> None:
    lanes = [now._replace(phase="lanes", weights=torch.full((2,), nan)) for now in moments(2)]
    page = report.page(keep(tmp_path / "one", content_of(2), lanes))
    assert read(page).seen.count("svg") == 1
    assert "minimax has no weights over time" in page
    assert "Losses (error of the chosen action) on held-out pairs" in page


def test_groups_that_the_meta_runs_have_lost_have_no_row_of_who_helps_whom(
    tmp_path: Path, content_of: ContentOf
) -> None:
    """References are 1 and losses 1.5: a run at 1.9 has learned its group, one at 2.1 has lost it."""
    direction = {"meta_direction": [[-0.3, 0.2], [0.1, 0.4]], "meta_direction_standard_error": [[0.01] * 2] * 2}
    content = content_of(2, method="ours", diagnostics={**direction, "meta_lowest": [1.9, 2.1]})
    page = report.page(keep(tmp_path / "one", content))
    assert "-0.30*" in page
    assert "+0.40" not in page
    assert "group 1 by 1.1 [nat per pair]" in page
    assert "group 1 by 1.1 [nat per pair]" in explain(content)
    neither = replace(content, diagnostics={**direction, "meta_lowest": [3.0, 2.1]})
    assert readings.transfer(neither) is None
    assert "group 0 by 2.0 and group 1 by 1.1 [nat per pair]" in explain(neither)
    assert readings.untold(content_of(2)) == ""


def test_a_comparison_is_shown_with_its_differences(content_of: ContentOf) -> None:
    numbers = {"weights": [0.5, 0.5], "losses": [1.0, 2.0], "difference": [-0.25, 0.1], "standard_error": [0.1, nan]}
    judged = content_of(2, comparison=({"method": "plain cloning", **numbers}, {"method": "ours", **numbers}))
    shown = report_tables.comparison(readings.comparison(judged), list(judged.groups), readings.quantity(judged))
    assert "-0.25 [-0.45, -0.05]" in shown
    assert "A loss is half the squared error of the chosen twists" in shown
    assert "References are this quantity too, of other networks." in shown
    beside_likelihoods = report_tables.comparison(readings.comparison(judged), ["group 0"], "negative log-likelihood")
    assert "References are another quantity (negative log-likelihood)." in beside_likelihoods
    assert "<td>0.10</td>" in shown
    assert shown.count("difference</th>") == 1
    assert readings.comparison(content_of(2)) == ()


def test_weights_of_other_groups_or_datasets_are_refused(tmp_path: Path, content_of: ContentOf) -> None:
    here = keep(tmp_path / "here", content_of(2))
    wider = keep(tmp_path / "wider", content_of(3))
    elsewhere = keep(
        tmp_path / "elsewhere", content_of(2, dataset={"fingerprint": "sha256:2", "pairs": 200, "demonstrations": 4})
    )
    with pytest.raises(LearningError, match="group 2"):
        report.page(here, wider)
    with pytest.raises(LearningError, match="different datasets"):
        report.page(here, elsewhere)


def test_weights_of_the_same_method_are_told_apart_by_as_much_of_their_folders_as_it_takes(
    tmp_path: Path, content_of: ContentOf
) -> None:
    sources = [keep(tmp_path / name, content_of(2)) for name in ("first/t0.5", "first/t0.9", "second/t0.5")]
    page = report.page(*sources)
    for label in ("minimax (first/t0.5)", "minimax (first/t0.9)", "minimax (second/t0.5)"):
        assert f"<h3>{label}</h3>" in page
    assert "<h3>minimax (t0.9)</h3>" in report.page(sources[0], sources[1] / "balance.yaml")
    with pytest.raises(LearningError, match="named twice"):
        report.page(sources[0], sources[0] / "balance.yaml")


def test_history_that_is_none_is_refused_by_its_name(tmp_path: Path, content_of: ContentOf) -> None:
    folder = keep(tmp_path / "one", content_of(2))
    (folder / history.NAME).write_text("junk")
    with pytest.raises(LearningError, match=r"history\.parquet is no Parquet file"):
        report.page(folder)
    parquet.write(folder / history.NAME, {"phase": ["weights"]})
    with pytest.raises(LearningError, match=r"lacks the columns \['group', 'loss'"):
        report.page(folder)


def test_history_survives_a_round_trip_thinned_with_its_end(tmp_path: Path) -> None:
    found = history.traces(moments(3))
    history.write(tmp_path, found, ("a", "b", "c"))
    back = history.read(tmp_path)
    assert [(trace.phase, trace.repetition) for trace in back] == [("weights", 0), ("weights", 1)]
    for one, other in zip(found, back):
        assert len(one.step) <= history.MOMENTS
        assert one.step[-1] == 600
        assert all(torch.equal(a, b) for a, b in zip(one[2:], other[2:]))


def test_blocks_of_lanes_are_joined_step_by_step_in_whatever_order_they_come() -> None:
    def block(repetition: int, step: int, losses: list[float]) -> Progress:
        return Progress("lanes", repetition, step, 10, 0.5, torch.ones(1, 2), torch.tensor([losses]))

    waiting = Progress.waiting()
    so_far = Progress("so far", 1, 10, 10, 0.5, torch.ones(2), torch.ones(2))
    some_of_many = block(0, 5, [0.0])
    told = [block(1, 5, [1.0, 9.0]), waiting, block(0, 5, [3.0, 1.0]), block(0, 10, [2.0, 2.0]), so_far]
    found = history.traces([*told, block(0, 5, [2.0, 4.0]), some_of_many])
    assert [(trace.repetition, trace.step.tolist()) for trace in found] == [(0, [5, 10]), (1, [5])]
    assert found[0].losses.tolist() == [[2.0, 1.0], [2.0, 2.0]]


def test_of_several_lanes_the_lowest_loss_is_kept() -> None:
    lanes = Progress("lanes", 0, 5, 10, 0.5, torch.ones(3, 2), torch.tensor([[3.0, 1.0], [2.0, 4.0], [5.0, 5.0]]))
    (trace,) = history.traces([lanes])
    assert trace.losses.tolist() == [[2.0, 1.0]]
    assert bool(trace.weights.isnan().all())

"""Tables for people."""

from __future__ import annotations

from balanced_bc.tables import aligned, markdown

ROWS = [("policy", "rate"), ("plain", "0.5"), ("b", "10.25")]


def test_columns_of_a_terminal_table_line_up() -> None:
    assert aligned(ROWS).splitlines() == ["policy   rate", "plain     0.5", "b       10.25"]


def test_a_page_gets_a_line_under_the_headings() -> None:
    assert markdown(ROWS).splitlines()[:2] == ["| policy | rate |", "| --- | --- |"]

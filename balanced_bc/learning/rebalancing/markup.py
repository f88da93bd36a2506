"""HTML, as little of it as a page of tables needs. Functions take and give markup; `text` makes it from text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def text(value: object) -> str:
    """Anything as text that means nothing to a browser."""
    return escape(str(value))


def element(name: str, *children: str, **attributes: str) -> str:
    """One element; `class_` is written class."""
    written = "".join(f' {key.rstrip("_")}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name}{written}>{''.join(children)}</{name}>"


def section(title: str, *children: str) -> str:
    """A part of the page under a heading; nothing where there is nothing to say."""
    inside = [child for child in children if child]
    return element("section", element("h2", text(title)), *inside) if inside else ""


def paragraph(said: str, **attributes: str) -> str:
    """A paragraph of text."""
    return element("p", text(said), **attributes)


def bullets(sentences: Iterable[str], **attributes: str) -> str:
    """A list of sentences; nothing where there is none."""
    items = [element("li", text(sentence)) for sentence in sentences]
    return element("ul", *items, **attributes) if items else ""


def cell(value: object, **attributes: str) -> str:
    """A cell of text."""
    return element("td", text(value), **attributes)


def table(head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]], caption: str = "") -> str:
    """A table that scrolls on a narrow screen.

    Args:
        head: Headings, the first that of the names.
        rows: Name of each row and its cells, which are markup.
        caption: How to read it.
    """
    top = element("tr", *(element("th", text(title), scope="col") for title in head))
    body = [element("tr", element("th", text(name), scope="row"), *cells) for name, cells in rows]
    said = paragraph(caption, class_="quiet") if caption else ""
    return said + element("div", element("table", element("thead", top), element("tbody", *body)), class_="scroll")


def folded(summary: str, *children: str) -> str:
    """What only some readers want."""
    return element("details", element("summary", text(summary)), *children)

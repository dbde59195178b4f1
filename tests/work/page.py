"""The page of a report as it is read: parsed, and held to what every page promises."""

from __future__ import annotations

import io
import re
from collections import Counter
from html.parser import HTMLParser

from runner.app import Runner

VOID = {"meta", "br"}


class Parsed(HTMLParser):
    """What a page is made of; an element that is not closed in its turn is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.open: list[str] = []
        self.elements: Counter[str] = Counter()
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        """Count it, and note where it belongs."""
        self.elements[tag] += 1
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("th", "td"):
            self.tables[-1][-1].append("")

    def handle_startendtag(self, tag, attrs):
        """A shape of SVG closes itself."""
        self.elements[tag] += 1
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        """It closes the last one."""
        assert self.open.pop() == tag

    def handle_data(self, data):
        """Words, and the cell they stand in."""
        self.words.append(data)
        if {"th", "td"} & set(self.open):
            self.tables[-1][-1][-1] += data

    @property
    def told(self) -> str:
        """All that a reader reads."""
        return " ".join(" ".join(self.words).split())

    def table(self, first: str) -> list[dict[str, str]]:
        """The lines of the tables whose first column is called so, by the names of their columns."""
        found = [table for table in self.tables if table[0][0] == first]
        return [dict(zip(table[0], line, strict=True)) for table in found for line in table[1:]]


def page_of(r: Runner, batch: str | None = None) -> Parsed:
    """The report, held to what every page promises."""
    stream = io.StringIO()
    r.report(batch, stream)
    text = stream.getvalue()
    page = Parsed(text)
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    referred = [value.removeprefix("#") for name, value in page.attributes if name in ("href", "aria-labelledby")]
    assert set(referred) <= set(ids)
    assert not {"script", "link", "img", "iframe", "form", "base"} & set(page.elements)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "style", "action")]
    assert not re.search(r"(?:url\(|@import|=\")\s*['\"]?(?:https?:)?//", text)
    assert page.elements["h1"] == page.elements["main"] == page.elements["nav"] == 1
    assert ("lang", "en") in page.attributes
    return page

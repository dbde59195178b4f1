"""A page as HTML: one file that asks nobody for anything, runs no script, and may be read by anyone who opens it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from importlib import resources
from itertools import count
from typing import Final, assert_never

from runner.domain.personal import clean
from runner.exports.page.charts import band_picture, chart_picture, legend, mark_sign, patterns, shares_picture, swatch
from runner.exports.page.markup import Markup, element, escaped, joined, trusted, void
from runner.exports.page.model import (
    Advice,
    Bands,
    Block,
    Chart,
    Command,
    Facts,
    Inline,
    Page,
    Section,
    Shares,
    Table,
    Text,
    Tone,
)

_SIGNS: Final = {Tone.GOOD: "✓", Tone.BAD: "✕", Tone.DOUBT: "?", Tone.WAIT: "…", Tone.PLAIN: ""}
"""A colour alone says nothing to who cannot see it."""

LONGEST: Final = 300
"""Characters of one text: a page has to stay readable, whatever a provider says."""


def draw(page: Page) -> bytes:
    """The whole file, UTF-8."""
    css = (resources.files(__package__) / "page.css").read_text(encoding="utf-8").strip()
    keys = (f"b{number}" for number in count(1))
    sections = [_section(section, keys) for section in page.sections]
    links = (element("li", element("a", one.title, href=f"#{one.key}")) for one in page.sections)
    body = element(
        "body",
        element("a", "Skip to the figures", class_="skip", href="#main"),
        patterns(),
        element(
            "header",
            element("h1", page.title),
            element("p", _sign(page.tone), page.state, class_=f"state {page.tone}"),
            *(_block(block, keys) for block in page.lead),
        ),
        element("nav", element("ul", joined(links)), aria_label="Parts of this page"),
        element("main", *sections, id="main"),
        element("footer", element("p", page.foot)),
    )
    head = element("head", *_head(page.title, css))
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n".encode()


def _head(title: str, css: str) -> Iterator[Markup]:
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    yield void("meta", charset="utf-8")
    # The style sheet is known by its digest: nothing else may style, load, run or be sent.
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    yield Markup(f'<meta http-equiv="Content-Security-Policy" content="{escaped(policy)}">')
    yield void("meta", name="viewport", content="width=device-width, initial-scale=1")
    yield void("meta", name="color-scheme", content="light dark")
    yield void("meta", name="referrer", content="no-referrer")
    yield void("meta", name="robots", content="noindex")
    yield element("title", title)
    yield element("style", trusted(css))


def _section(section: Section, keys: Iterator[str]) -> Markup:
    heading = element("h2", section.title, id=f"{section.key}-h")
    blocks = (_block(block, keys) for block in section.blocks)
    return element("section", heading, *blocks, id=section.key, aria_labelledby=f"{section.key}-h")


def _block(block: Block, keys: Iterator[str]) -> Markup:
    match block:
        case Text():
            tone = None if block.tone is Tone.PLAIN else f"note {block.tone}"
            return element("p", _sign(block.tone), _inline(block.parts), class_=tone)
        case Facts():
            pairs = (element("div", element("dt", name), element("dd", _inline(parts))) for name, parts in block.pairs)
            return element("dl", joined(pairs), class_="large" if block.large else "facts")
        case Table():
            return _table(block)
        case Shares():
            return _shares(block, next(keys))
        case Chart():
            return _chart(block, next(keys))
        case Bands():
            return _bands(block, keys)
        case _:
            assert_never(block)


def _sign(tone: Tone) -> Markup:
    return element("span", _SIGNS[tone], class_="sign", aria_hidden="true") if _SIGNS[tone] else Markup()


def _inline(parts: Iterable[Inline]) -> Markup:
    return joined(_piece(part) for part in parts)


def _piece(part: Inline) -> str:
    match part:
        case Command():
            return element("code", part.text)
        case Advice():
            return clean(part.text)
        case str():
            return _cut(part)
        case _:
            assert_never(part)


def _cut(text: str) -> str:
    text = clean(text)  # which makes it longer
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _table(table: Table) -> Markup:
    kinds = [str(column.kind) for column in table.columns]
    names = [column.name for column in table.columns]
    head = element(
        "tr", *(element("th", name, scope="col", class_=class_) for name, class_ in zip(names, kinds, strict=True))
    )
    lines = [
        element(
            "tr",
            element("th", _inline(line[:1]), scope="row", class_=kinds[0]),
            *(
                element("td", _inline([cell]), class_=class_, data_name=name)
                for cell, class_, name in zip(line[1:], kinds[1:], names[1:], strict=True)
            ),
        )
        for line in table.lines
    ]
    drawn = element("table", element("caption", table.caption), element("thead", head), element("tbody", joined(lines)))
    return joined([drawn, element("p", table.note, class_="small")] if table.note else [drawn])


def _shares(shares: Shares, key: str) -> Markup:
    whole = sum(part.figure for part in shares.parts) or 1
    told = [f"{part.figure:,} {part.name} ({_percent(part.figure, whole)})" for part in shares.parts]
    return element(
        "figure",
        element("figcaption", shares.title),
        shares_picture(key, shares, ", ".join(told)),
        legend(joined([swatch(part.tone), text]) for part, text in zip(shares.parts, told, strict=True)),
    )


def _percent(figure: int, whole: int) -> str:
    """Never 0 % of something, never 100 % of less than all."""
    share = 100 * figure / whole
    if figure and share < 0.1:
        return "below 0.1 %"
    if figure < whole and share > 99.9:
        return "above 99.9 %"
    return f"{share:.1f}".removesuffix(".0") + " %"


def _chart(chart: Chart, key: str) -> Markup:
    signs = [joined([swatch(one.tone, line=not chart.stacked, dashed=one.dashed), one.name]) for one in chart.series]
    if chart.mark is not None:
        signs.append(joined([mark_sign(), chart.mark_text]))
    return element(
        "figure",
        element("figcaption", chart.title),
        element("div", element("span", chart.top_text, class_="top"), chart_picture(key, chart), class_="plot"),
        _ticks(chart.ticks),
        legend(signs),
    )


def _bands(bands: Bands, keys: Iterator[str]) -> Markup:
    rows = (
        element("div", element("span", band.name, class_="name"), band_picture(next(keys), bands, band), class_="band")
        for band in bands.bands
    )
    return element(
        "figure",
        element("figcaption", bands.title),
        *rows,
        _ticks(bands.ticks),
        legend(joined([swatch(tone), name]) for name, tone in bands.legend),
    )


def _ticks(ticks: Iterable[str]) -> Markup:
    return element("div", *(element("span", tick) for tick in ticks), class_="ticks")

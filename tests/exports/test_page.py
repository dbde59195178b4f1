"""A page made of values: whatever they say, it stays one well-formed page that asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.domain.personal import clean
from runner.exports.page import (
    Advice,
    Band,
    Bands,
    Block,
    Chart,
    Column,
    Command,
    Facts,
    Page,
    Part,
    Section,
    Series,
    Shares,
    Table,
    Text,
    Tone,
    draw,
)
from runner.exports.page.charts import WIDTH

HOSTILE = st.text(st.sampled_from("<>&\"'/=!-]script \0\u202e\ud800\n{}ä"), max_size=30)
VALUES = st.lists(st.none() | st.floats(0, 1e6), min_size=1, max_size=20)


def page(text: str, *blocks: Block) -> str:
    """A page that says a text everywhere."""
    section = Section(key="one", title=text, blocks=blocks or (Text(parts=(text, Command(text=text)), tone=Tone.BAD),))
    return draw(Page(title=text, state=text, tone=Tone.GOOD, lead=(), sections=(section,), foot=text)).decode()


class Tags(HTMLParser):
    """The tags of a page, each closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.said: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.said.append(data)


@settings(deadline=None)
@given(HOSTILE)
def test_no_text_becomes_markup(text):
    """The same tags as of a page that says nothing strange, and the text is there, its control marks escaped."""
    made, plain = Tags(page(text)), Tags(page("x"))
    assert made.open == []
    assert made.seen == plain.seen
    assert clean(text) in made.said or not text


@settings(deadline=None, max_examples=50)
@given(st.lists(VALUES, min_size=1, max_size=3), st.booleans(), st.floats(0.001, 1e6))
def test_a_chart_stays_inside_its_frame(lists, stacked, top):
    """Whatever the values: every point of every path lies in the picture."""
    steps = min(map(len, lists))
    series = tuple(Series(name="a", values=values[:steps], tone=Tone.WAIT) for values in lists)
    chart = Chart(
        title="t", told="d", ticks=("1", "2"), top=top, top_text="9", series=series, stacked=stacked, mark=top
    )
    text = page("x", chart)
    for path in re.findall(r' d="(M[^"]+)"', text):
        for letter, x, y in re.findall(r"([MHVz])([\d.-]*) ?([\d.-]*)", path):
            numbers = {"M": (x, y), "H": (x,), "V": (y or x,)}.get(letter, ())
            assert all(0 <= float(number) <= WIDTH for number in numbers if number)
    assert Tags(text).open == []


@given(text=HOSTILE)
def test_what_to_do_is_told_to_its_end(text):
    """However long; the text before it is cut, and neither is more than text."""
    advice = f"{text}{'<b>word</b> ' * 50}the end"
    drawn = page("x", Text(parts=("y" * 400, Advice(text=advice))))
    shown = "".join(Tags(drawn).said)
    assert clean(advice) in shown
    assert "y" * 301 not in shown
    assert "<b>" not in drawn


def test_a_bar_is_cut_by_its_figures():
    """Shares add up to the whole; nothing is said to be all or nothing that is not."""
    parts = tuple(Part(name=name, figure=figure, tone=Tone.PLAIN) for name, figure in (("a", 99_999), ("b", 1)))
    text = page("x", Shares(title="t", parts=parts))
    assert "99,999 a (above 99.9 %), 1 b (below 0.1 %)" in text
    assert sum(float(width) for width in re.findall(r' x="[\d.]+" width="([\d.]+)"', text)) == pytest.approx(WIDTH)


def test_bands_tell_what_was_going_on_by_the_height():
    """Two halves of a step are two boxes on top of each other."""
    halves = (Series(name="a", values=[0.5], tone=Tone.GOOD), Series(name="b", values=[0.5], tone=Tone.BAD))
    bands = Bands(title="t", told="d", ticks=(), bands=(Band(name="who", series=halves),), legend=(("a", Tone.GOOD),))
    paths = re.findall(r'class="area-\w+" d="([^"]+)"', page("x", bands))
    assert paths == ["M0 24V12H720V24z", "M0 12V0H720V12z"]


def test_the_style_sheet_is_the_one_that_the_policy_names():
    """Nothing else may style the page, and nothing at all may load or run."""
    text = page("x")
    (css,) = re.findall(r"<style>(.*)</style>", text, re.DOTALL)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    assert html.unescape(policy) == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert "//" not in css
    assert "@import" not in css


def test_a_table_names_its_lines_and_columns():
    """Headers have their scope, and each cell the name of its column, for narrow screens."""
    table = Table(caption="c", columns=(Column(name="Who"), Column(name="What")), lines=(("me", "this"),), note="n")
    text = page("x", table, Facts(pairs=(("name", ("value",)),)))
    assert '<th class="words" scope="col">Who</th>' in text
    assert '<td class="words" data-name="What">this</td>' in text
    assert "<dt>name</dt><dd>value</dd>" in text


COLOURS = {"light": r":root \{([^}]*)\}", "dark": r"dark\) \{\s*:root \{([^}]*)\}"}


@pytest.mark.parametrize("scheme", COLOURS)
def test_colours_can_be_read_on_their_ground(scheme):
    """At least 4.5 to 1 for every text, light and dark, on the paper and on the tiles."""
    (css,) = re.findall(r"<style>(.*)</style>", page("x"), re.DOTALL)
    (found,) = re.findall(COLOURS[scheme], css, re.DOTALL)[:1]
    colours = dict(re.findall(r"--(\w+): (#\w{6})", found))
    for name in ("ink", "soft", "good", "bad", "doubt", "wait", "plain"):
        for ground in ("paper", "ground"):
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)


def contrast(one: str, other: str) -> float:
    """Of two colours, as WCAG counts it."""
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    """How light a colour is, from 0 to 1."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

"""The recorded night: its pictures are there, and show what the view would show today."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from runner.cli.lines import LineProgress, json_line
from runner.cli.progress import Tally, dry_text
from runner.domain.model import Amount, BatchId
from runner.engine.events import BalanceLow, Event, LaneChanged, RunEnded, RunStarted
from tests.cli.watched import Watched, closed, plan
from tests.docs.night import PICTURES, WIDTHS
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "night.md").read_text("utf-8")
FILES = [ROOT / "docs" / "night" / f"{name}-{width}.svg" for name in PICTURES for width in WIDTHS]
MOST_BYTES = 60_000
LOW = BalanceLow(
    batch=BatchId(1), at_us=0, provider="defastra", unit="check", balance=Amount(1), requests=2, cost=Amount(2)
)


@cache
def words(path: Path) -> str:
    """What a reader sees, on one line."""
    # The picture is our own, and is made without entities.
    parts = [node.text or "" for node in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]
    return re.sub(r"\s+", " ", " ".join(parts))


def said(state: str, **more: Any) -> str:
    """What the view says of a provider today, without its figures."""
    run = Watched(plan())
    run.lane(0, "open")
    run.answers(60, since=0, each=1)
    run.lane(61, state, **more)
    return re.sub(r"\s+", " ", run.shown(200)[2])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_picture_is_small_and_loads_nothing(path: Path) -> None:
    """Valid XML; nothing from elsewhere; no folder of the machine it was made on; the page shows it."""
    text = path.read_text("utf-8")
    assert len(text.encode()) < MOST_BYTES
    assert ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
    assert "url(http" not in text
    assert "href" not in text
    assert "/tmp" not in text
    assert f"(night/{path.name})" in PAGE


def test_there_are_no_other_pictures() -> None:
    """One that the program does not make any more is gone."""
    assert sorted((ROOT / "docs" / "night").iterdir()) == sorted(FILES)


@pytest.mark.parametrize("width", WIDTHS)
def test_pictures_show_the_words_of_today(width: int) -> None:
    """Whatever the view says in these moments: if a word of it changes, `make night` is owed."""
    shown = {name: words(ROOT / "docs" / "night" / f"{name}-{width}.svg") for name in PICTURES}
    second = {"until_us": 99_000_000}
    told = {
        "pace": said("open"),
        "asked": said("gated", reason="429", **second),
        "slower": said("open", rate="60/60 s, 2/1 s at 70 %", slowed=True),
        "outage": said("circuit", reason="system-error", **second),
        "empty": said("halted", reason="insufficient-funds"),
    }
    for name, text in told.items():
        fixed = [part.strip() for part in re.split(r"\d+/min ·|\d\d:\d\d:\d\d|\(\d+ s\)", text) if part.strip(" :")]
        assert [part for part in fixed if part not in shown[name]] == [], name
    run = Watched(plan())
    run.lane(0, "open")
    run.see(closed(1))
    for piece in ("charged", "ready about", "today"):
        assert piece in run.shown(200)[1]
        assert piece in shown["pace"]
    assert re.sub(r".*:", "", dry_text(LOW)) in shown["pace"]


def block(name: str) -> list[str]:
    """The lines between two markers."""
    part = PAGE.split(f"<!-- {name} -->\n", 1)[1].split(f"\n<!-- /{name} -->", 1)[0]
    return part.splitlines()[1:-1]


def test_lines_have_the_shape_of_today() -> None:
    """The keys of each event are those that are written now, and both logs are of the same run."""
    tally: list[str] = []
    observe = LineProgress(Tally("leads", 95), tally.append, json_line)
    lane: dict[str, Any] = {"batch": BatchId(1), "provider": "defastra", "until_us": None}
    events: list[Event] = [
        RunStarted(batch=BatchId(1), at_us=0, providers=("defastra",)),
        LaneChanged(at_us=1, state="open", reason=None, **lane),
        LOW,
        LaneChanged(at_us=2, state="gated", reason="429", **lane),
        LaneChanged(at_us=3, state="halted", reason="x", **lane),
        RunEnded(batch=BatchId(1), at_us=4, state="halted", reason="x"),
    ]
    for event in events:
        observe(event)
    keys = {json.loads(text)["event"]: tuple(json.loads(text)) for text in tally}
    objects = [json.loads(text) for text in block("json lines")]
    assert {one["event"] for one in objects} >= set(keys)
    assert [one for one in objects if tuple(one) != keys.get(one["event"], tuple(one))] == []
    plain = [re.match(r"at=(\S+) event=(\S+) ", line) for line in block("plain lines")]
    assert [(found[1], found[2]) for found in plain if found] == [(one["at"], one["event"]) for one in objects]

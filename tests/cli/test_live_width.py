"""The live lines on a screen of any size: what is left out, shortened or counted so that they fit."""

from __future__ import annotations

import pytest

from runner.cli.picture import MOST_LINES, SAFE, Frame, draw
from runner.cli.progress import Tally
from runner.domain.model import Action, Debited, JobId
from runner.domain.states import JobEvent
from runner.engine.events import StoreTrouble
from tests.cli.watched import SECOND, B, Watched, closed, plan

pytestmark = pytest.mark.usefixtures("utc")


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
@pytest.mark.parametrize("lines", [1, 2, 3, 6, 50])
@pytest.mark.parametrize(("batches", "providers"), [(1, 1), (1, 9), (3, 2), (9, 1), (9, 9)])
def test_there_are_never_more_than_six_lines_and_none_is_too_wide(
    width: int, lines: int, batches: int, providers: int
) -> None:
    """However many batches and providers; what has no room is counted."""
    who = [f"provider{number}" for number in range(providers)]
    run = Watched(*(plan(f"a-list-with-a-rather-long-name-{number}", 1000, *who) for number in range(batches)))
    for name in who:
        run.lane(1, "open", name)
    run.see(StoreTrouble(batch=B, at_us=SECOND, reason="database-locked"))
    shown = run.shown(width, lines)
    assert 1 <= len(shown) <= min(lines, MOST_LINES)
    assert all(len(line) <= width for line in shown)
    if lines >= MOST_LINES and width >= 80:
        assert sum("provider" in line for line in shown) >= 1
        assert (f"{batches} batches" in shown[0]) or ("more batches" in "".join(shown)) or batches <= 3


def test_a_narrow_screen_keeps_what_matters() -> None:
    """Counts before the percentage, an amount before its price, and the time that is left."""
    run = Watched(plan("leads-defastra-email", 4640))
    run.lane(0, "open")
    run.answers(60, since=0, each=1)
    run.see(closed(61 * SECOND, job=JobId(99), debited=Debited.UNKNOWN, event=JobEvent.DOUBT, action=Action.RETRY))
    assert run.shown(40) == [
        "leads-defastra… 61 of 4,640 · 1 in doubt",
        "charged 60 checks · 1 h 16 min left",
        "defastra 60/min · as fast as its limits…",
    ]


def test_safe_characters_are_ascii() -> None:
    """For a terminal that shows no others, whatever a batch is called."""
    tally = Tally("Kundenliste-Köln", 4)
    lines = draw([tally], [], ["so"], now_us=0, frame=Frame(width=30, lines=6, marks=SAFE))
    assert "".join(line.plain for line in lines).isascii()

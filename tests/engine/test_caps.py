"""Caps of requests, of money and of jobs: never passed, whatever is on the way at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.night import Night, by_value
from tests.engine.scripted import BAD_ROW, BUSY, LOST, OK, provider


@pytest.mark.parametrize("in_flight", [1, 32])
def test_a_cap_of_requests_is_never_passed(tmp_path: Path, in_flight: int) -> None:
    """A hundred, with 32 at once and retries among them: a hundred; raising it continues."""
    night = Night(
        path=tmp_path / "runner.db",
        values=300,
        providers=(provider(in_flight=in_flight),),
        scripts={"acme": lambda sent: BUSY if sent.at % 1 < 0.1 else OK},
    )
    (lane,) = night.run(max_requests={None: 100}).lanes
    assert (len(night.sent()), lane.state, lane.reason) == (100, "done", "max-requests")
    night.run(max_requests={None: 130})
    assert len(night.sent()) == 30


def test_a_cap_of_money_counts_what_was_charged_or_may_be(tmp_path: Path) -> None:
    """Ten checks: failures that cost nothing leave room, doubts do not."""
    answers = {"v2": BAD_ROW, "v3": BAD_ROW, "v4": LOST}
    night = Night(path=tmp_path / "runner.db", values=50, scripts={"acme": lambda sent: answers.get(sent.value, OK)})
    (lane,) = night.run(max_spend={None: 10_000_000}).lanes
    assert lane.reason == "max-spend"
    assert night.states() == {"succeeded": 9, "in_doubt": 1, "failed": 2, "queued": 38}


def test_a_limit_counts_jobs_and_not_their_retries(tmp_path: Path) -> None:
    """`--limit 10`: ten values, however often each is sent; the rest waits."""
    night = Night(path=tmp_path / "runner.db", values=50)
    night.run(limit=1)
    night.run(limit=2)
    assert len(night.sent()) == 2
    (lane,) = night.run(limit=10).lanes
    assert lane.reason == "limit"
    assert len(by_value(night)) == 10
    assert night.states() == {"succeeded": 13, "queued": 37}

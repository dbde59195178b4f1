"""The gate under answers that overlap: what was on its way when it shut, and what is asked meanwhile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from runner.domain.model import Answer
from tests.engine.night import Night
from tests.engine.scripted import LATER, OK, Sent, provider


def asking(seconds: int) -> Answer:
    return replace(LATER, headers=(("retry-after", str(seconds)),))


def test_a_longer_wait_that_was_asked_while_the_probe_was_away_is_kept(tmp_path: Path) -> None:
    """A slow refusal from before says ten minutes while the probe is on its way: its success does not shorten them."""

    def script(sent: Sent) -> Answer:
        if sent.value == "v2" and sent.at < 30:
            return asking(1)
        return asking(600) if sent.value == "v3" and sent.at < 30 else OK

    night = Night(
        path=tmp_path / "r.db",
        values=30,
        providers=(provider(in_flight=3),),
        scripts={"acme": script},
        latency=2.0,
        slow={"v3": 3.0},
    )
    night.run()
    at = sorted(sent.at for sent in night.sent())
    asked = 3.0 + 1.0 + 3.0  # v3 arrives with v2; its answer comes three seconds after that one's
    assert [moment for moment in at if asked < moment < asked + 600] == []
    assert night.states() == {"succeeded": 30}


def test_a_long_wait_that_a_capped_lane_was_asked_for_parks_the_next_run(tmp_path: Path) -> None:
    """`--limit` was reached when the answer came that says an hour: the next run ends at once."""
    night = Night(
        path=tmp_path / "r.db",
        values=9,
        providers=(provider(in_flight=2),),
        scripts={"acme": lambda sent: asking(3600) if sent.value == "v2" else OK},
    )
    assert night.run(limit=2).lanes[0].reason == "limit"
    before = night.clock.shift_us
    summary = night.run()
    assert summary.lanes[0].state == "parked"
    assert night.sent() == []
    assert night.clock.shift_us - before < 60 * 1_000_000

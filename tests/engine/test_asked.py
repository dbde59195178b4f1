"""What a provider asked for is kept to by the next run, whatever held the lane when it said so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from runner.store.store import Store
from tests.engine.night import Night
from tests.engine.scripted import BROKE, LATER, OK, REFUSED, Sent, provider

ASKED = 600.0
WAIT = replace(LATER, headers=(("retry-after", "600"),))
YEAR_US = 365 * 86_400 * 1_000_000


def stopping(night: Night) -> Callable[[Store], Any]:
    """Somebody stops the run after half a minute."""

    async def during(_: Store) -> None:
        await anyio.sleep(30)
        night.stop.set("signal:130")

    return during


def seconds_after(night: Night, told: float) -> float:
    """From an instant of the last run to the first request of the next one."""
    ran = night.clock.shift_us
    night.during = None
    night.scripts = {}
    night.run()
    return night.sent()[0].at + ran / 1e6 - told


@pytest.mark.parametrize("ahead_us", [0, YEAR_US])
def test_what_the_first_request_after_a_halt_was_told_outlasts_its_run(tmp_path: Path, ahead_us: int) -> None:
    """Halted; then one is told to wait ten minutes, and the run is stopped: the halt and the wait are both kept; for
    ten minutes where the clock was a year ahead meanwhile."""
    answers = [BROKE, WAIT]
    night = Night(path=tmp_path / "runner.db", values=6, providers=(provider(in_flight=2),))
    night.scripts = {"acme": lambda sent: answers.pop(0) if answers else OK}
    night.run()
    night.clock.shift_us += ahead_us
    night.during = stopping(night)
    began = night.clock.shift_us / 1e6
    night.run()
    (first,) = night.sent()
    assert night.query("SELECT state, report ->> 'reason' FROM lanes") == [("halted", "broke")]
    assert night.query("SELECT count(*) FROM events WHERE event = 'lane.halted'") == [(1,)]
    night.clock.shift_us -= ahead_us
    waited = seconds_after(night, began - ahead_us / 1e6 + first.at)
    assert ASKED <= waited <= ASKED + 35
    assert night.sent()[1].at > night.sent()[0].at + 0.15, "after a halt one goes first"


def straggler(others: Any) -> Callable[[Sent], Any]:
    """All but the first fail; what `v8` is told comes a second later."""

    def script(sent: Sent) -> Any:
        if sent.value == "v8":
            return WAIT
        return OK if sent.at < 0.15 else others

    return script


@pytest.mark.parametrize("others", [REFUSED, BROKE], ids=["the circuit", "a halt"])
def test_what_a_request_under_way_was_told_outlasts_the_run(tmp_path: Path, others: Any) -> None:
    """The circuit opens, or the lane halts; then one that was under way is told to wait ten minutes."""
    night = Night(path=tmp_path / "runner.db", values=30, slow={"v8": 1.0})
    night.scripts = {"acme": straggler(others)}
    night.during = stopping(night)
    night.run()
    told = next(sent.at for sent in night.sent() if sent.value == "v8") + 1.1
    assert ASKED <= seconds_after(night, told) <= ASKED + 10


def test_the_wait_of_a_circuit_is_no_wait_that_was_asked_for(tmp_path: Path) -> None:
    """It is the runner's own: who runs the command again need not wait for it."""
    night = Night(path=tmp_path / "runner.db", values=30)
    night.scripts = {"acme": lambda sent: OK if sent.at < 0.15 else REFUSED}
    night.during = stopping(night)
    night.run()
    assert night.query("SELECT state, report ->> 'asked_until_us' FROM lanes") == [("circuit", None)]
    assert seconds_after(night, night.clock.shift_us / 1e6) <= 1.0

"""A provider that is down: what leaves meanwhile, what it costs the rows, and what happens when it is back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import anyio
import pytest

from runner.domain.model import Action, Answer
from runner.domain.provider import Condition, Limit
from runner.engine.events import LaneChanged
from runner.store.store import Store
from tests.engine.night import Night
from tests.engine.scripted import BUSY, DOWN, LOST, OK, REFUSED, Sent, changed, provider, rule


@dataclass(frozen=True)
class Outage:
    """From a second to another, whatever is asked meanwhile is answered so."""

    trouble: Answer
    begins: float = 10.0
    ends: float = 3610.0

    def __call__(self, sent: Sent) -> Answer:
        return self.trouble if self.begins < sent.at < self.ends else OK

    def during(self, night: Night) -> list[Sent]:
        """What was sent while it lasted."""
        return [sent for sent in night.sent() if self.begins < sent.at < self.ends]


def knocks(night: Night) -> list[float]:
    return night.transports["acme"].knocks


@pytest.mark.usefixtures("seldom")
def test_nobody_there_costs_no_request(tmp_path: Path) -> None:
    """While a knock is not answered the lane waits on: nothing leaves, no attempt is written, every look is told."""
    outage = Outage(REFUSED)
    night = Night(
        path=tmp_path / "r.db",
        values=400,
        scripts={"acme": outage},
        doors={"acme": lambda at: "connection refused" if 10 < at < 3610 else None},
    )
    night.run()
    assert night.states() == {"succeeded": 400}
    assert len(outage.during(night)) <= 5 + 8
    asked = [at for at in knocks(night) if at < 3610]
    assert 3600 / 45 <= len(asked) <= 3600 / 22 + 7
    told = [e for e in night.events if isinstance(e, LaneChanged) and e.reason == "unreachable"]
    assert len(told) == len(asked)
    assert {event.message for event in told} == {"connection refused"}
    assert all(event.state == "circuit" and event.until_us for event in told)
    assert night.query("SELECT count(*) FROM attempts")[0][0] == len(night.sent())


def test_a_knock_that_is_answered_lets_one_request_through(tmp_path: Path) -> None:
    """Somebody is there and still fails: each wait ends with one knock and one request."""
    outage = Outage(REFUSED, ends=610.0)
    night = Night(path=tmp_path / "r.db", values=400, scripts={"acme": outage})
    night.run()
    probes = [sent.at for sent in outage.during(night)][5 + 8 :]
    assert len(probes) >= 10
    for probe in probes:
        assert [at for at in knocks(night) if probe - 0.5 < at < probe]
    assert night.states() == {"succeeded": 400}


@pytest.mark.usefixtures("seldom")
def test_nobody_there_for_six_hours_halts(tmp_path: Path) -> None:
    """As with failed probes: the reason and the words of the last look are on record, no job is touched."""
    night = Night(
        path=tmp_path / "r.db",
        values=400,
        scripts={"acme": Outage(REFUSED, ends=1e9)},
        doors={"acme": lambda at: "connection refused" if at > 10 else None},
    )
    (lane,) = night.run().lanes
    assert (lane.state, lane.reason, lane.message) == ("halted", "provider-down", "connection refused")
    assert lane.job is None
    assert 6 * 3600 <= knocks(night)[-1] - 10 <= 6 * 3600 + 60
    night.scripts, night.doors = {}, {}
    night.run()
    assert night.states() == {"succeeded": 400}


def test_a_health_call_has_its_place_in_the_windows(tmp_path: Path) -> None:
    """Nobody says that it is free of limits: with it, no more than the limit leaves in any window."""
    limit = Limit(at_most=2, per_seconds=100)
    acme = provider(in_flight=1, limits=(limit,))
    acme = replace(acme, http=replace(acme.http, health="/health"))
    outage = Outage(REFUSED, begins=-1, ends=900.0)
    night = Night(path=tmp_path / "r.db", values=4, providers=(acme,), scripts={"acme": outage})
    night.run()
    left = sorted([*(sent.at for sent in night.sent()), *knocks(night)])
    assert knocks(night)
    assert all(later - earlier >= 100 for earlier, later in zip(left, left[2:], strict=False))


def test_a_stop_ends_a_knock_at_once(tmp_path: Path) -> None:
    """Nothing that is paid for is under way: nobody waits for it."""
    night = Night(
        path=tmp_path / "r.db", values=9, scripts={"acme": Outage(REFUSED, begins=-1, ends=1e9)}, latency=20.0
    )

    async def stop(_: Store) -> None:
        await anyio.sleep(35.0)  # the first request has failed, its wait is over
        assert len(knocks(night)) == 1
        night.stop.set("interrupted")

    night.during = stop
    before = night.clock.shift_us
    assert night.run().stop_reason == "interrupted"
    assert (night.clock.shift_us - before) / 1e6 <= 35.5
    assert len(night.sent()) == 1


def asking(trouble: Answer, seconds: int) -> Answer:
    return replace(trouble, headers=(("retry-after", str(seconds)),))


@pytest.mark.parametrize("trouble", [DOWN, BUSY])
def test_a_wait_that_a_provider_in_trouble_asks_for_is_kept(tmp_path: Path, trouble: Answer) -> None:
    """No row goes again before it may; and once one goes alone, none goes in its place."""
    resent = rule("down", Action.RETRY, when=Condition(status_classes=frozenset({5})))
    outage = Outage(asking(trouble, 120), begins=5.0, ends=310.0)
    night = Night(path=tmp_path / "r.db", values=400, providers=(changed(resent),), scripts={"acme": outage})
    night.run()
    met = outage.during(night)
    probes = [sent.at for sent in met if sent.at > 6.0]  # what was on its way has come back by then
    assert len(probes) == 3
    assert all(later - earlier >= 120 for earlier, later in pairwise(probes))
    again = [sent for sent in night.sent() if sent.at > met[-1].at]
    assert again[0].at - met[-1].at >= 120
    for sent in met:
        assert [later for later in night.sent() if later.value == sent.value and 0 < later.at - sent.at < 120] == []
    assert night.states() == {"succeeded": 400}


def test_a_long_wait_that_a_probe_is_asked_for_parks(tmp_path: Path) -> None:
    """Beyond `--max-wait` it is as with a refusal: the run ends, and the next one begins no sooner."""
    resent = rule("down", Action.RETRY, when=Condition(status_classes=frozenset({5})))
    outage = Outage(asking(DOWN, 3600), begins=-1.0, ends=1.0)
    night = Night(path=tmp_path / "r.db", values=9, providers=(changed(resent),), scripts={"acme": outage})
    (lane,) = night.run().lanes
    assert (lane.state, lane.reason, len(night.sent())) == ("parked", "down", 1)
    night.scripts = {}
    assert night.run().lanes[0].state == "parked"
    assert night.sent() == []
    night.clock.shift_us += 3600 * 1_000_000
    night.run()
    assert night.states() == {"succeeded": 9}


@pytest.mark.usefixtures("seldom")
@pytest.mark.parametrize("trouble", [REFUSED, BUSY])
def test_an_outage_of_an_hour_fails_no_job(tmp_path: Path, trouble: Answer) -> None:
    """Refused connections, or "busy" with HTTP 200: the circuit opens, and everything succeeds afterwards."""

    def answer(sent: Sent) -> Answer:
        return trouble if 10 < sent.at < 3610 else OK

    night = Night(path=tmp_path / "runner.db", values=600, scripts={"acme": answer})
    night.run()
    assert night.states() == {"succeeded": 600}
    during = [sent for sent in night.sent() if 10 < sent.at < 3610]
    assert len(during) <= 8 + 5 + 3600 / 22
    assert "circuit" in {event.state for event in night.events if isinstance(event, LaneChanged)}


@pytest.mark.usefixtures("seldom")
def test_a_silent_outage_puts_few_requests_in_doubt(tmp_path: Path) -> None:
    """Requests that vanish may all be charged: in flight, five more, and one for each wait, until the lane gives up."""

    def answer(sent: Sent) -> Answer:
        return LOST if sent.at > 5 else OK

    night = Night(path=tmp_path / "runner.db", values=400, scripts={"acme": answer})
    (lane,) = night.run().lanes
    assert (lane.state, lane.reason) == ("halted", "provider-down")
    assert night.states()["in_doubt"] <= 8 + 5 + 10 + 6 * 3600 / 300
    assert night.states()["queued"] > 0


def test_a_lane_that_never_worked_gives_up_after_three_requests_in_doubt(tmp_path: Path) -> None:
    """Nothing has shown yet that requests arrive at all: each further one might be charged for nothing."""
    night = Night(path=tmp_path / "runner.db", values=1000, scripts={"acme": lambda sent: LOST})
    (lane,) = night.run().lanes
    assert (lane.state, lane.reason) == ("halted", "provider-down")
    assert night.states() == {"in_doubt": 3, "queued": 997}


def test_a_lane_that_is_down_from_the_start_waits_for_it(tmp_path: Path) -> None:
    """The probe is repeated, unharmed, until the provider is back."""
    night = Night(
        path=tmp_path / "runner.db", values=5, scripts={"acme": lambda sent: REFUSED if sent.at < 600 else OK}
    )
    night.run()
    assert night.states() == {"succeeded": 5}
    assert night.query("SELECT max(attempts_spent) FROM jobs") == [(1,)]


@pytest.mark.usefixtures("seldom")
def test_six_hours_down_halt_the_lane(tmp_path: Path) -> None:
    """Nobody is helped by a probe every minute for ever."""
    night = Night(path=tmp_path / "runner.db", values=5, scripts={"acme": lambda sent: REFUSED})
    (lane,) = night.run().lanes
    assert (lane.state, lane.reason) == ("halted", "provider-down")
    assert 6 * 3600 <= night.sent()[-1].at <= 6 * 3600 + 120
    assert night.states() == {"queued": 5}

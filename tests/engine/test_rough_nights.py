"""Whole runs in virtual time where two things go wrong at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from runner.domain.model import Action, Amount, Answer, Debited
from runner.domain.provider import Condition, Limit, Rule
from runner.store.store import Store
from tests.engine.night import Night
from tests.engine.scripted import BROKE, BUSY, LATER, OK, Sent, provider
from tests.virtual import NOON_US, VirtualClock

CONFLICT = Answer(status=409, body=b'{"ok": false, "error": "conflict"}')
UNCLEAR = Answer(status=502, body=b'{"ok": false, "error": "unclear"}')


def later(seconds: int) -> Answer:
    """A refusal that says for how long."""
    return replace(LATER, headers=(("retry-after", str(seconds)),))


def test_after_a_halt_a_busy_provider_burns_no_list(tmp_path: Path) -> None:
    """A probe that uses up its attempts passes the turn on as any failed one does: three times, then the lane halts."""
    night = Night(path=tmp_path / "runner.db", values=50, scripts={"acme": lambda sent: BROKE})
    night.run()
    night.scripts = {"acme": lambda sent: BUSY}
    (lane,) = night.run().lanes
    assert (lane.state, lane.reason) == ("halted", "provider-down")
    assert night.states() == {"failed": 3, "queued": 47}


def test_a_cap_leaves_a_halt_on_record(tmp_path: Path) -> None:
    """Only a success lifts a halt: not a run that a cap ended before its probe."""
    night = Night(path=tmp_path / "runner.db", values=50, scripts={"acme": lambda sent: BROKE})
    night.run()
    assert night.run(max_requests={None: 1}).lanes[0].reason == "max-requests"
    assert night.query("SELECT state FROM lanes") == [("halted",)]
    night.scripts = {"acme": lambda sent: replace(BUSY, body=b'{"ok": false, "error": "bad"}')}
    night.run()
    assert len(night.sent()) == 3, "a row's own failure opened the lane"


def test_where_the_charge_can_be_higher_a_cap_counts_the_highest(tmp_path: Path) -> None:
    """A price of 1 to 5: a cap of 20 checks lets four through, for each may have cost 5."""
    acme = provider(in_flight=1)
    dear = replace(acme.operations["email"], price_max=Amount(5_000_000))
    night = Night(path=tmp_path / "runner.db", values=20, providers=(replace(acme, operations={"email": dear}),))
    (lane,) = night.run(max_spend={None: Amount(20_000_000)}).lanes
    assert (len(night.sent()), lane.reason) == (4, "max-spend")
    night.run(max_spend={None: Amount(25_000_000)})
    assert len(night.sent()) == 1, "counted alike after a restart"


def test_a_price_of_which_only_the_highest_is_known_is_counted(tmp_path: Path) -> None:
    """Without `price`, an answer that was charged costs `price_max`, not nothing."""
    acme = provider(in_flight=1)
    dear = replace(acme.operations["email"], price=None, price_max=Amount(5_000_000))
    night = Night(path=tmp_path / "runner.db", values=20, providers=(replace(acme, operations={"email": dear}),))
    night.run(max_spend={None: Amount(20_000_000)})
    assert len(night.sent()) == 4


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (
            CONFLICT,
            Rule(
                name="conflict",
                when=(Condition(code=("conflict",)),),
                then=Action.RETRY,
                debited=Debited.UNKNOWN,
                resend=True,
            ),
        ),
        (
            UNCLEAR,
            Rule(
                name="unclear",
                when=(Condition(code=("unclear",)),),
                then=Action.PAUSE,
                debited=Debited.UNKNOWN,
                resend=True,
                wait_seconds=5,
            ),
        ),
    ],
)
def test_nothing_that_may_have_been_charged_is_sent_again_unmarked(tmp_path: Path, answer: Answer, rule: Rule) -> None:
    """Whatever lets a job go again although its charge is unknown: the job is marked, the release is on record."""
    once = ["v3"]

    def script(sent: Sent) -> Answer:
        if sent.value in once:
            once.remove(sent.value)
            return answer
        return OK

    acme = provider()
    night = Night(
        path=tmp_path / "runner.db",
        values=9,
        providers=(replace(acme, rules=(rule, *acme.rules)),),
        scripts={"acme": script},
    )
    night.run()
    assert night.states() == {"succeeded": 9}
    assert Counter(sent.value for sent in night.sent())["v3"] == 2
    assert night.query("SELECT value FROM jobs WHERE possible_double_charge") == [("v3",)]
    assert night.query("SELECT resolution FROM attempts WHERE debited = 'unknown'") == [("resend",)]


@pytest.mark.parametrize("action", [Action.RETRY, Action.PAUSE, Action.HALT])
def test_a_refusal_that_may_have_been_charged_is_not_sent_again_by_itself(tmp_path: Path, action: Action) -> None:
    """Whatever else its rule says: without `resend` it waits for a person's word."""
    unclear = Rule(name="unclear", when=(Condition(code=("conflict",)),), then=action, debited=Debited.UNKNOWN)
    acme = provider(in_flight=1)
    night = Night(
        path=tmp_path / "runner.db",
        values=9,
        providers=(replace(acme, rules=(unclear, *acme.rules)),),
        scripts={"acme": lambda sent: CONFLICT if sent.value == "v3" else OK},
    )
    night.run()
    sent = [one.value for one in night.sent()]
    if action is Action.HALT:
        night.run()
        sent += [one.value for one in night.sent()]
    assert night.states() == {"succeeded": 8, "in_doubt": 1}
    assert sent.count("v3") == 1


def straggler(first: Answer, then: Answer) -> Callable[[Sent], Answer]:
    """Two requests are refused: one at once, the other, sent beside it, is answered later and asks for more."""
    refusals = [first, then]

    def script(sent: Sent) -> Answer:
        return refusals.pop(0) if sent.value in ("v2", "v3") and refusals else OK

    return script


def test_a_longer_wait_asked_by_a_straggler_parks_too(tmp_path: Path) -> None:
    """45 s, then an hour from a request sent before: beyond --max-wait, so the lane is parked for the hour."""
    night = Night(
        path=tmp_path / "runner.db",
        values=20,
        providers=(provider(in_flight=2),),
        scripts={"acme": straggler(later(45), later(3600))},
    )
    (lane,) = night.run().lanes
    assert lane.state == "parked"
    assert lane.until_us is not None
    assert lane.until_us - (NOON_US + night.clock.shift_us) >= 3_590 * 1_000_000


def test_a_longer_wait_asked_after_parking_is_kept(tmp_path: Path) -> None:
    """Parked for 20 minutes, then an hour from a request sent before: nothing is sent before the hour is over."""
    night = Night(
        path=tmp_path / "runner.db",
        values=20,
        providers=(provider(in_flight=2),),
        scripts={"acme": straggler(later(1200), later(3600))},
    )
    (lane,) = night.run().lanes
    assert lane.until_us is not None
    assert lane.until_us - (NOON_US + night.clock.shift_us) >= 3_590 * 1_000_000


def test_a_wait_asked_while_a_cap_ends_the_run_holds_for_the_next(tmp_path: Path) -> None:
    """The last request under the cap is refused for ten minutes: the next run waits for them."""
    night = Night(
        path=tmp_path / "runner.db",
        values=20,
        providers=(provider(in_flight=2),),
        scripts={"acme": lambda sent: later(600) if sent.value == "v2" else OK},
        latency=1.0,
    )
    night.run(limit=2)
    assert [sent.value for sent in night.sent()] == ["v1", "v2"]
    night.scripts = {}
    night.run()
    assert night.sent()[0].at >= 595


def test_a_probe_that_waits_for_its_turn_hears_of_a_longer_wait(tmp_path: Path) -> None:
    """The probe had left the gate and stood in the throttle when a straggler brought a longer wait: it goes back."""
    refusals = {"v2": later(1), "v3": later(120)}
    night = Night(
        path=tmp_path / "runner.db",
        values=12,
        providers=(
            provider(in_flight=3, limits=(Limit(at_most=3, per_seconds=30), Limit(at_most=100, per_seconds=1))),
        ),
        scripts={"acme": lambda sent: refusals.pop(sent.value, OK)},
        slow={"v3": 15.0},
    )
    night.run()
    assert night.states() == {"succeeded": 12}
    asked = next(sent.at for sent in night.sent() if sent.value == "v3") + 15
    assert min(sent.at for sent in night.sent() if sent.at > asked) >= asked + 120


def test_a_cancelled_caller_sends_no_more(tmp_path: Path) -> None:
    """A timeout around a run without limits: what is on the wire is stored, what was claimed beside it does not go."""

    async def cancel(store: Store) -> None:
        await anyio.sleep(2.05)
        raise TimeoutError

    night = Night(path=tmp_path / "runner.db", values=500, latency=1.0, during=cancel)
    with pytest.raises(ExceptionGroup):
        night.run()
    assert max(sent.at for sent in night.sent()) <= 2.05 + 0.5
    sent = len(night.sent())
    assert night.states() == {"succeeded": sent, "queued": 500 - sent}
    night.during = None
    night.run()
    assert night.states() == {"succeeded": 500}
    assert night.query("SELECT count(*) FROM attempts") == [(500,)]


class Patient(VirtualClock):
    """Fails when it is asked to wait again and again while no time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.at, self.asked = 0.0, 0

    async def sleep_until(self, deadline: float) -> None:
        now = self.monotonic()
        self.at, self.asked = (self.at, self.asked + 1) if now - self.at < 0.001 else (now, 1)
        assert self.asked < 100, "spinning"
        await super().sleep_until(deadline)


def test_workers_at_a_cap_wait_for_the_other_lane_without_waking_each_other(tmp_path: Path) -> None:
    """One cap over two lanes: while one has a slow request on the wire, the workers of the other one sleep."""

    async def quick(store: Store) -> None:
        night.transports["umbrella"].slow = {}

    night = Night(
        path=tmp_path / "runner.db",
        values=9,
        providers=(provider("acme"), provider("umbrella", in_flight=2)),
        slow={"v1": 20.0},
        clock=Patient(),
        during=quick,
    )
    summary = night.run(max_requests={None: 6})
    assert (len(night.sent("acme")), len(night.sent("umbrella"))) == (1, 5)
    assert [lane.reason for lane in summary.lanes] == ["max-requests", "max-requests"]

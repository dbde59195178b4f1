"""Whole runs in virtual time: what leaves, what is stored, and when everything stops."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from runner.domain.model import Answer
from runner.domain.provider import Limit
from runner.engine.events import AttemptClosed, LaneChanged, RunStopping
from runner.store.store import Store
from runner.store.values import Wish
from tests.engine.night import (
    BAD_ROW,
    BROKE,
    BUSY,
    DOWN,
    GARBAGE,
    LATER,
    LOST,
    OK,
    REFUSED,
    RESEND,
    WRONG,
    Night,
    Script,
    Sent,
    provider,
)


def wallet(funds: int) -> Script:
    """Charges until the money is gone."""
    left = funds

    def answer(sent: Sent) -> Answer:
        nonlocal left
        if left <= 0:
            return BROKE
        left -= 1
        return OK

    return answer


def by_value(night: Night) -> Counter[str]:
    """How often each value was sent in the last run."""
    return Counter(sent.value for sent in night.sent())


def test_each_value_is_sent_once_and_told_once(tmp_path: Path) -> None:
    """Two hundred jobs, eight at once: 200 requests, 200 successes, 200 events."""
    night = Night(path=tmp_path / "runner.db", values=200)
    summary = night.run()
    assert night.states() == {"succeeded": 200}
    assert set(by_value(night).values()) == {1}
    assert night.transports["acme"].most_in_flight == 8
    closed = [event for event in night.events if isinstance(event, AttemptClosed)]
    assert len({event.job for event in closed}) == len(closed) == 200
    assert [lane.state for lane in summary.lanes] == ["done"]
    assert not summary.queued


def test_one_job_goes_first(tmp_path: Path) -> None:
    """Until the first answer is there, nothing else leaves."""
    night = Night(path=tmp_path / "runner.db", values=20)
    night.run()
    first, second = (sent.at for sent in night.sent()[:2])
    assert second - first >= 0.2


def test_out_of_funds_costs_nobody_anything(tmp_path: Path) -> None:
    """Fifty in the wallet, 200 rows, eight at once: 50 charged, at most seven more refusals, 150 waiting, unharmed."""
    night = Night(path=tmp_path / "runner.db", values=200, scripts={"acme": wallet(50)})
    summary = night.run()
    assert night.states() == {"succeeded": 50, "queued": 150}
    assert 50 < len(night.sent()) <= 58
    assert night.query("SELECT sum(attempts_spent) FROM jobs WHERE state = 'queued'") == [(0,)]
    (lane,) = summary.lanes
    assert (lane.state, lane.reason, lane.message, lane.advice) == ("halted", "broke", "top up", "Top up.")

    night.scripts = {"acme": wallet(0)}
    assert night.run().lanes[0].state == "halted"
    assert len(night.sent()) == 1

    night.scripts = {"acme": wallet(1000)}
    night.run()
    assert night.states() == {"succeeded": 200}
    charged = night.query("SELECT max(n) FROM (SELECT count(*) AS n FROM attempts WHERE debited = 'yes' GROUP BY job)")
    assert charged == [(1,)]


def test_a_bad_key_costs_one_request(tmp_path: Path) -> None:
    """A lane starts shut: a halt on the first answer is the only answer."""
    night = Night(path=tmp_path / "runner.db", values=50, scripts={"acme": lambda sent: BROKE})
    night.run()
    assert len(night.sent()) == 1


def test_after_a_halt_only_a_success_opens(tmp_path: Path) -> None:
    """A row's own failure proves nothing about the wallet: the turn passes on, three times at most."""
    night = Night(path=tmp_path / "runner.db", values=50, scripts={"acme": wallet(0)})
    night.run()
    night.scripts = {"acme": lambda sent: BAD_ROW}
    summary = night.run()
    assert len(night.sent()) == 3
    assert summary.lanes[0].reason == "provider-down"


def test_a_halted_lane_never_stops_the_others(tmp_path: Path) -> None:
    """One provider out of funds: the other finishes its share."""
    night = Night(
        path=tmp_path / "runner.db",
        values=60,
        providers=(provider("acme"), provider("umbrella")),
        scripts={"acme": wallet(5)},
    )
    summary = night.run()
    assert [lane.state for lane in summary.lanes] == ["halted", "done"]
    assert night.states() == {"succeeded": 65, "queued": 55}


def test_a_refusal_shuts_the_whole_lane_once(tmp_path: Path) -> None:
    """After a 429 nothing leaves for its wait; then one probe; nobody spends an attempt."""
    episode: list[float] = []

    def answer(sent: Sent) -> Answer:
        if sent.at > 3 and (not episode or sent.at < episode[0] + 30):
            episode.append(sent.at)
            return replace(LATER, headers=(("retry-after", "45"),))
        return OK

    night = Night(path=tmp_path / "runner.db", values=300, scripts={"acme": answer})
    night.run()
    assert night.states() == {"succeeded": 300}
    after = sorted(sent.at for sent in night.sent() if sent.at > episode[-1])
    assert after[0] - episode[0] >= 45
    assert after[1] - after[0] >= 0.2, "the probe went alone"
    assert 1 <= len(episode) <= 8
    assert night.query("SELECT max(attempts_spent) FROM jobs") == [(1,)]


def test_a_wait_beyond_max_wait_parks_the_lane(tmp_path: Path) -> None:
    """Twenty minutes against fifteen: parked with its time; before that nothing is sent; after it the run goes on."""
    asked = replace(LATER, headers=(("retry-after", "1200"),))
    night = Night(path=tmp_path / "runner.db", values=10, scripts={"acme": lambda sent: asked})
    (lane,) = night.run().lanes
    assert lane.state == "parked"
    assert lane.until_us is not None
    assert lane.until_us - night.clock.shift_us >= 1_199 * 1_000_000

    assert night.run().lanes[0].state == "parked"
    assert night.sent() == []

    night.clock.shift_us += 1_202 * 1_000_000
    night.scripts = {}
    night.run()
    assert night.states() == {"succeeded": 10}


def test_refusals_without_end_halt(tmp_path: Path) -> None:
    """Twenty episodes without a success: a person must look."""
    night = Night(path=tmp_path / "runner.db", values=10, scripts={"acme": lambda sent: LATER})
    (lane,) = night.run().lanes
    assert (lane.state, lane.reason) == ("halted", "rate-limited")
    assert len(night.sent()) == 20


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


def test_one_bad_row_never_opens_the_circuit(tmp_path: Path) -> None:
    """Its attempts are spent, it fails, not for good, and the others do not notice."""
    night = Night(
        path=tmp_path / "runner.db", values=100, scripts={"acme": lambda sent: BUSY if sent.value == "v7" else OK}
    )
    night.run()
    assert night.states() == {"succeeded": 99, "failed": 1}
    assert by_value(night)["v7"] == 4
    assert night.query("SELECT final FROM jobs WHERE state = 'failed'") == [(0,)]


def test_a_lost_answer_is_held(tmp_path: Path) -> None:
    """In doubt, never failed, never sent again by itself; unreadable answers and unknown 5xx likewise."""
    lost = {"v3": LOST, "v5": GARBAGE, "v9": DOWN}
    night = Night(path=tmp_path / "runner.db", values=40, scripts={"acme": lambda sent: lost.get(sent.value, OK)})
    night.run()
    assert night.states() == {"succeeded": 37, "in_doubt": 3}
    assert set(by_value(night).values()) == {1}
    assert night.query("SELECT DISTINCT debited FROM attempts WHERE job IN (3, 5, 9)") == [("unknown",)]


def test_resend_once_sends_once_and_says_so(tmp_path: Path) -> None:
    """The second doubt of a value stays one; what was sent twice is marked."""
    once = ["v5"]

    def answer(sent: Sent) -> Answer:
        if sent.value in once:
            once.remove(sent.value)
            return LOST
        return LOST if sent.value == "v3" else OK

    night = Night(path=tmp_path / "runner.db", values=40, scripts={"acme": answer})
    night.run(in_doubt=RESEND)
    assert night.states() == {"succeeded": 39, "in_doubt": 1}
    assert by_value(night)["v3"] == by_value(night)["v5"] == 2
    marked = night.query("SELECT value, possible_double_charge FROM jobs WHERE possible_double_charge ORDER BY value")
    assert marked == [("v3", 1), ("v5", 1)]


def test_a_safe_operation_is_simply_repeated(tmp_path: Path) -> None:
    """Repeating a free read costs nothing: no doubt."""
    night = Night(
        path=tmp_path / "runner.db",
        values=20,
        providers=(provider(safe=True),),
        scripts={"acme": lambda sent: LOST if sent.at < 2 and sent.value in ("v4", "v5") else OK},
    )
    night.run()
    assert night.states() == {"succeeded": 20}


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


def test_too_many_failures_halt(tmp_path: Path) -> None:
    """`--max-failed 10%`, judged from fifty ended jobs on."""
    night = Night(
        path=tmp_path / "runner.db",
        values=300,
        scripts={"acme": lambda sent: BAD_ROW if int(sent.value[1:]) % 5 == 0 else OK},
    )
    (lane,) = night.run(max_failed=0.1).lanes
    assert (lane.state, lane.reason) == ("halted", "max-failed")
    assert 50 <= len(night.sent()) <= 58


def test_a_shape_nobody_proved_halts_and_the_next_job_tries_again(tmp_path: Path) -> None:
    """A typo must not burn the list; one odd row must not stop it twice."""
    night = Night(path=tmp_path / "runner.db", values=30, scripts={"acme": lambda sent: WRONG})
    assert night.run().lanes[0].reason == "wrong-shape"
    assert night.query("SELECT action FROM v_attempts") == [("halt",)], "what was done is recorded, not the rule's word"
    assert night.states() == {"queued": 30}
    assert len(night.sent()) == 1

    night.scripts = {"acme": lambda sent: WRONG if sent.value == "v1" else OK}
    night.run()
    assert night.sent()[0].value != "v1"
    assert night.states() == {"succeeded": 29, "failed": 1}


def test_a_request_that_cannot_be_built_halts_and_sends_nothing(tmp_path: Path) -> None:
    """It is our mistake or the profile's; it is on record as an attempt that was not sent."""
    night = Night(path=tmp_path / "runner.db", values=1)
    night.query("UPDATE jobs SET params = json_object('email', 'unsendable')")
    (lane,) = night.run().lanes
    assert night.sent() == []
    assert (lane.state, lane.reason) == ("halted", "invalid")
    assert night.states() == {"queued": 1}
    assert night.query("SELECT fault FROM attempts") == [("invalid",)]


def test_a_stop_drains(tmp_path: Path) -> None:
    """Nothing leaves after it, what was on the wire is stored, what was claimed is given back."""

    async def interrupt(store: Store) -> None:
        await anyio.sleep(2.05)
        night.stop.set("signal:130")

    night = Night(path=tmp_path / "runner.db", values=500, latency=1.0, during=interrupt)
    summary = night.run()
    assert summary.stop_reason == "signal:130"
    assert max(sent.at for sent in night.sent()) <= 2.05 + 0.5
    states = night.states()
    assert states == {"succeeded": len(night.sent()), "queued": 500 - len(night.sent())}
    assert [event.in_flight for event in night.events if isinstance(event, RunStopping)] == [8]


def test_a_stop_interrupts_those_who_wait_for_the_throttle(tmp_path: Path) -> None:
    """One request an hour: a stop does not take an hour."""

    async def interrupt(store: Store) -> None:
        await anyio.sleep(100)
        night.stop.set("signal:143")

    night = Night(
        path=tmp_path / "runner.db",
        values=5,
        providers=(provider(limits=(Limit(at_most=1, per_seconds=3600),)),),
        during=interrupt,
    )
    night.run()
    assert night.states() == {"succeeded": 1, "queued": 4}
    assert night.clock.shift_us < 102 * 1_000_000


def test_windows_hold_over_a_restart(tmp_path: Path) -> None:
    """Ten a minute, the run stopped and started again: never more than ten in any minute."""

    async def interrupt(store: Store) -> None:
        await anyio.sleep(20)
        night.stop.set("signal:130")

    limits = (Limit(at_most=10, per_seconds=60),)
    night = Night(path=tmp_path / "runner.db", values=30, providers=(provider(limits=limits),), during=interrupt)
    night.run()
    before = [sent.at for sent in night.sent()]
    ended = night.clock.shift_us / 1e6
    night.during = None
    night.run()
    stamps = sorted(before + [ended + sent.at for sent in night.sent()])
    assert len(stamps) == 30
    assert all(later - earlier >= 60 for earlier, later in zip(stamps, stamps[10:], strict=False))


def test_a_wish_from_another_terminal_is_seen_within_a_second(tmp_path: Path) -> None:
    """Pause, as `runner pause` writes it."""

    async def ask(store: Store) -> None:
        await anyio.sleep(3)
        batch = store.reports.named("leads")
        assert batch is not None
        store.steering.wish(batch.id, Wish.PAUSE)

    night = Night(path=tmp_path / "runner.db", values=500, during=ask)
    assert night.run().stop_reason == "requested:paused"
    assert max(sent.at for sent in night.sent()) <= 4


def test_work_added_beside_a_run_is_done_by_it(tmp_path: Path) -> None:
    """Rows that come while the last ones are on the wire are sent in the same run."""

    async def add(store: Store) -> None:
        await anyio.sleep(1.0)
        batch = store.reports.named("leads")
        assert batch is not None
        store.loading.add(batch.id, night.rows(21, 40))

    night = Night(path=tmp_path / "runner.db", values=20, latency=1.5, during=add)
    night.run()
    assert night.states() == {"succeeded": 40}


def test_a_closed_attempt_is_never_without_its_answer(tmp_path: Path) -> None:
    """What came back is stored as it came, garbage included."""
    night = Night(path=tmp_path / "runner.db", values=3, scripts={"acme": lambda sent: GARBAGE})
    night.run()
    bodies = night.query("SELECT body FROM answers")
    assert bodies
    assert {bytes(body) for (body,) in bodies} == {b"<html>"}

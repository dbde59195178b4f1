"""A run that gets nowhere ends with a dump; one that waits for what has an end is left alone, however long it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from runner.domain.model import Amount, Answer
from runner.domain.provider import Limit
from runner.engine.feed import Feed
from runner.engine.lane import Lane
from runner.engine.run import cause
from runner.engine.throttle import Throttle
from runner.errors import StalledError
from runner.store.store import Store
from tests.engine.night import Night, paused_after
from tests.engine.scripted import BAD_ROW, DOWN, LATER, OK, REFUSED, provider
from tests.virtual import NOON_US

HOUR = 3600.0


@pytest.fixture(autouse=True)
def _seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nights of hours in seconds: what another terminal asked for is looked for once a minute."""
    monkeypatch.setattr("runner.engine.listening.WISHES_SECONDS", 60.0)


def stalled(night: Night, **options: Any) -> StalledError:
    """The error with which a run of this night ends."""
    with pytest.raises(BaseExceptionGroup) as raised:
        night.run(**options)
    error = cause(raised.value)
    assert isinstance(error, StalledError), error
    return error


def ended_us(night: Night) -> list[int]:
    """The runs that have not ended."""
    return [number for (number,) in night.query("SELECT id FROM runs WHERE ended_us IS NULL")]


def later(seconds: float) -> Answer:
    """A refusal that says for how long."""
    return replace(LATER, headers=(("retry-after", f"{seconds:.0f}"),))


def never(store: Store, name: str, *, after: int = 0) -> None:
    """From its call number `after` on, the store does not answer this question any more."""
    real: Callable[..., Any] = getattr(store.jobs, name)
    calls = 0

    def silent(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        return real(*given, **named) if calls <= after else asyncio.get_running_loop().create_future()

    setattr(store.jobs, name, silent)


def test_a_request_that_never_comes_back_ends_the_run(tmp_path: Path) -> None:
    """Ten minutes after its deadline; the others are answered and stored, and the next run finds it in doubt."""
    night = Night(path=tmp_path / "runner.db", values=20, slow={"v3": 10**9})
    error = stalled(night)
    assert (error.exit_code, error.code, error.of_store) == (1, "stalled", False)
    assert error.what == "a request has been on the way for ten minutes longer than its deadline allows"
    assert "wire: 1 requests, the oldest sent 6" in error.dump
    assert "runner.engine.attempt" in error.dump
    assert night.states() == {"succeeded": 19, "running": 1}
    night.slow = {}
    night.run()
    assert night.states() == {"succeeded": 19, "in_doubt": 1}


@pytest.mark.parametrize(
    ("question", "after"),
    [("open", 0), ("open", 3), ("settle", 0), ("settle", 3), ("claim", 0), ("claim", 3), ("next_due", 0)],
)
def test_a_store_that_does_not_answer_ends_the_run(tmp_path: Path, question: str, after: int) -> None:
    """Whatever it was asked; what was answered before is not lost to the next run, which goes on."""

    async def during(store: Store) -> None:
        never(store, question, after=after)

    night = Night(path=tmp_path / "runner.db", values=60, during=during)
    error = stalled(night)
    assert error.of_store
    assert error.what == "the database has not answered for ten minutes"
    assert "store: " in error.dump
    night.during = None
    night.run()
    states = night.states()
    assert sum(states.values()) == 60
    assert not states["queued"]


def test_a_run_that_can_no_longer_hear_ends(tmp_path: Path) -> None:
    """One that works, but is not told what another terminal asks for: nobody could pause it."""

    async def during(store: Store) -> None:
        never(store, "wishes", after=3)

    night = Night(path=tmp_path / "runner.db", values=60, during=during)
    night.providers = (provider(limits=(Limit(at_most=1, per_seconds=60),)),)
    assert stalled(night).of_store
    assert 10 <= night.states()["succeeded"] <= 20


def test_a_store_that_does_not_answer_at_the_end_ends_the_run_too(tmp_path: Path) -> None:
    """What was claimed and not sent is given back at the very end."""

    async def during(store: Store) -> None:
        never(store, "release")

    night = Night(path=tmp_path / "runner.db", values=20, during=during)
    assert stalled(night, max_requests={None: 5}).of_store


@pytest.mark.parametrize("lost", ["throttle", "last", "feed", "gate"])
def test_a_lost_wake_up_ends_the_run(tmp_path: Path, lost: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the windows do not tell those who wait, or the last of them; a job falls due and nobody looks; the gate
    opens unheard."""
    night = Night(path=tmp_path / "runner.db", values=40)
    if lost in ("throttle", "last"):
        values = 40 if lost == "throttle" else 3
        limit = Limit(at_most=4 if lost == "throttle" else 1, per_seconds=1)
        night = Night(path=tmp_path / "few.db", values=values, providers=(provider(limits=(limit,)),), latency=5.0)
        monkeypatch.setattr(Throttle, "finish", lambda self: self._traffic.finish(self._clock.monotonic()))
    elif lost == "feed":
        answers = {f"v{n}": DOWN for n in range(37, 41)}
        night.scripts = {"acme": lambda sent: answers.pop(sent.value, OK)}
        night.providers = (provider(safe=True),)
        monkeypatch.setattr(Feed, "wake_at", lambda self: None)
        monkeypatch.setattr("runner.engine.listening._look_for_work", _nothing)
    else:
        night.scripts = {"acme": lambda sent: later(60) if sent.at < 2 else OK}
        monkeypatch.setattr("runner.engine.gate.Gate.wake_at", lambda self: None)
    error = stalled(night)
    assert error.what == "nothing was sent for ten minutes although requests are due"
    assert "gate: " in error.dump
    assert "runner.engine.waiting" in error.dump or "runner.engine.throttle" in error.dump


async def _nothing(lane: Lane, *, added: bool) -> None:
    """Look for nothing."""


def test_the_dump_holds_no_value(tmp_path: Path) -> None:
    """Values of rows and ids of requests are not in it."""
    night = Night(path=tmp_path / "runner.db", values=3, slow={"v1": 10**9})
    dump = stalled(night).dump
    sent = night.sent()[0]
    assert sent.value not in dump
    assert sent.client_request_id not in dump


def test_what_waits_for_a_limit_is_left_alone(tmp_path: Path) -> None:
    """One an hour."""
    slow = provider(limits=(Limit(at_most=1, per_seconds=HOUR),))
    night = Night(path=tmp_path / "runner.db", values=4, providers=(slow,))
    night.run()
    assert night.states() == {"succeeded": 4}
    assert night.sent()[-1].at > 3 * HOUR


def test_a_limit_of_the_batch_alone_is_one_too(tmp_path: Path) -> None:
    """`--rate 1/h`, also where a permit was given back and the bucket fills up again for an hour."""
    answers = iter([OK, later(60)])
    night = Night(path=tmp_path / "runner.db", values=4, scripts={"acme": lambda sent: next(answers, OK)})
    night.run(rate=(1, HOUR))
    assert night.states() == {"succeeded": 4}


def test_a_turn_that_was_not_used_is_waited_for_again(tmp_path: Path) -> None:
    """Nothing left this machine: the window is free at once, the pace between two requests is kept all the same."""
    answers = iter([REFUSED])
    night = Night(path=tmp_path / "runner.db", values=2, scripts={"acme": lambda sent: next(answers, OK)})
    night.providers = (provider(limits=(Limit(at_most=1, per_seconds=HOUR),)),)
    night.run()
    assert night.states() == {"succeeded": 2}
    assert night.sent()[1].at > HOUR


def test_a_long_pause_is_left_alone(tmp_path: Path) -> None:
    """Three hours, as the provider asked, with a `--max-wait` that allows it."""
    night = Night(path=tmp_path / "runner.db", values=4)
    night.scripts = {"acme": lambda sent: later(3 * HOUR) if sent.at < 1 else OK}
    night.run(max_wait_seconds=4 * HOUR)
    assert night.states() == {"succeeded": 4}


def test_an_outage_is_left_alone(tmp_path: Path) -> None:
    """Five hours of failures, and one try at a time."""
    night = Night(path=tmp_path / "runner.db", values=12, providers=(provider(safe=True),))
    night.scripts = {"acme": lambda sent: DOWN if sent.at < 5 * HOUR else OK}
    night.run()
    assert night.states()["succeeded"] > 0
    assert night.sent()[-1].at > 5 * HOUR


@pytest.mark.parametrize("cap", [{"max_spend": {None: Amount(6_000_000)}}, {"max_requests": {None: 6}}, {"limit": 6}])
def test_a_cap_with_requests_on_the_wire_is_left_alone(tmp_path: Path, cap: dict[str, Any]) -> None:
    """Those that may turn out not to be charged make room, also when another provider's wait keeps them for hours."""
    slow = provider("slow", limits=(Limit(at_most=1, per_seconds=HOUR),))
    night = Night(path=tmp_path / "runner.db", values=6, providers=(provider(), slow))
    night.run(**cap)
    assert len(night.sent()) + len(night.sent("slow")) <= 6


def test_a_cap_that_another_provider_fills_is_left_alone(tmp_path: Path) -> None:
    """It holds its price while it waits for its turn, one an hour; until then nobody knows whether there is room."""
    slow = provider("slow", limits=(Limit(at_most=1, per_seconds=HOUR),))
    night = Night(path=tmp_path / "runner.db", values=40, providers=(provider(), slow))
    night.scripts = {"acme": lambda sent: later(5) if sent.at < 1 else BAD_ROW}
    night.run(max_spend={None: Amount(3_000_000)})
    assert len(night.sent("slow")) == 3
    assert night.sent("slow")[-1].at > 2 * HOUR


def test_a_database_that_is_busy_for_a_while_is_left_alone(tmp_path: Path) -> None:
    """Half a minute, again and again, for an hour. What took so long to open is withdrawn and opened again."""
    night = Night(path=tmp_path / "runner.db", values=120, providers=(provider(in_flight=1),))
    night.during = slow_store(lambda calls: calls % 2 == 0)
    night.run()
    assert night.states() == {"succeeded": 120}


def test_a_database_too_slow_to_send_anything_ends_the_run(tmp_path: Path) -> None:
    """It answers each time, but so late that what was opened is withdrawn, for ever: that is no progress."""
    night = Night(path=tmp_path / "runner.db", values=3)
    night.during = slow_store(lambda calls: True)
    assert stalled(night).what == "nothing was sent for ten minutes although requests are due"
    assert night.sent() == []


def slow_store(slow: Callable[[int], bool]) -> Callable[[Store], Any]:
    """Openings of which those that are `slow` take half a minute."""

    async def during(store: Store) -> None:
        opening = store.jobs.open
        calls = 0

        async def slowly(given: Any) -> Any:
            nonlocal calls
            calls += 1
            if slow(calls):
                await anyio.sleep(30)
            return await opening(given)

        replaced: Any = store.jobs
        replaced.open = slowly

    return during


@pytest.mark.parametrize("hours", [8, -8])
def test_a_clock_that_is_set_is_no_hang(tmp_path: Path, hours: int) -> None:
    """A machine that slept for a night: the wall clock jumps, and later jobs fall due at once; or much later."""
    night = Night(path=tmp_path / "runner.db", values=40, providers=(provider(in_flight=2, safe=True),))
    answers = {"v5": DOWN, "v6": DOWN}
    night.scripts = {"acme": lambda sent: answers.pop(sent.value, OK)}

    async def during(store: Store) -> None:
        await anyio.sleep(1.5)
        night.clock.shift_us += hours * 3_600_000_000

    night.during = during
    night.run()
    assert night.states() == {"succeeded": 40}
    assert night.clock.shift_us != NOON_US


def test_a_pause_ends_the_run_in_peace(tmp_path: Path) -> None:
    """What a person asked for while everything waits for an hour."""
    night = Night(path=tmp_path / "runner.db", values=4, during=paused_after(120))
    night.providers = (provider(limits=(Limit(at_most=1, per_seconds=HOUR),)),)
    summary = night.run()
    assert summary.stop_reason == "requested:paused"
    assert ended_us(night) == []


def test_a_sleeping_machine_is_not_counted(tmp_path: Path) -> None:
    """Where the monotonic clock runs on while the machine sleeps, an hour between two looks is no hour of a hang."""
    asked: list[float] = []

    async def during(store: Store) -> None:
        real = store.jobs.settle

        async def once(given: Any) -> None:
            if not asked:
                asked.append(anyio.current_time())
                for _ in range(8):  # the loop stands still, as it does when the machine sleeps
                    asyncio.get_running_loop()._virtual.ahead += HOUR  # type: ignore[attr-defined]  # of the test's loop
                    await anyio.sleep(1)
            await real(given)

        replaced: Any = store.jobs
        replaced.settle = once

    night = Night(path=tmp_path / "runner.db", values=4, during=during)
    night.run()
    assert asked
    assert night.states() == {"succeeded": 4}

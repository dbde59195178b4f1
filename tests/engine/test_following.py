"""`--follow`: with nothing left to send a run waits for more, and ends for what ends any run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from runner.domain.states import JobState
from runner.engine.closing import Closing
from runner.engine.events import RowsAdded, RowsAwaited
from runner.store.store import Store
from runner.store.values import Wish
from tests.engine.night import Night
from tests.engine.scripted import BROKE, BUSY, OK, Sent, provider

PATIENT = 2.0
"""Seconds within which what was added has left, were it the only thing to do."""


def added(night: Night, *bursts: tuple[float, int], then: Callable[[Store], Any]) -> Callable[[Store], Awaitable[None]]:
    """Beside the engine: at each time so many rows more, and a little later `then`."""

    async def beside(store: Store) -> None:
        first = night.values + 1
        batch = store.reports.batches()[0].id
        for at, rows in bursts:
            await anyio.sleep_until(at)
            store.loading.add(batch, night.rows(first, first + rows - 1))
            first += rows
        await anyio.sleep(5)
        then(store)

    return beside


def stopped(night: Night) -> Callable[[Store], None]:
    """A signal."""
    return lambda _: night.stop.set("signal:15")


def asked_for(*found: Sent) -> list[str]:
    """What was sent."""
    return [sent.value for sent in found]


def test_rows_that_come_later_are_sent_once_and_soon(tmp_path: Path) -> None:
    """Nothing for a while, then a burst, then one more row: each leaves within two seconds, and once."""
    night = Night(path=tmp_path / "r.db", values=3)
    night.during = added(night, (20, 40), (25, 1), then=stopped(night))
    summary = night.run(follow=True)
    assert sorted(asked_for(*night.sent())) == sorted(f"v{n}" for n in range(1, 45))
    times = {sent.value: sent.at for sent in night.sent()}
    assert times["v3"] < PATIENT
    assert all(20 < times[f"v{n}"] < 20 + PATIENT for n in range(4, 44))
    assert 25 < times["v44"] < 25 + PATIENT
    assert (summary.stop_reason, summary.followed, night.states()) == ("signal:15", True, {"succeeded": 44})


def test_it_is_told_once_that_rows_are_waited_for_and_how_many_came(tmp_path: Path) -> None:
    """Each time when all is settled, whatever number of workers finds that; not before the last answer."""
    night = Night(path=tmp_path / "r.db", values=20)
    night.during = added(night, (20, 40), then=stopped(night))
    night.run(follow=True)
    waited = [event for event in night.events if isinstance(event, RowsAwaited)]
    assert len(waited) == 2
    assert [event.requests for event in night.events if isinstance(event, RowsAdded)] == [40]


def test_without_it_a_run_ends_when_all_is_settled(tmp_path: Path) -> None:
    """Nothing is waited for."""
    night = Night(path=tmp_path / "r.db", values=5)
    night.run()
    assert night.clock.shift_us < 60e6
    assert not any(isinstance(event, RowsAwaited) for event in night.events)


def test_an_empty_list_is_waited_for_too(tmp_path: Path) -> None:
    """A table that nobody has filled yet."""
    night = Night(path=tmp_path / "r.db", values=0)
    night.during = added(night, (20, 2), then=stopped(night))
    night.run(follow=True)
    assert asked_for(*night.sent()) == ["v1", "v2"]


def test_what_is_to_be_tried_again_is_no_time_to_wait_for_rows(tmp_path: Path) -> None:
    """Backoff is work that waits: only when it is over, rows are what is missing."""
    answers = iter([OK, BUSY, BUSY, OK])
    night = Night(path=tmp_path / "r.db", values=2, scripts={"acme": lambda _: next(answers)})
    night.during = added(night, (20, 0), then=stopped(night))
    night.run(follow=True)
    waited = [event for event in night.events if isinstance(event, RowsAwaited)]
    assert len(waited) == 1
    assert len(night.sent()) == 4


def test_a_halt_ends_it(tmp_path: Path) -> None:
    """As it ends any run: who waits for rows would never be told that nothing can be sent."""
    night = Night(path=tmp_path / "r.db", values=2, scripts={"acme": lambda _: BROKE})
    summary = night.run(follow=True)
    assert [lane.state for lane in summary.lanes] == ["halted"]
    assert len(night.sent()) == 1


def test_a_halted_provider_leaves_the_other_one_its_work_then_the_run_ends(tmp_path: Path) -> None:
    """Nobody goes on for ever at one provider while rows heap up for another."""
    two = (provider("acme"), provider("best"))
    night = Night(path=tmp_path / "r.db", values=30, providers=two, scripts={"acme": lambda _: BROKE})
    summary = night.run(follow=True)
    assert {lane.provider: lane.state for lane in summary.lanes} == {"acme": "halted", "best": "done"}
    assert len(night.sent("best")) == 30


def test_a_cap_ends_it(tmp_path: Path) -> None:
    """The rows beyond it wait for whoever raises it."""
    night = Night(path=tmp_path / "r.db", values=2)
    night.during = added(night, (20, 10), then=lambda _: None)
    night.run(follow=True, max_requests={None: 5})
    assert len(night.sent()) == 5
    assert night.states() == {"succeeded": 5, "queued": 7}


def test_its_moment_ends_it(tmp_path: Path) -> None:
    """`--for`, although nothing is left to send."""
    night = Night(path=tmp_path / "r.db", values=2, closing=lambda clock: Closing(clock, seconds=30))
    summary = night.run(follow=True)
    assert 20 < night.clock.shift_us / 1e6 <= 30
    assert not summary.queued


def test_a_pause_from_another_terminal_ends_it(tmp_path: Path) -> None:
    """Within a second, although nothing is on the way."""
    night = Night(path=tmp_path / "r.db", values=2)
    night.during = added(night, then=lambda store: store.steering.wish(store.reports.batches()[0].id, Wish.PAUSE))
    assert night.run(follow=True).stop_reason == "requested:paused"
    assert night.clock.shift_us < 7e6


def test_a_retry_from_another_terminal_is_seen_while_it_waits(tmp_path: Path) -> None:
    """What a person queues again is sent like rows that came."""
    answers = iter([OK, *[BUSY] * 4, OK])
    night = Night(path=tmp_path / "r.db", values=2, scripts={"acme": lambda _: next(answers)})

    async def beside(store: Store) -> None:
        await anyio.sleep_until(20)
        batch = store.reports.batches()[0].id
        assert store.reports.status(batch).by_state[JobState.FAILED] == 1
        store.steering.retry(batch)
        await anyio.sleep(5)
        night.stop.set("signal:2")

    night.during = beside
    night.run(follow=True)
    assert night.states() == {"succeeded": 2}


def test_a_watchdog_lets_it_wait_for_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is due: that is no hang, however long it lasts; then a row is sent as ever."""
    monkeypatch.setattr("runner.engine.listening.WISHES_SECONDS", 60.0)
    monkeypatch.setattr("runner.engine.watchdog.LOOK_SECONDS", 300.0)
    night = Night(path=tmp_path / "r.db", values=1)
    night.during = added(night, (8 * 3600, 1), then=stopped(night))
    night.run(follow=True)
    assert asked_for(*night.sent()) == ["v1", "v2"]

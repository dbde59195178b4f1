"""Whole runs in virtual time where nothing is wrong with the provider: what leaves, how often, and what is stored."""

from __future__ import annotations

from pathlib import Path

import anyio

from runner.engine.events import AttemptClosed
from runner.store.store import Store
from tests.engine.night import Night, by_value
from tests.engine.scripted import BUSY, GARBAGE, OK


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


def test_one_bad_row_never_opens_the_circuit(tmp_path: Path) -> None:
    """Its attempts are spent, it fails, not for good, and the others do not notice."""
    night = Night(
        path=tmp_path / "runner.db", values=100, scripts={"acme": lambda sent: BUSY if sent.value == "v7" else OK}
    )
    night.run()
    assert night.states() == {"succeeded": 99, "failed": 1}
    assert by_value(night)["v7"] == 4
    assert night.query("SELECT final FROM jobs WHERE state = 'failed'") == [(0,)]


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

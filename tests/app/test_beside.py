"""What other terminals do while a run is at work, and what a dead run leaves behind."""

from __future__ import annotations

import pytest

from runner.domain.states import BatchState, JobState
from runner.errors import BatchError
from tests.app.place import KilledError, Place, after, emails


def test_a_pause_from_another_terminal_drains_the_run(place: Place) -> None:
    """It is a wish to the run at work; the run ends with 5 and only `resume` goes on."""
    place.write_list(emails(700))
    steered = []
    with place.runner() as r, place.runner() as other:
        batch = r.load("leads.csv", ["defastra.email"])

        def look_and_pause() -> None:
            assert other.status(batch).next.why == "A run is at work on it."
            steered.append(other.pause(batch))

        result = place.run(r, batch, on_event=after(5, look_and_pause))
        assert not steered[0].at_once
        assert (result.exit_code, result.status.state, result.status.reason) == (5, BatchState.PAUSED, "person")
        assert result.sent < 700
        assert place.run(r, batch).sent == 0
        assert other.resume(batch).at_once
        assert place.run(r, batch).exit_code == 0


def test_a_cancel_from_another_terminal_gives_the_batch_up(place: Place) -> None:
    """What was on the way is stored; the rest is cancelled."""
    place.write_list(emails(2000))
    with place.runner() as r, place.runner() as other:
        batch = r.load("leads.csv", ["defastra.email"])
        result = place.run(r, batch, on_event=after(5, lambda: other.cancel(batch)))
        assert (result.exit_code, result.status.state) == (5, BatchState.CANCELLED)
        assert result.status.outcomes[JobState.SUCCEEDED] == result.sent
        assert result.status.outcomes[JobState.CANCELLED] == 2000 - result.sent
        with pytest.raises(BatchError):
            r.resume(batch)


def test_rows_added_beside_a_run_are_sent_by_it(place: Place) -> None:
    """`load --add` while it works: the run sees them within a second."""
    place.write_list(emails(600))
    with place.runner() as r, place.runner() as other:
        batch = r.load("leads.csv", ["defastra.email"])

        def add() -> None:
            place.write_list([*emails(600), "late@example.com"])
            assert other.load("leads.csv", ["defastra.email"], add=True).added_rows == 1

        result = place.run(r, batch, on_event=after(3, add))
        assert (result.exit_code, result.status.rows) == (0, 601)
    assert "late@example.com" in place.values()


def test_a_dead_run_is_found_and_its_requests_are_in_doubt(place: Place) -> None:
    """The next command recovers, says so, sends what was not sent, and holds what was open and charged."""
    place.write_list(emails(10))
    place.dies_at = 4
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        with pytest.raises(KilledError):
            place.run(r, batch)
        left = r.status(batch)
        assert (left.state, left.reason, left.eta_us) == (BatchState.RUNNING, "cut-off", None)
        assert left.next.command == "runner run leads-defastra-email"
    with place.runner() as r:
        result = place.run(r, batch)
    outcomes = result.status.outcomes
    assert "an earlier run was cut off" in result.notices[0]
    assert result.exit_code == 3
    assert outcomes[JobState.IN_DOUBT] >= 1
    assert outcomes[JobState.SUCCEEDED] + outcomes[JobState.IN_DOUBT] == 10
    assert len(place.charged()) == len(set(place.charged()))


def test_waiting_behind_another_run(place: Place) -> None:
    """`wait` queues behind the holder for so long, then says who holds it."""
    from runner.errors import BusyError
    from runner.store.locks import lock_database

    place.write_list(emails(2))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        began = place.time.before
        lock = lock_database(place.folder / "runner.db", clock=place.time)
        with pytest.raises(BusyError):
            place.run(r, batch, wait="10m")
        lock.release()
        assert place.time.before == began
        assert place.run(r, batch, wait="10m").exit_code == 0


def test_steering_what_is_over_is_refused(place: Place) -> None:
    """A completed batch is neither paused, resumed nor cancelled; nothing failed is not retried."""
    place.write_list(emails(1))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        place.run(r, batch)
        for act in (r.pause, r.resume, r.cancel, r.retry):
            with pytest.raises(BatchError):
                act(batch)

"""What ends a run or keeps it from beginning: people, signals, providers that reset, other runs."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from runner.domain.states import BatchState, JobState
from runner.engine.events import AttemptClosed, Event
from runner.engine.stop import StopSignal
from runner.errors import BatchError, BusyError
from runner.sandbox.replies import Behaviour
from runner.store.locks import lock_database
from tests.app.place import Place, after, emails


def test_paused_by_a_person_only_resume_ends_it(place: Place) -> None:
    """A run of a paused batch sends nothing and exits 5; also when it was halted before."""
    place.world.top_up(1)
    place.write_list(emails(3))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        assert r.pause(batch).at_once
        assert (place.run(r, batch).exit_code, place.values()) == (5, [])
        assert r.status(batch).next.command == "runner resume leads-defastra-email"
        assert r.resume(batch).next is not None
        assert place.run(r, batch).exit_code == 4
        r.pause(batch)
        sent = len(place.values())
        assert (place.run(r, batch).exit_code, len(place.values())) == (5, sent)
        assert r.status(batch).next.command == "runner resume leads-defastra-email"  # `run` would send nothing
        r.resume(batch)
        assert (place.run(r, batch).exit_code, len(place.values())) == (4, sent + 1)


def test_cancel_is_for_good_and_keeps_answers(place: Place) -> None:
    """What is queued is never sent; the export still has what was paid."""
    place.write_list(emails(4))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        place.run(r, batch, limit=1)
        assert r.cancel(batch).changed == 3
        assert (place.run(r, batch).exit_code, len(place.values())) == (5, 1)
        with pytest.raises(BatchError):
            r.cancel(batch)
        out = io.StringIO()
        assert r.export(batch, out, only="succeeded").rows == 1
    assert out.getvalue().count("\n") == 2


def test_a_provider_that_resets_later_parks_the_batch(place: Place) -> None:
    """Exit 6 with the time; before it the same command sends nothing; after it, it goes on."""
    place.write_list(emails(3))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        place.world.next([Behaviour(), Behaviour(rule="daily-check-limit")])
        parked = place.run(r, batch, in_flight=1)
        assert (parked.exit_code, parked.status.reason) == (6, "reset")
        assert parked.status.resume_at_us is not None
        sent, transports = len(place.values()), place.transports
        assert (place.run(r, batch).exit_code, len(place.values())) == (6, sent)
        assert place.transports == transports  # not even a lane is built
        place.time.before = (parked.status.resume_at_us - place.time.now_us()) / 1e6 + place.time.before + 1
        assert place.run(r, batch).exit_code == 0


def test_a_stop_drains_and_its_code_wins(place: Place) -> None:
    """The signal's exit code outranks all; what was on the way is stored; the same command goes on."""
    place.write_list(emails(20))
    stop = StopSignal()
    closed: list[Event] = []

    def observe(event: Event) -> None:
        if isinstance(event, AttemptClosed):
            closed.append(event)
            if len(closed) == 6:
                stop.set("signal:130")

    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        result = place.run(r, batch, stop=stop, on_event=observe)
        assert (result.exit_code, result.interrupted, result.status.reason) == (130, "signal:130", "interrupted")
        assert result.sent == len(place.values()) < 20
        assert result.status.outcomes[JobState.RUNNING] == 0
        assert place.run(r, batch).exit_code == 0
    assert sorted(place.charged()) == sorted(emails(20))


def test_a_stop_from_another_thread(tmp_path: Path) -> None:
    """It is heard in the loop of the run, which waits for its next request for an hour."""
    place = Place(tmp_path, toml="[providers.defastra]\nlimits = [{ at_most = 1, per_seconds = 3600 }]\n")
    place.write_list(emails(3))
    stop = StopSignal()
    timer = threading.Timer(0.02, stop.set, ["enough"])
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        result = r.run(batch, stop=stop, on_event=after(1, timer.start), max_wait="2h")
        timer.join()
        assert (result.exit_code, result.status.reason, result.sent) == (5, "enough", 1)
        stop.set("later")  # nobody listens any more


def test_a_listener_is_told_in_its_own_loop_and_only_while_it_listens() -> None:
    """By a thread with a loop of its own, too; what was undone before its turn came is not told."""
    stop, told = StopSignal(), list[int]()

    async def elsewhere() -> None:
        stop.set("enough")

    async def main() -> None:
        stop.listen(lambda: told.append(threading.get_ident()))
        undo = stop.listen(lambda: told.append(0))
        thread = threading.Thread(target=lambda: anyio.run(elsewhere))
        thread.start()
        thread.join()  # the loop stands still meanwhile, and `set` does not wait for it
        undo()
        assert (stop.reason, told) == ("enough", [])
        await anyio.lowlevel.checkpoint()
        assert told == [threading.get_ident()]

    anyio.run(main)
    stop.set("its loop is closed")
    assert len(told) == 1


def test_an_observer_that_raises_drains_the_run_and_is_heard(place: Place) -> None:
    """Its error comes out after everything is stored; nothing is lost."""
    place.write_list(emails(9))

    def observe(event: Event) -> None:
        if isinstance(event, AttemptClosed):
            raise ZeroDivisionError

    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        with pytest.raises(ZeroDivisionError):
            place.run(r, batch, on_event=observe)
        status = r.status(batch)
        assert status.outcomes[JobState.SUCCEEDED] == len(place.values())
        assert status.state is BatchState.PAUSED
        assert place.run(r, batch).exit_code == 0


def test_a_second_run_is_refused(place: Place) -> None:
    """On the same database, and on the same account from another database: exit 7 names the holder."""
    place.write_list(emails(2))
    with place.runner() as r, place.runner("other.db") as other:
        batch = r.load("leads.csv", ["defastra.email"])
        elsewhere = other.load("leads.csv", ["defastra.email"])
        with lock_database(place.folder / "runner.db", clock=place.time), pytest.raises(BusyError) as busy:
            place.run(r, batch)
        assert busy.value.exit_code == 7

        def meanwhile(event: Event) -> None:
            if isinstance(event, AttemptClosed) and not refused:
                refused.append(_refused(place, elsewhere.batch))

        refused: list[str] = []
        assert place.run(r, batch, on_event=meanwhile).exit_code == 0
    assert "account" in refused[0]


def _refused(place: Place, batch: str) -> str:
    """What a run from another database meets while the account is held."""
    from runner.domain.provider import Provider
    from runner.store.locks import account_fingerprint, lock_account
    from tests.app.place import KEY

    with place.runner() as r:
        provider: Provider = r.provider("defastra")
    account = account_fingerprint(provider.http.base_url, KEY)
    with pytest.raises(BusyError) as busy:
        lock_account(account, database=place.folder / "other.db", clock=place.time, folder=place.folder / "locks")
    assert batch
    return str(busy.value) + busy.value.why

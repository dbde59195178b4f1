"""Two hands on one batch at the same moment: wishes, locks, signals and cancelled callers around a run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import anyio
import pytest

from runner.domain.states import BatchState, JobState
from runner.engine.events import AttemptClosed, Event
from runner.engine.stop import StopSignal
from runner.errors import StoreError
from runner.sandbox.replies import Behaviour, Manner
from runner.store import open_store
from runner.store.locks import account_fingerprint, lock_account, lock_database
from runner.store.steering import Steering
from runner.work.results import RunResult
from tests.app.place import KEY, Place, emails
from tests.virtual import run_virtual


async def beside(run: Awaitable[RunResult], *acts: tuple[float, Callable[[], object]]) -> RunResult:
    """A run, and what others do so many seconds after its start."""

    async def later(seconds: float, act: Callable[[], object]) -> None:
        await anyio.sleep(seconds)
        act()

    results: list[RunResult] = []
    async with anyio.create_task_group() as group:
        for seconds, act in acts:
            group.start_soon(later, seconds, act)
        results.append(await run)
    return results[0]


def test_a_pause_asked_while_a_cap_ends_the_run_is_kept(place: Place) -> None:
    """The wish came after the run had looked for the last time: the same command sends nothing until `resume`."""
    place.write_list(emails(6))
    with place.runner() as r, place.runner() as other:
        batch = r.load("leads.csv", ["defastra.email"])

        def pause(event: Event) -> None:
            if isinstance(event, AttemptClosed) and len(place.values()) == 2:
                assert not other.pause(batch).at_once

        result = place.run(r, batch, max_requests=2, on_event=pause)
        assert result.exit_code == 5
        assert place.run(r, batch, max_requests=10).sent == 0
        other.resume(batch)
        assert place.run(r, batch, max_requests=10).exit_code == 0


def test_a_cancel_asked_while_a_halt_ends_the_run_is_kept(place: Place) -> None:
    """Given up in the same moment in which the wallet was empty: it is cancelled, not waiting for a top-up."""
    place.world.top_up(1)
    place.write_list(emails(6))
    with place.runner() as r, place.runner() as other:
        batch = r.load("leads.csv", ["defastra.email"])

        def cancel(event: Event) -> None:
            if isinstance(event, AttemptClosed) and event.rule == "success":
                assert not other.cancel(batch).at_once

        result = place.run(r, batch, in_flight=1, on_event=cancel)
        assert result.status.state is BatchState.CANCELLED
        place.world.top_up(10)
        assert place.run(r, batch).sent == 0


def test_a_pause_while_a_run_waits_for_the_account_is_heard(place: Place) -> None:
    """The run queued behind another one on the account: what was decided meanwhile holds."""
    place.write_list(emails(2))
    with place.runner() as r, place.runner() as other:
        batch = r.load("leads.csv", ["defastra.email"])
        account = account_fingerprint(r.provider("defastra").http.base_url, KEY)
        lock = lock_account(account, database=place.folder / "x.db", clock=place.time, folder=place.folder / "locks")
        decided = (5, lambda: other.pause(batch)), (10, lock.release)
        result = run_virtual(lambda: beside(r.arun(batch, wait="10m"), *decided))
        assert (result.exit_code, result.status.reason, place.values()) == (5, "person", [])


def test_a_cap_kept_by_the_run_before_holds_for_the_one_that_waited(place: Place) -> None:
    """It was started before the cap was set, and begins after it."""
    place.write_list(emails(9))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        lock = lock_database(place.folder / "runner.db", clock=place.time)

        def cap() -> None:
            lock.release()
            with open_store(place.folder / "runner.db", clock=place.time, inline=True) as store:
                store.steering.keep(store.reports.find(batch.batch).id, {"max_requests": 4})

        result = run_virtual(lambda: beside(r.arun(batch, wait="10m"), (5.5, cap)))
    assert (result.exit_code, result.sent) == (5, 4)


def test_a_stop_ends_the_wait_for_another_run(place: Place) -> None:
    """--wait 2h and Ctrl-C: out at once with its code, not in two hours; nothing is sent."""
    place.write_list(emails(2))
    stop = StopSignal()
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        with lock_database(place.folder / "runner.db", clock=place.time):

            async def call() -> tuple[int, float]:
                ended = await beside(r.arun(batch, wait="2h", stop=stop), (10, lambda: stop.set("signal:143")))
                return ended.exit_code, place.time.monotonic()

            code, seconds = run_virtual(call)
    assert (code, place.values()) == (143, [])
    assert seconds < 12


def test_retries_and_doubts_decided_beside_a_run_are_sent_by_it(place: Place) -> None:
    """What goes back to the queue while the last request is on the wire is seen within a second."""
    place.write_list(emails(3))
    with place.runner() as r, place.runner() as other:
        batch = r.load("leads.csv", ["defastra.email"])
        place.world.next([Behaviour(rule="invalid-request-email"), Behaviour(), Behaviour(delay_seconds=20)])
        result = run_virtual(lambda: beside(r.arun(batch, in_flight=2), (5, lambda: other.retry(batch))))
    assert (result.exit_code, result.status.state) == (0, BatchState.COMPLETED)
    assert len(place.values()) == 4


@pytest.mark.parametrize("how", ["scope", "task"])
def test_a_cancelled_caller_loses_no_answer_and_sends_no_more(place: Place, how: str) -> None:
    """A timeout around `run`: what is on the wire is stored, nothing new leaves, the same command goes on."""
    place.write_list(emails(400))

    async def call() -> None:
        if how == "scope":
            with anyio.move_on_after(0.025):
                await r.arun(batch)
        else:
            task = asyncio.create_task(r.arun(batch))
            await asyncio.sleep(0.025)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        run_virtual(call)
        sent = len(place.values())
        status = r.status(batch)
        assert sent <= 1 + 5 + 5
        assert status.outcomes[JobState.SUCCEEDED] == sent
        assert place.run(r, batch).exit_code == 0
    assert sorted(place.charged()) == sorted(emails(400))


@pytest.mark.parametrize("word", ["retry", "resolve"])
def test_what_was_decided_is_answered_whatever_fails_after_it(
    place: Place, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a run that died: the decision is one commit, and nothing that is written behind it can deny it."""
    place.write_list(["rule-invalid-request-email@example.com", *emails(1)])
    place.world.next([Behaviour(rule="invalid-request-email"), Behaviour(manner=Manner.DROP)])
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        outcomes = place.run(r, batch).status.outcomes
        assert (outcomes[JobState.FAILED], outcomes[JobState.IN_DOUBT]) == (1, 1)

        def fail(*_: object, **__: object) -> None:
            raise StoreError("the disk failed", why="a test", fix="none")

        monkeypatch.setattr(Steering, "recover", fail)
        done = r.retry(batch, "failed") if word == "retry" else r.resolve(batch, "resend")
        assert (done.changed, done.at_once) == (1, True)

"""Batches of one run that differ in pace, trouble or luck: none of them holds up another for longer than it must."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from runner.app import Runner
from runner.domain.model import Request
from runner.domain.provider import Operation
from runner.domain.states import JobState
from runner.engine.events import Event, RunEnded
from runner.engine.ports import UnsendableError
from runner.sandbox.replies import Behaviour
from tests.app.lists import load, of, run_all
from tests.app.place import KEY, QUICK, Place, Wire


def keep(r: Runner, batch: str, **settings: object) -> None:
    """What an earlier run kept with a batch."""
    info = r._session.find(batch)
    r._session.store().steering.keep(info.id, settings)


def test_a_batch_that_goes_slower_keeps_no_other_from_going(tmp_path: Path) -> None:
    """One keeps `--rate 6/h`, its neighbour has none: the neighbour is through in seconds, probe and slots included."""
    place = Place(tmp_path, toml=QUICK, latency_seconds=(0.1, 0.2))
    with place.runner() as r:
        slow, _ = batches = load(place, r, slow=8, fast=60)
        keep(r, slow, rate="6/h")
        results = run_all(place, r, batches)
    assert [result.exit_code for result in results] == [0, 0]
    start = place.world.books.entries[0].received_at
    assert max(of(place, "fast")) - start < 10
    at = of(place, "slow")
    assert max(sum(moment <= other < moment + 3600 for other in at) for moment in at) <= 6


def test_a_pace_of_two_is_whole_for_the_one_that_is_left(tmp_path: Path) -> None:
    """Both keep `--rate 4/min`; one is at its cap after a request: what it held of the pace is the other's."""
    place = Place(tmp_path, toml=QUICK, latency_seconds=(0.1, 0.2))
    with place.runner() as r:
        batches = load(place, r, short=10, long=12)
        keep(r, batches[0], max_requests=1)
        results = run_all(place, r, batches, rate="4/min")
    assert [result.exit_code for result in results] == [5, 0]
    at = sorted(entry.received_at for entry in place.world.books.entries)
    assert max(sum(moment <= other < moment + 60 for other in at) for moment in at) == 4
    assert at[-1] - at[0] < 4 * 60


def test_a_batch_without_work_holds_nothing_of_a_shared_pace(tmp_path: Path) -> None:
    """Its one request is on its way for minutes; the places that it cannot use are the other's meanwhile."""
    place = Place(tmp_path, toml=QUICK, latency_seconds=(0.1, 0.2))
    place.world.next([Behaviour(), Behaviour(delay_seconds=9 * 60)])
    with place.runner() as r:
        batches = load(place, r, short=2, long=9)
        run_all(place, r, batches, rate="4/min")
    at = of(place, "long")
    assert len(at) == 9
    assert at[-1] - of(place, "short")[0] < 5 * 60


def test_a_request_of_the_wrong_shape_halts_the_batch_that_made_it_alone(tmp_path: Path) -> None:
    """What is wrong with one list's parameters says nothing of another's: that one goes on, and is the next probe."""
    place = Place(tmp_path, toml=QUICK, latency_seconds=(0.1, 0.2))
    place.world.next([Behaviour(rule="invalid-parameter")])
    with place.runner() as r:
        batches = load(place, r, wrong=3, right=20)
        results = run_all(place, r, batches)
    assert [result.exit_code for result in results] == [4, 0]
    assert [halt.reason for halt in results[0].status.halts] == ["invalid-parameter"]
    assert (results[0].sent, results[1].sent) == (1, 20)


def test_what_cannot_be_sent_halts_its_batch_alone(tmp_path: Path) -> None:
    """A request that could not even be built never met the provider: the account is not to blame."""
    place = Place(tmp_path, toml=QUICK, latency_seconds=(0.1, 0.2))
    with place.runner() as r:
        batches = load(place, r, wrong=3, right=20)
        wire = Wire.prepare

        def prepare(self: Wire, operation: Operation, params: Mapping[str, str], *, attempt_id: str) -> Request:
            if params["email"].startswith("wrong"):
                raise UnsendableError("a value is not text that can be sent")
            return wire(self, operation, params, attempt_id=attempt_id)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Wire, "prepare", prepare)
            results = run_all(place, r, batches)
    assert [(result.exit_code, result.sent) for result in results] == [(4, 0), (0, 20)]
    assert results[0].status.outcomes[JobState.QUEUED] == 3


def test_what_an_account_is_told_is_not_told_of_a_batch_that_has_ended(tmp_path: Path) -> None:
    """The short list is over when the provider asks to wait: its lane stays done, and nothing more is said of it."""
    place = Place(tmp_path, toml=QUICK, latency_seconds=(0.1, 0.2))
    place.world.next([*[Behaviour()] * 30, Behaviour(rule="rate-limited-second")])
    events: list[Event] = []
    with place.runner() as r:
        results = run_all(place, r, load(place, r, short=2, long=60), on_event=events.append)
    ended = next(event for event in events if isinstance(event, RunEnded))
    later = {event.batch for event in events[events.index(ended) + 1 :]}
    assert len(later) == 1
    assert ended.batch not in later
    assert results[0].status.lanes[0].state == "done"


def test_a_halt_is_on_record_for_each_batch_but_its_probe_for_one(tmp_path: Path) -> None:
    """Both say why they wait; only the batch that was refused has the job that asks again."""
    place = Place(tmp_path, toml=QUICK, wallet=10, latency_seconds=(0.1, 0.2))
    with place.runner() as r:
        batches = load(place, r, one=50, two=50)
        results = run_all(place, r, batches)
        with r._session.store().reports._database.reading() as connection:
            reports = connection.exec_driver_sql("SELECT batch, state, report FROM lanes").all()
    assert [[halt.reason for halt in result.status.halts] for result in results] == [["insufficient-funds"]] * 2
    assert {batch for batch, _, _ in reports} == {json.loads(report)["batch"] for _, _, report in reports} == {1, 2}
    assert sum(json.loads(report)["job"] is not None for _, _, report in reports) == 1


def test_two_profiles_of_one_account_keep_the_limits_of_both(tmp_path: Path) -> None:
    """A second profile with the first one's key says two a minute: so it goes, beside what the account allows."""
    toml = (
        "[providers.defastra]\nlimits = [{ at_most = 20, per_seconds = 10 }]\n"
        '[providers.second]\nextends = "defastra"\nlimits = [{ at_most = 2, per_seconds = 60 }]\n'
        '[providers.second.http.auth]\nsecret = { env = "SECOND_API_KEY" }\n'
    )
    place = Place(tmp_path, toml=toml, latency_seconds=(0.1, 0.2))
    place.environ["SECOND_API_KEY"] = KEY
    for name in ("quick", "careful"):
        place.write_list([f"{name}{number}@example.com" for number in range(1, 7)], name=f"{name}.csv")
    with place.runner() as r:
        batches = [r.load("quick.csv", ["defastra.email"]).batch, r.load("careful.csv", ["second.email"]).batch]
        assert [result.exit_code for result in run_all(place, r, batches)] == [0, 0]
    at = of(place, "careful")
    assert max(sum(moment <= other < moment + 60 for other in at) for moment in at) == 2
    assert of(place, "quick")[-1] - place.world.books.entries[0].received_at < 20


def test_a_halt_that_comes_after_a_batch_was_paused_is_not_put_on_its_record(tmp_path: Path) -> None:
    """Paused by hand early on; the other one runs out of funds much later: that is no news of the first."""
    place = Place(tmp_path, toml=QUICK, wallet=60, latency_seconds=(0.5, 0.5))
    asked: list[str] = []
    with place.runner() as r, place.runner() as other:
        first, second = load(place, r, first=100, second=100)

        def observe(event: Event) -> None:
            if len(place.world.books.entries) >= 10 and not asked:
                asked.append(other.pause(first).batch)

        results = run_all(place, r, [first, second], on_event=observe)
        assert [result.exit_code for result in results] == [5, 4]
        assert [len(r.status(batch).halts) for batch in (first, second)] == [0, 1]

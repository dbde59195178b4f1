"""Batches of one run that differ in pace, trouble or luck: none of them holds up another for longer than it must."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from runner.app import Runner
from runner.domain.model import Request
from runner.domain.provider import Operation
from runner.domain.states import JobState
from runner.engine.ports import UnsendableError
from runner.sandbox.replies import Behaviour
from tests.app.place import Place, Wire
from tests.app.test_together import QUICK, load, of, run_all


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

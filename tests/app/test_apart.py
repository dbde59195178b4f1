"""What ends one of several batches leaves the others at work."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.domain.states import BatchState, JobState
from runner.engine.events import AttemptClosed, Event
from runner.work.results import RunResult
from tests.app.lists import load, of, run_all, values
from tests.app.place import QUICK, Place


def test_a_pause_of_one_leaves_the_other_at_work(tmp_path: Path) -> None:
    """What is asked of a batch in another terminal is asked of it alone."""
    place = Place(tmp_path, toml=QUICK, latency_seconds=(0.5, 0.5))
    asked: list[str] = []
    with place.runner() as r, place.runner() as other:
        one, two = load(place, r, one=200, two=200)

        def observe(event: Event) -> None:
            if isinstance(event, AttemptClosed) and len(place.world.books.entries) >= 50 and not asked:
                asked.append(other.pause(one).batch)

        results = run_all(place, r, [one, two], on_event=observe)
    assert [(result.exit_code, result.status.reason) for result in results] == [(5, "person"), (0, None)]
    assert len(of(place, "one")) < 60
    assert len(of(place, "two")) == 200


def test_a_cap_of_one_leaves_the_other_at_work(place: Place) -> None:
    """Caps are each batch's own, in requests of its own."""
    with place.runner() as r:
        one, two = load(place, r, one=50, two=20)
        results = run_all(place, r, [one, two], max_requests=30)
    assert [(result.exit_code, result.sent) for result in results] == [(5, 30), (0, 20)]
    assert results[0].status.reason == "max-requests"


def test_too_many_failures_halt_one_batch_alone(place: Place) -> None:
    """A list of nonsense is no reason to stop a good one."""
    place.write_list([f"rule-invalid-request-email+{n}@example.com" for n in range(100)], name="bad.csv")
    with place.runner() as r:
        bad = r.load("bad.csv", ["defastra.email"]).batch
        (good,) = load(place, r, good=300)
        results = run_all(place, r, [bad, good], max_failed="10%")
    assert [result.exit_code for result in results] == [4, 0]
    assert results[0].status.halts[0].reason == "max-failed"
    assert results[1].sent == 300


def test_what_fails_at_the_end_of_one_batch_does_not_cut_off_the_others(place: Place) -> None:
    """The caller's own function raises: the others drain, nothing is left running, and the error comes through."""

    def tell(result: RunResult) -> None:
        raise BrokenPipeError(result.batch)

    with place.runner() as r:
        large, small = load(place, r, large=300, small=3)
        with pytest.raises(BrokenPipeError):
            run_all(place, r, [large, small], on_result=tell)
        assert r.status(small).state is BatchState.COMPLETED
        status = r.status(large)
        assert status.state is BatchState.PAUSED
        assert status.outcomes[JobState.RUNNING] == 0
        assert run_all(place, r, [large])[0].exit_code == 0
    assert len(place.charged()) == len(set(place.charged())) == 303


def test_a_halt_of_ones_own_is_not_its_neighbours_on_the_next_run(place: Place) -> None:
    """A list of nonsense, halted under `--max-failed`, is run again beside a good one whose first rows are bad too: the
    good one is not taken for halted with it."""
    place.write_list([f"rule-invalid-request-email+{n}@example.com" for n in range(200)], name="bad.csv")
    rows = [*(f"rule-invalid-request-email+g{n}@example.com" for n in range(4)), *values("good", 20)]
    place.write_list(rows, name="good.csv")
    with place.runner() as r:
        bad = r.load("bad.csv", ["defastra.email"]).batch
        assert run_all(place, r, [bad], max_failed="10%")[0].exit_code == 4
        good = r.load("good.csv", ["defastra.email"]).batch
        results = run_all(place, r, [bad, good])
    assert results[1].exit_code == 3
    assert results[1].status.outcomes[JobState.SUCCEEDED] == 20

"""Several batches in one run: they share an account's limits, waits and halts, and nothing else."""

from __future__ import annotations

import json
import random
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from runner.domain.states import BatchState, JobState
from runner.engine.events import AttemptClosed, Event, LaneChanged
from runner.engine.stop import StopSignal
from runner.errors import ConfigError, UsageError
from runner.sandbox.replies import Behaviour, Manner
from tests.app.lists import FIFTY, load, of, run_all
from tests.app.place import QUICK, KilledError, Place


def test_a_short_list_does_not_wait_for_a_long_one(tmp_path: Path) -> None:
    """100 beside 900 at 50 a second: the short one ends within twice its own time, and loses no request of pace."""
    for name in ("alone", "both"):
        (tmp_path / name).mkdir()
    alone = Place(tmp_path / "alone", toml=FIFTY, latency_seconds=(0.05, 0.15))
    with alone.runner() as r:
        run_all(alone, r, load(alone, r, small=100))
    own = max(of(alone, "small")) - min(of(alone, "small"))
    both = Place(tmp_path / "both", toml=FIFTY, latency_seconds=(0.05, 0.15))
    with both.runner() as r:
        results = run_all(both, r, load(both, r, large=900, small=100))
    start = both.world.books.entries[0].received_at
    assert max(of(both, "small")) - start <= 2 * own
    assert [result.exit_code for result in results] == [0, 0]
    every = sorted(entry.received_at for entry in both.world.books.entries)
    assert len(every) == 1000
    assert max(sum(at <= other < at + 1 for other in every[n : n + 60]) for n, at in enumerate(every)) <= 50
    assert every[-1] - start <= 1000 / 50 * 1.25
    assert both.world.most_in_flight <= 10


def test_results_come_in_the_order_asked_and_each_is_told_when_it_ends(place: Place) -> None:
    """The rows of a short list are written while the long one goes on."""
    told: list[tuple[str, int]] = []
    with place.runner() as r:
        batches = load(place, r, large=300, small=3)
        results = run_all(
            place,
            r,
            batches,
            output="auto",
            on_result=lambda result: told.append((result.batch, len(place.world.books.entries))),
        )
    assert [result.batch for result in results] == batches
    assert [(result.sent, result.charged) for result in results] == [(300, 300), (3, 3)]
    assert [batch for batch, _ in told] == [batches[1], batches[0]]
    assert told[0][1] < 100
    for batch, rows in zip(batches, (300, 3), strict=True):
        assert len((place.folder / f"{batch}.csv").read_text().splitlines()) == rows + 1


def test_one_probe_opens_for_all(tmp_path: Path) -> None:
    """A lane starts shut for both batches: the first request goes alone, whoever sends it."""
    place = Place(tmp_path, toml=QUICK, latency_seconds=(1.0, 1.0))
    with place.runner() as r:
        run_all(place, r, load(place, r, one=20, two=20))
    first, second, *_ = sorted(entry.received_at for entry in place.world.books.entries)
    assert second - first >= 1.0


def test_a_refusal_holds_for_all(place: Place) -> None:
    """One of them is asked to wait a minute: so does the other, and one probe ends it."""
    place.world.next([Behaviour()] * 20 + [Behaviour(rule="rate-limited-minute")])
    with place.runner() as r:
        run_all(place, r, load(place, r, one=50, two=50))
    at = sorted(entry.received_at for entry in place.world.books.entries)
    gaps = [after - before for before, after in pairwise(at)]
    assert sum(gap >= 59 for gap in gaps) == 1
    assert len(at) == 101


def test_out_of_funds_halts_both_and_one_probe_resumes_both(tmp_path: Path) -> None:
    """A wallet of 30 for 100 values in two lists: both wait; after a top-up the same run finishes both."""
    place = Place(tmp_path, toml=QUICK, wallet=30, latency_seconds=(0.1, 0.2))
    with place.runner() as r:
        batches = load(place, r, one=50, two=50)
        first = run_all(place, r, batches)
        assert [result.exit_code for result in first] == [4, 4]
        assert {result.status.state for result in first} == {BatchState.HALTED}
        assert {halt.code for result in first for halt in result.status.halts} == {"INSUFFICIENT_FUNDS"}
        assert sum(result.charged for result in first) == 30
        refused = len(place.world.books.entries) - 30
        assert refused <= 5
        again = run_all(place, r, batches)
        assert [result.exit_code for result in again] == [4, 4]
        assert sum(result.sent for result in again) == 1, "one probe for the account, not one for each batch"
        place.world.top_up(1000)
        last = run_all(place, r, batches)
    assert [result.exit_code for result in last] == [0, 0]
    assert set(Counter(place.charged()).values()) == {1}
    assert len(place.charged()) == 100


def test_a_halt_is_met_by_a_batch_that_starts_alone_later(tmp_path: Path) -> None:
    """The batch whose request was not the one that was refused knows of the halt too: its next run probes."""
    place = Place(tmp_path, toml=QUICK, wallet=10)
    with place.runner() as r:
        batches = load(place, r, one=50, two=50)
        run_all(place, r, batches)
        for batch in batches:
            assert run_all(place, r, [batch])[0].sent == 1


def test_a_stop_drains_both(tmp_path: Path) -> None:
    """Nothing new leaves, what is on its way is stored; both say that they were interrupted."""
    place = Place(tmp_path, toml=QUICK, latency_seconds=(0.5, 0.5))
    stop = StopSignal()

    def observe(event: Event) -> None:
        if isinstance(event, AttemptClosed) and len(place.world.books.entries) >= 40:
            stop.set("signal:130")

    with place.runner() as r:
        results = run_all(place, r, load(place, r, one=200, two=200), on_event=observe, stop=stop)
        assert [result.exit_code for result in results] == [130, 130]
        assert sum(result.sent for result in results) == len(place.world.books.entries) < 60
        assert sum(result.charged for result in results) == len(place.charged())


def test_a_rate_is_shared_by_those_who_ask_for_the_same(place: Place) -> None:
    """`--rate 60/min` for two batches is 60 a minute at the provider, not 120."""
    with place.runner() as r:
        run_all(place, r, load(place, r, one=60, two=60), rate="60/min")
    at = sorted(entry.received_at for entry in place.world.books.entries)
    assert max(sum(start <= other < start + 60 for other in at) for start in at) <= 60


def test_a_kill_leaves_both_to_the_next_run(place: Place) -> None:
    """Requests on their way are in doubt, each in its own batch; the same command finishes both."""
    with place.runner() as r:
        batches = load(place, r, one=40, two=40)
        place.dies_at = 30
        with pytest.raises(KilledError):
            run_all(place, r, batches)
    place.dies_at = 0
    with place.runner() as r:
        results = run_all(place, r, batches)
    assert all(result.exit_code in (0, 3) for result in results)
    doubts = sum(result.status.outcomes[JobState.IN_DOUBT] for result in results)
    assert 1 <= doubts <= 5
    assert set(Counter(place.charged()).values()) == {1}
    assert sum("earlier run was cut off" in notice for notice in results[0].notices + results[1].notices) >= 1


def test_one_run_is_recorded_with_the_options_of_both(place: Place) -> None:
    """`v_runs` has one line; the options name both batches."""
    with place.runner() as r:
        batches = load(place, r, one=2, two=2)
        run_all(place, r, batches)
        with r._session.store().reports._database.reading() as connection:
            ((options, exit_code),) = connection.exec_driver_sql("SELECT options, exit FROM v_runs").all()
    assert exit_code == 0
    assert {one["batch"] for one in json.loads(options)["batches"]} == set(batches)


def test_a_batch_at_rest_is_told_of_and_left_alone(place: Place) -> None:
    """One paused by a person beside one that works: exit codes of each; nothing is sent for the first."""
    with place.runner() as r:
        one, two = load(place, r, one=5, two=5)
        r.pause(one)
        results = run_all(place, r, [one, two])
        assert [(result.exit_code, result.sent) for result in results] == [(5, 0), (0, 5)]
        assert r.unfinished() == [one]


def test_a_wire_that_cannot_be_built_leaves_doubts_and_caps_as_they_were(place: Place) -> None:
    """A key that cannot travel: what is in doubt is still in doubt, and a plain run sends nothing."""
    place.world.next([Behaviour(), Behaviour(manner=Manner.DROP)])
    with place.runner() as r:
        (one,) = load(place, r, one=3)
        run_all(place, r, [one])
        assert r.status(one).outcomes[JobState.IN_DOUBT] == 1
        place.breaks = True
        with pytest.raises(ConfigError):
            run_all(place, r, [one], in_doubt="resend-once", max_requests=7)
        place.breaks = False
        assert (r.status(one).state, r.status(one).outcomes[JobState.IN_DOUBT]) == (BatchState.COMPLETED, 1)
        assert run_all(place, r, [one])[0].sent == 0


def test_a_batch_named_twice_or_one_file_for_two_is_refused(place: Place) -> None:
    """Before anything is sent."""
    with place.runner() as r:
        one, two = load(place, r, one=2, two=2)
        with pytest.raises(UsageError, match="named twice"):
            run_all(place, r, [one, "one"])
        with pytest.raises(UsageError, match="rows of 2 batches"):
            run_all(place, r, [one, two], output="both.csv")
    assert place.values() == []


def test_unfinished_batches_are_those_a_run_could_go_on_with(place: Place) -> None:
    """Not the completed, not the cancelled; the oldest first."""
    with place.runner() as r:
        one, two, three = load(place, r, one=2, two=2, three=2)
        assert r.unfinished() == [one, two, three]
        run_all(place, r, [two])
        r.cancel(three)
        assert r.unfinished() == [one]


RULES = ("success", "success", "success", "system-error", "rate-limited-second", "invalid-request-email")


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_answered_every_batch_ends(tmp_path: Path, seed: int) -> None:
    """Three lists, a provider that retries, waits, loses answers and runs dry: no hang, no second charge unmarked."""
    draw = random.Random(seed)
    place = Place(tmp_path, toml=QUICK, latency_seconds=(0.0, 2.0), wallet=draw.choice([None, 40, 90]))
    script = [
        Behaviour(rule=draw.choice(RULES), manner=draw.choice([Manner.ANSWER] * 9 + [Manner.DROP])) for _ in range(200)
    ]
    place.world.next(script[: draw.randrange(200)])
    with place.runner() as r:
        batches = load(place, r, one=draw.randrange(1, 60), two=draw.randrange(1, 30), three=draw.randrange(1, 5))
        states: list[LaneChanged] = []
        results = run_all(
            place, r, batches, on_event=lambda event: states.append(event) if isinstance(event, LaneChanged) else None
        )
        for _ in range(3):
            place.world.top_up(1000)
            place.time.before += 90_000
            results = run_all(place, r, batches)
        assert all(result.exit_code in (0, 3) for result in results)
        assert all(result.status.outcomes[JobState.QUEUED] == 0 for result in results)
    assert states
    assert set(Counter(place.charged()).values()) <= {1}

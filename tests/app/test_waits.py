"""What a provider asked for holds for the account: for another batch's run too, and after a halt."""

from __future__ import annotations

from pathlib import Path

from runner.domain.model import Answer
from runner.sandbox.replies import Behaviour
from tests.app.place import Place, emails

TOO_FAST = b'{"status": false, "error_type": "RATE_LIMITED_1_MINUTE"}'


def asks_for(seconds: int) -> Behaviour:
    """A refusal that names its time."""
    return Behaviour(answer=Answer(status=429, headers=(("retry-after", str(seconds)),), body=TOO_FAST))


def test_a_wait_asked_of_one_batch_holds_for_the_next_one(tmp_path: Path) -> None:
    """Two hours, told to the first list: the second, in a run of its own, sends nothing before they are over."""
    place = Place(tmp_path)
    with place.runner() as r:
        first = r.load(place.write_list(emails(3)), ["defastra.email"]).batch
        second = r.load(place.write_list(emails(5), name="more.csv"), ["defastra.email"]).batch
        place.world.next([asks_for(7200)])
        parked = place.run(r, first)
        assert (parked.exit_code, parked.status.reason) == (6, "reset")
        other = place.run(r, second)
        assert (other.exit_code, len(place.values())) == (6, 1)
        assert other.status.resume_at_us == parked.status.resume_at_us
        place.time.before += 7201
        assert place.run(r, second).exit_code == 0


def test_a_short_wait_asked_of_one_batch_is_kept_by_the_next_one(tmp_path: Path) -> None:
    """Ten minutes: the second list waits for them and goes on."""
    place = Place(tmp_path)
    with place.runner() as r:
        first = r.load(place.write_list(emails(1)), ["defastra.email"]).batch
        second = r.load(place.write_list(emails(2), name="more.csv"), ["defastra.email"]).batch
        place.world.next([asks_for(600)])
        assert place.run(r, first, max_wait=60).exit_code == 6
        asked_at = place.world.books.entries[-1].received_at
        assert place.run(r, second).exit_code == 0
        assert place.world.books.entries[1].received_at >= asked_at + 600


def test_a_wait_asked_for_outlives_the_halt_it_ended_in(tmp_path: Path) -> None:
    """The twentieth refusal halts; the same command, given at once, keeps to its time all the same."""
    place = Place(tmp_path)
    with place.runner() as r:
        batch = r.load(place.write_list(emails(2)), ["defastra.email"]).batch
        place.world.next([asks_for(60)] * 20)
        halted = place.run(r, batch)
        assert (halted.exit_code, halted.status.halts[0].reason) == (4, "rate-limited")
        last = place.world.books.entries[-1].received_at
        assert place.run(r, batch).exit_code == 0
        assert place.world.books.entries[20].received_at >= last + 60

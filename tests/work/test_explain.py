"""`explain` as a story: what became of each request, and what happens next to its row."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runner.app import Runner
from runner.cli.evidence import story_text
from runner.domain.model import Answer
from runner.engine.events import Event, LaneChanged
from runner.sandbox.replies import Behaviour, Manner
from runner.work.fate import _REFUSED
from runner.work.results import JobStory
from tests.app.place import KilledError, Place, emails

OPERATION = ["defastra.email"]
BATCH = "leads-defastra-email"


def refusal(seconds: int) -> Behaviour:
    """A 429 that asks for so long a wait."""
    headers = (("retry-after", str(seconds)),)
    return Behaviour(answer=Answer(status=429, headers=headers, body=b"slow down"), rule="429")


def story(r: Runner, row: int = 1, batch: str = "leads") -> JobStory:
    """The story of a row with one operation."""
    (found,) = r.explain(batch, row)
    return found


def went(place: Place, *behaviours: Behaviour, count: int = 1) -> JobStory:
    """The first row of a new list, after a run in which the provider did these."""
    place.write_list(emails(count))
    place.world.next(behaviours)
    with place.runner() as r:
        place.run(r, r.load("leads.csv", OPERATION), in_flight=1)
        return story(r)


def test_one_that_was_retried_tells_each_wait(place: Place) -> None:
    """After a failure that passes: how long until the next request, and what the provider's words mean, said once."""
    told = went(place, *[Behaviour(rule="system-error")] * 2)
    assert [attempt.rule for attempt in told.attempts] == ["system-error", "system-error", "success"]
    for attempt in told.attempts[:2]:
        assert re.fullmatch(r"sent again (at once|after \d+ s)", attempt.then)
    assert told.attempts[2].then == ""
    text = story_text(told)
    assert text.count("means     An error on Defastra's side. The runner tries again by itself.") == 1
    assert text.index("means") > text.index("request 2")
    assert told.next == "Nothing: it is answered and is not sent again."


def test_one_that_is_held_says_why(place: Place) -> None:
    """A rule that would retry, and an operation that may be charged again: held, with what a person can say."""
    told = went(place, Behaviour(manner=Manner.DROP, charged=True), count=2)
    (attempt,) = told.attempts
    assert attempt.then == "held: it may have been charged, so it is not sent again by itself"
    assert [line.strip() for line in story_text(told).splitlines()[-3:]] == [
        line.strip() for line in told.next.splitlines()[1:]
    ]
    with place.runner() as r:
        r.resolve("leads", "charged", row=1)
        lost = story(r)
        r.retry("leads", "failed:lost-answer")
        again = story(r)
    assert lost.attempts[0].then == "failed: it was charged, and its answer is lost"
    assert again.attempts[0].then == "queued again"


@pytest.mark.parametrize(
    ("rule", "requests", "then", "next_"),
    [
        ("invalid-request-email", 1, "failed for good", "All rows that failed so are sent again by: runner retry"),
        ("unknown-error", 2, "failed: it was tried 2 times", "The same command tries it again: runner run"),
    ],
)
def test_one_that_failed_says_whether_it_was_tried_again(
    place: Place, rule: str, requests: int, then: str, next_: str
) -> None:
    """For good at once, or after its attempts are used up; and the command that would send it again."""
    told = went(place, Behaviour(), *[Behaviour(rule=rule)] * requests, count=2)
    with place.runner() as r:
        told = story(r, 2)
    assert (told.state, len(told.attempts)) == ("failed", requests)
    assert told.attempts[-1].then == then
    assert next_ in told.next


def test_one_behind_a_halt_says_what_a_person_must_do(place: Place) -> None:
    """The row whose answer halted tells the remedy with it; a row behind it tells it with what is next."""
    halted = went(place, Behaviour(rule="insufficient-funds"), count=2)
    with place.runner() as r:
        behind = story(r, 2)
    assert behind.attempts == ()
    words, remedy, command = behind.next.splitlines()
    assert words.startswith("It waits: defastra says INSUFFICIENT_FUNDS ")
    assert remedy == halted.attempts[0].advice
    assert command == f"Once that is mended: runner run {BATCH}"
    assert halted.next.splitlines() == [words, command]
    assert halted.attempts[0].then == "queued again; none of its attempts is used up"


def test_rows_behind_a_wait_say_until_when(place: Place) -> None:
    """Beside the run that waits, and after one that would have waited too long."""
    place.write_list(emails(4))
    seen: list[JobStory] = []

    def look(event: Event) -> None:
        if isinstance(event, LaneChanged) and event.state == "gated":
            with place.runner() as beside:
                seen.extend(story(beside, row) for row in (2, 4))

    place.world.next([Behaviour(), refusal(600)])
    with place.runner() as r:
        place.run(r, r.load("leads.csv", OPERATION), in_flight=1, on_event=look)
        assert story(r, 2).attempts[0].then == "sent again after 10 min"
        place.write_list(["x@example.com", "y@example.com", "z@example.com"], name="more.csv")
        place.world.next([Behaviour(), refusal(7200)])
        result = place.run(r, r.load("more.csv", OPERATION), in_flight=1)
        parked = story(r, 3, "more")
    assert result.exit_code == 6
    refused, waiting = seen
    assert refused.attempts[0].then == "queued again, after a wait of 10 min; none of its attempts is used up"
    until = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+"
    for one in (refused, waiting):
        assert re.fullmatch(rf"The run at work sends it; nothing leaves to defastra until {until} \(429\)\.", one.next)
    assert re.fullmatch(
        rf"It waits for defastra to reset. From {until} on: runner run more-defastra-email", parked.next
    )


def test_a_row_that_waits_says_for_what(place: Place) -> None:
    """Not begun, stopped by a limit, waiting for its own next attempt, paused, given up."""
    place.write_list(emails(3))
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION)
        assert story(r).next == f"It is sent by the next run: runner run {BATCH}"
        place.world.next([Behaviour(), Behaviour(rule="system-error")])
        place.run(r, batch, limit=2, in_flight=1)
        assert story(r, 3).next == f"It waits (--limit is reached). It is sent by the next run: runner run {BATCH}"
        assert re.search(r"sent by the next run, not before 20\d\d-.*: runner run", story(r, 2).next)
        r.pause(batch)
        assert story(r, 3).next.endswith(f"once the pause is lifted: runner resume {BATCH}")
        r.cancel(batch)
        assert story(r, 3).next == "Nothing: its batch was given up, and it is never sent."


def test_a_request_on_the_way_when_the_power_failed(place: Place) -> None:
    """Until the next run nobody says that it is in doubt; the story says who will."""
    place.write_list(emails(1))
    place.dies_at = 1
    with place.runner() as r, pytest.raises(KilledError):
        place.run(r, r.load("leads.csv", OPERATION))
    with place.runner() as r:
        told = story(r)
        assert told.next == f"Its run was cut off while it was on the way. What became of it: runner run {BATCH}"
        assert told.attempts[0].then == ""
        place.run(r, "leads")
        assert story(r).attempts[0].then.startswith("held: ")


def test_a_reused_row_says_whose_answer_it_has(place: Place) -> None:
    """The batch that paid, the day, and where its story is."""
    went(place)
    place.time.before += 86_400
    place.write_list(emails(1), name="more.csv")
    with place.runner() as r:
        place.run(r, r.load("more.csv", OPERATION), reuse="30d")
        told = story(r, 1, "more")
    day = re.escape("it was given the answer of 2027-01-15 ")
    assert re.search(rf"\n  not sent: {day}\S+ \S+ in batch {BATCH}\n", story_text(told))
    assert told.next == f"Nothing: it is answered. How that came: runner explain {BATCH} 1"


def test_every_refused_cell_has_a_reason_in_words(place: Place) -> None:
    """Whatever a cell can be refused for."""
    folder = Path(__file__).parents[2] / "runner" / "inputs"
    reasons = {why for path in folder.glob("*.py") for why in re.findall(r'Refused\("([a-z-]+)"', path.read_text())}
    assert reasons == set(_REFUSED)
    place.write_list(["", "nobody"])
    with place.runner() as r:
        r.load("leads.csv", OPERATION, max_invalid="100%")
        assert story(r, 1).next.startswith("Nothing: the cell is empty. It costs nothing;")
        assert story(r, 2).next.startswith("Nothing: it is no e-mail address.")

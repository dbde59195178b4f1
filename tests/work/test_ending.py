"""How a run leaves its batch, and the exit code of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from runner.domain.model import BatchId
from runner.domain.states import BatchEvent, BatchState, JobState
from runner.engine.ports import LaneReport
from runner.engine.run import RunSummary
from runner.work.ending import Ending, ending, signal_exit
from runner.work.next_step import Again, Lacking, Used, next_step
from runner.work.status import exit_code, iso, worst_exit

NOTHING: Mapping[JobState, int] = dict.fromkeys(JobState, 0)
WAITING: Mapping[JobState, int] = {**NOTHING, JobState.QUEUED: 3}


def lane(state: str, reason: str | None = None, until_us: int | None = None) -> LaneReport:
    """One lane as a run reports it at its end."""
    return LaneReport(batch=BatchId(1), provider="acme", state=state, reason=reason, until_us=until_us)


def left(*lanes: LaneReport, stop: str | None = None, outcomes: Mapping[JobState, int] = WAITING) -> Ending:
    """The ending of a run with these lanes."""
    return ending(RunSummary(stop_reason=stop, lanes=lanes, queued=True), outcomes)


def test_nothing_waiting_is_complete_whatever_the_lanes_say() -> None:
    """A halt on the very last job, a signal after it, no run at all: all complete."""
    assert left(lane("halted", "funds"), outcomes=NOTHING).event is BatchEvent.COMPLETE
    assert left(lane("done"), stop="signal:130", outcomes=NOTHING).event is BatchEvent.COMPLETE
    assert ending(None, NOTHING).event is BatchEvent.COMPLETE


def test_a_halt_outranks_caps_and_parking() -> None:
    """When no lane can go on and one is halted, a person must act."""
    found = left(lane("done", "max-spend"), lane("parked", "reset", 9), lane("halted", "insufficient-funds"))
    assert (found.event, found.reason) == (BatchEvent.HALT, "insufficient-funds")


def test_a_cap_outranks_parking() -> None:
    """Time alone does not end a cap: there is no resume time."""
    found = left(lane("parked", "daily", 9), lane("done", "max-requests"))
    assert found == Ending(event=BatchEvent.PAUSE, reason="max-requests")


def test_a_cap_of_the_day_ends_by_itself() -> None:
    """At midnight, or earlier where another lane may go on before; it goes before caps that only a person lifts."""
    lanes = (
        lane("done", "max-spend"),
        lane("done", "max-spend-per-day"),
        lane("halted", "funds"),
        lane("parked", "x", 7),
    )

    def ended(*some: LaneReport) -> Ending:
        return ending(RunSummary(stop_reason=None, lanes=some, queued=True, resume_at_us=9), WAITING)

    assert ended(*lanes[:2]) == Ending(event=BatchEvent.PAUSE, reason="max-spend-per-day", resume_at_us=9)
    assert ended(lanes[1], lanes[3]).resume_at_us == 7
    assert ended(*lanes).event is BatchEvent.HALT
    found = next_step("leads", BatchState.PAUSED, "max-spend-per-day", WAITING)
    assert (found.command, exit_code(BatchState.PAUSED, "max-spend-per-day", WAITING)) == ("runner run leads", 5)


def test_parked_until_the_first_lane_may_go_on() -> None:
    """The earliest of the resets is the batch's."""
    found = left(lane("parked", "daily", 9), lane("parked", "daily", 7), lane("done"))
    assert found == Ending(event=BatchEvent.PAUSE, reason="reset", resume_at_us=7)


def test_stops_say_who_stopped() -> None:
    """A signal interrupts; a wish pauses or cancels; a caller's own reason is kept."""
    assert left(stop="signal:143").reason == "interrupted"
    assert left(stop="requested:paused") == Ending(event=BatchEvent.PAUSE, reason="person")
    assert left(stop="requested:cancelled") == Ending(event=BatchEvent.PAUSE, reason="person", cancel=True)
    assert left(stop="enough").reason == "enough"
    assert [signal_exit(reason) for reason in ("signal:130", "signal:143", "enough", None)] == [130, 143, None, None]


@pytest.mark.parametrize(
    ("state", "reason", "outcomes", "code"),
    [
        (BatchState.HALTED, "funds", WAITING, 4),
        (BatchState.PAUSED, "reset", WAITING, 6),
        (BatchState.PAUSED, "person", WAITING, 5),
        (BatchState.PAUSED, "max-spend", WAITING, 5),
        (BatchState.CANCELLED, "person", NOTHING, 5),
        (BatchState.COMPLETED, None, NOTHING, 0),
        (BatchState.COMPLETED, None, {**NOTHING, JobState.FAILED: 1}, 3),
        (BatchState.COMPLETED, None, {**NOTHING, JobState.IN_DOUBT: 1}, 3),
    ],
)
def test_exit_codes(state: BatchState, reason: str | None, outcomes: Mapping[JobState, int], code: int) -> None:
    """The table of exit codes, from the batch's state alone."""
    assert exit_code(state, reason, outcomes) == code


def test_precedence_of_exit_codes() -> None:
    """130/143 > 1 > 4 > 5 > 6 > 3 > 0."""
    order = [130, 143, 1, 4, 5, 6, 3, 0]
    assert [worst_exit(order[index:]) for index in range(len(order))] == order
    assert worst_exit([]) == 0


@pytest.mark.parametrize("state", BatchState)
@pytest.mark.parametrize("reason", [None, "person", "reset", "max-spend", "interrupted", "cut-off"])
def test_there_is_always_a_next_command(state: BatchState, reason: str | None) -> None:
    """Every state names a command with the batch in it, and why."""
    step = next_step("leads", state, reason, WAITING)
    assert step.command.startswith("runner ")
    assert "leads" in step.command
    assert step.why


@pytest.mark.parametrize(
    ("reason", "settings", "flags"),
    [
        ("max-requests", {"max_requests": 3}, "--max-requests 14"),
        ("max-spend", {"max_spend": {"": 3_000_000}}, "--max-spend 12"),
        ("max-spend", {"max_spend": {"a": 3_000_000, "b": 4_000_000}}, "--max-spend a=10 --max-spend b=8"),
    ],
)
def test_a_cap_below_what_was_used_is_not_proposed_again(reason: str, settings: dict[str, Any], flags: str) -> None:
    """Lowered below what is charged, on the way or in doubt: twice the larger leaves room for as much again."""
    used = Used(requests=7, owed={"a": 5_000_000, "b": 1_000_000})
    step = next_step("leads", BatchState.PAUSED, reason, WAITING, settings, used=used)
    assert step.command == f"runner run leads {flags}"


@pytest.mark.parametrize(
    ("reason", "settings", "flags"),
    [
        ("max-requests", {"max_requests": 500}, "--max-requests 1000"),
        ("max-spend", {"max_spend": {"": 2_500_000}}, "--max-spend 5"),
        ("max-spend", {"max_spend": {"a": 1_000_000, "b": 250_000}}, "--max-spend a=2 --max-spend b=0.5"),
        ("max-requests", {"max_requests": 0}, "--max-requests 1"),
        ("max-spend", {}, "--max-spend N"),
        ("max-spend", {"max_spend": {"": 0}}, "--max-spend N"),
    ],
)
def test_a_used_cap_is_doubled_in_the_next_command(reason: str, settings: dict[str, Any], flags: str) -> None:
    """A command that can be pasted, unless the cap is in a file of the user's."""
    assert next_step("leads", BatchState.PAUSED, reason, WAITING, settings).command == f"runner run leads {flags}"


@pytest.mark.parametrize(
    ("cap", "owed", "flags"),
    [
        ({"": 0}, {}, "--max-spend 5"),
        ({"": 1_000_000}, {}, "--max-spend 5"),
        ({"b": 250_000}, {"b": 200_000}, "--max-spend b=1.2"),
        ({"a": 5_000_000}, {"a": 3_000_000}, "--max-spend a=10"),
    ],
)
def test_a_proposed_cap_lets_a_request_through(cap: dict[str, int], owed: dict[str, int], flags: str) -> None:
    """Of nothing, and of less than a request costs, the double would end where it began."""
    used = Used(requests=0, owed=owed, price={"a": 5_000_000, "b": 1_000_000})
    step = next_step("leads", BatchState.PAUSED, "max-spend", WAITING, {"max_spend": cap}, used=used)
    assert step.command == f"runner run leads {flags}"


@pytest.mark.parametrize("reason", ["max-requests", "max-spend"])
@pytest.mark.parametrize(
    ("settings", "flags"),
    [
        ({"max_requests": 12, "max_spend": {"": 3_000_000}}, "--max-requests 24 --max-spend 24"),
        ({"max_requests": 12, "max_spend": {"a": 12_500_000}}, "--max-requests 24 --max-spend a=25"),
        (
            {"max_requests": 12, "max_spend": {"b": 20_000_000, "a": 1}},
            "--max-requests 24 --max-spend b=40 --max-spend a=24",
        ),
    ],
)
def test_all_caps_without_room_are_raised_by_one_command(reason: str, settings: dict[str, Any], flags: str) -> None:
    """With one of them alone nothing would be sent, and the other be told next."""
    used = Used(requests=12, owed={"a": 12_000_000}, price={"a": 1_000_000})
    step = next_step("leads", BatchState.PAUSED, reason, WAITING, settings, used=used)
    assert step.command == f"runner run leads {flags}"
    assert step.why == "Its --max-requests and --max-spend are used up."


@pytest.mark.parametrize(
    ("reason", "settings", "price", "flags"),
    [
        ("max-requests", {"max_requests": 12, "max_spend": {"": 13_000_000}}, 1_000_000, "--max-requests 24"),
        ("max-requests", {"max_requests": 12, "max_spend": {"": 12_000_000}}, 0, "--max-requests 24"),
        ("max-spend", {"max_requests": 13, "max_spend": {"": 12_000_000}}, 1_000_000, "--max-spend 24"),
    ],
)
def test_a_cap_with_room_is_left_as_it_is(reason: str, settings: dict[str, Any], price: int, flags: str) -> None:
    """It bounds what was meant to be bounded; what is free always has room."""
    used = Used(requests=12, owed={"a": 12_000_000}, price={"a": price})
    step = next_step("leads", BatchState.PAUSED, reason, WAITING, settings, used=used)
    assert step.command == f"runner run leads {flags}"
    assert step.why.endswith(" is used up.")


def test_rows_that_are_loaded_again_may_be_paid_again() -> None:
    """What is in the file beside the failures, and what of it would be paid a second time: only where it is so."""
    outcomes = {**NOTHING, JobState.FAILED: 1, JobState.SUCCEEDED: 9}

    def why(**again: Any) -> str:
        return next_step("leads", BatchState.COMPLETED, None, outcomes, again=Again(**again)).why

    refused = " Rows with a refused cell are in it too."
    other = " Run it with --reuse 30d, or what other operations answered for its rows is paid again."
    assert why() == "Some requests failed; the file can be loaded again."
    assert why(refused=2) == f"Some requests failed; the file can be loaded again.{refused}"
    assert why(refused=2, answered=True) == f"Some requests failed; the file can be loaded again.{refused}{other}"
    assert why(paid=1, answered=True).endswith(f"such rows are paid again.{other}")


def test_phones_without_their_country_can_be_asked_all_the_same() -> None:
    """The next command names the list with the option that is lacking; failures and doubts come before it."""
    again = Again(country=Lacking(cells=2, command="runner check leads.csv -p acme.phone"))
    step = next_step("leads", BatchState.COMPLETED, None, NOTHING, again=again, flags=" --db a.db")
    assert step.command == "runner check leads.csv -p acme.phone --region CC --db a.db"
    assert step.why == "2 cells hold phones without a country: with the one they are from they can be sent."
    failed = next_step("leads", BatchState.COMPLETED, None, {**NOTHING, JobState.FAILED: 1}, again=again)
    assert failed.command.startswith("runner export leads --only failed")


def test_instants_are_utc_with_milliseconds() -> None:
    """Also before a second is full, and None stays None."""
    assert iso(1_763_761_205_007_999) == "2025-11-21T21:40:05.007Z"
    assert iso(None) is None


def test_what_is_exported_goes_beside_its_list() -> None:
    """A list of files is read by paths relative to itself: what failed must lie where it lay."""
    outcomes = dict.fromkeys(JobState, 0) | {JobState.FAILED: 1}
    step = next_step("leads", BatchState.COMPLETED, None, outcomes, beside="my mail/")
    assert step.command == "runner export leads --only failed -o 'my mail/leads.failed.csv'"

"""What became of a request, and what happens next to its row: sentences for people."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from runner.domain.model import CRASHES_TO_POISON, MILLION, POISON, Action, Debited, Fault
from runner.domain.states import BatchState, JobState
from runner.domain.typed import typed_name
from runner.store.rowviews import JobView
from runner.store.values import LOST_ANSWER, AttemptView, BatchInfo
from runner.transport.files import CHANGED
from runner.work.choices import choices
from runner.work.results import BatchStatus
from runner.work.standing import is_paused_by_person
from runner.work.state_words import halted, reason_text
from runner.work.status import CUT_OFF, RESET
from runner.work.words import count, duration, moment

_REFUSED: Final[Mapping[str, str]] = {
    "empty": "the cell is empty",
    "email": "it is no e-mail address",
    "non-ascii-local-part": "before its @ stand letters that e-mail addresses of this provider cannot have",
    "phone": "it is no phone number",
    "no-country": "it is a number without its country, and --region or --map region=COLUMN did not say which",
    "domain": "it is no domain",
    "choice": "it is none of the words that the provider takes",
    "too-long": "it is longer than the provider takes",
    "no-such-file": "there was no such file beside the list",
    "not-a-file": "what it names is no file",
    "outside-folder": "the file it names lies outside the folder of the list",
    "hidden-file": "the file it names is hidden, and hidden files are never sent",
    "database-in-use": "the file it names is a database, and open here",
    "unreadable": "the file it names could not be read",
    "empty-file": "the file it names is empty",
    "too-large": "the file it names is larger than the provider takes",
}


def became(attempts: Sequence[AttemptView], place: int, view: JobView) -> str:
    """What followed the request at `place`: `sent again after 4 s`; empty where its own answer says it all."""
    one, after = attempts[place], attempts[place + 1 : place + 2]
    if one.closed_us is None:
        return ""
    if after:
        seconds = (after[0].opened_us - one.closed_us) / MILLION
        return f"sent again {f'after {duration(seconds)}' if seconds >= 1 else 'at once'}"
    match view.state:
        case JobState.IN_DOUBT.value:
            return "held: it may have been charged, so it is not sent again by itself"
        case JobState.FAILED.value:
            return _failed(attempts, view)
        case JobState.QUEUED.value if one.fault is not Fault.WITHDRAWN:
            free = "" if one.spent else "; none of its attempts is used up"
            wait = f", after a wait of {duration(one.wait_seconds)}" if one.wait_seconds else ""
            return f"queued again{wait}{free}"
        case _:
            return ""


def _failed(attempts: Sequence[AttemptView], view: JobView) -> str:
    tried = sum(one.spent for one in attempts)
    if view.reason == LOST_ANSWER:
        return "failed: it was charged, and its answer is lost"
    if view.reason == POISON:
        return f"failed: it was on the wire at {CRASHES_TO_POISON} crashes, and is perhaps their cause"
    if attempts[-1].action is Action.RETRY and tried > 1:
        return f"failed: it was tried {count(tried, 'time')}"
    return "failed" if view.final is False else "failed for good"


def what_next(
    info: BatchInfo,
    row: int,
    view: JobView,
    *,
    due_us: int | None,
    on_the_way: bool,
    told: str | None,
    status: Callable[[], BatchStatus],
) -> str:
    """What happens to this row x operation from here.

    `due_us`: before that it is not sent, None: it can be at once; `on_the_way`: a request of it has no answer yet;
    `told`: the advice that stands above it already; `status`: how its batch stands.
    """
    batch = info.typed
    match view.state:
        case JobState.QUEUED.value if is_paused_by_person(info):
            return f"It is sent by the next run once the pause is lifted: runner resume {batch}"
        case JobState.RUNNING.value if on_the_way:
            return _on_the_way(status())
        case JobState.QUEUED.value | JobState.RUNNING.value:
            return _queued(view.operation.partition(".")[0], status(), due_us=due_us, told=told)
        case JobState.SUCCEEDED.value if view.reused_from is not None:
            there = f"{typed_name(view.reused_from)} {view.reused_row}"
            return f"Nothing: it is answered. How that came: runner explain {there}"
        case JobState.SUCCEEDED.value:
            return "Nothing: it is answered and is not sent again."
        case JobState.IN_DOUBT.value:
            told = "Nothing by itself. Look for it in the provider's dashboard, then say what you found, one of:"
            return "\n".join([told, *choices(batch, f"--row {row}")])
        case JobState.CANCELLED.value:
            return "Nothing: its batch was given up, and it is never sent."
        case JobState.FAILED.value:
            return _after_failure(info, view)
        case _:
            why = _REFUSED.get((view.reason or "").removeprefix("invalid:"), "it cannot be sent")
            return f"Nothing: {why}. It costs nothing; correct it in the list to have it sent."


def _queued(provider: str, status: BatchStatus, *, due_us: int | None, told: str | None) -> str:
    """Of a row that waits its turn: for what, and what goes on."""
    command = status.next.command
    later = "" if due_us is None else f", not before {moment(due_us)}"
    if status.state is BatchState.RUNNING and status.reason != CUT_OFF:
        lane = next((one for one in status.lanes if one.provider == provider and one.until_us is not None), None)
        if lane is not None and lane.until_us is not None:
            why = (lane.reason or lane.state).replace("-", " ")
            return f"The run at work sends it; nothing leaves to {provider} until {moment(lane.until_us)} ({why})."
        return f"The run at work sends it when its turn comes{later}."
    halt = next((one for one in status.halts if one.provider == provider), None)
    if halt is not None:
        advice = halt.advice if halt.advice != told else None
        return "\n".join(filter(None, [f"It waits: {halted(halt)}.", advice, f"Once that is mended: {command}"]))
    if status.reason == RESET and status.resume_at_us is not None:
        return f"It waits for {provider} to reset. From {moment(status.resume_at_us)} on: {command}"
    why = "its run was cut off" if status.reason == CUT_OFF else reason_text(status)
    waits = f"It waits ({why}). " if why else ""
    return f"{waits}It is sent by the next run{later}: {command}"


def _on_the_way(status: BatchStatus) -> str:
    if status.reason == CUT_OFF:
        return f"Its run was cut off while it was on the way. What became of it: {status.next.command}"
    return "Its request is on the way."


def _after_failure(info: BatchInfo, view: JobView) -> str:
    batch = info.typed
    if view.reason == CHANGED:
        # Beside the list, because that is where its paths start.
        beside = shlex.quote(str(Path(info.source.get("path", "rows")).with_name("changed.csv")))
        return (
            f"Put the file back as it was, then: runner run {batch}; "
            f"or send it as it is now, from a list of what failed: runner export {batch} -o {beside} --only failed"
        )
    if view.final is False:
        return f"The same command tries it again: runner run {batch}"
    again = f"runner retry {batch} --only failed:{view.reason}"
    if view.debited is Debited.YES:
        return f"Nothing by itself. It was charged; sent again, it may be charged again: {again}"
    if view.reason == POISON:
        return (
            f"Its request was on the wire at {CRASHES_TO_POISON} crashes, perhaps their cause: {again} sends it again"
        )
    return f"Nothing by itself. All rows that failed so are sent again by: {again}"

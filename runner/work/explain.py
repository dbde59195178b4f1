"""Evidence for people: every request behind a row."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from runner.domain.model import CRASHES_TO_POISON, MILLION, POISON, Debited
from runner.domain.personal import shown_name
from runner.domain.provider import Operation, Provider
from runner.domain.states import JobState
from runner.errors import BatchError
from runner.store.rowviews import JobView, RowHistory
from runner.store.values import DIED, AttemptView, BatchInfo
from runner.transport.files import CHANGED
from runner.work.aim import aimed
from runner.work.choices import choices
from runner.work.money import Prices
from runner.work.results import AttemptStory, JobStory
from runner.work.standing import is_paused_by_person
from runner.work.support import Veil, carries_id, described
from runner.work.tools import Tools


def explain(info: BatchInfo, row: int | str, *, tools: Tools) -> list[JobStory]:
    """A row by its number, or every row with a value. BatchError: there is none."""
    return [
        _story(info, history, view, tools) for history in histories(info, row, tools) for view in history.row.outcomes
    ]


def histories(info: BatchInfo, row: int | str, tools: Tools) -> list[RowHistory]:
    """What the store knows of a row, or of every row with a value. BatchError: there is none."""
    reports = tools.store.reports
    numbers = [row] if isinstance(row, int) else reports.rows_by_value(info.id, row)
    if not numbers:
        raise BatchError(
            f"{info.name} has no row with this value",
            why="A value is looked for as it stands in the list, or as it is sent.",
            fix=f"runner explain {info.name} 1   (a row by its number)",
        )
    return [reports.history(info.id, number) for number in numbers]


def _story(info: BatchInfo, history: RowHistory, view: JobView, tools: Tools) -> JobStory:
    job = history.jobs.get(view.operation)
    provider, operation = described(info, view.operation, tools)
    veil = Veil.over(info, history, view.operation, provider=provider, tools=tools)
    carried = carries_id(provider, operation)
    attempts = [attempt_story(one, veil, tools.prices, carried=carried) for one in (job.attempts if job else ())]
    if provider is not None and operation is not None and job is not None:
        attempts = [
            replace(story, why=_why(provider, operation, one, veil, tools))
            for story, one in zip(attempts, job.attempts, strict=True)
        ]
    return JobStory(
        batch=info.name,
        row=history.row.number,
        line=history.row.line,
        operation=view.operation,
        value=view.value,
        state=view.state,
        reason=view.reason,
        final=view.final,
        reused_from=view.reused_from,
        finished_us=view.finished_us,
        due_us=None if job is None else job.due_us or None,
        http_status=view.http_status,
        result=view.result,
        possible_double_charge=view.possible_double_charge,
        shared_rows=1 if job is None else job.rows,
        attempts=tuple(attempts),
        next=aimed(_next(info, history.row.number, view), tools.settings.flags),
    )


def _why(provider: Provider, operation: Operation, view: AttemptView, veil: Veil, tools: Tools) -> str:
    """What of the rule's `when` the stored answer meets, by the profile as it is today; empty where it does not."""
    from runner.providers.reasons import Reasons

    rule = next((one for one in provider.rules if one.name == view.rule), None)
    answer = tools.store.reports.answer(view.id) if rule is not None and view.closed_us is not None else None
    if rule is None or answer is None:
        return ""
    return veil(Reasons(provider, operation, answer).for_taking(rule))


def _next(info: BatchInfo, row: int, view: JobView) -> str:
    """What happens to this row x operation from here."""
    batch = info.name
    match view.state:
        case JobState.QUEUED.value if is_paused_by_person(info):
            return f"It is sent by the next run once the pause is lifted: runner resume {batch}"
        case JobState.QUEUED.value:
            return f"It is sent by the next run: runner run {batch}"
        case JobState.RUNNING.value:
            return "A run is at work on it."
        case JobState.SUCCEEDED.value if view.reused_from is not None:
            return f"Nothing: it is answered. How that came: runner explain {view.reused_from} {view.reused_row}"
        case JobState.SUCCEEDED.value:
            return "Nothing: it is answered and is not sent again."
        case JobState.IN_DOUBT.value:
            told = "Nothing by itself. Look for it in the provider's dashboard, then say what you found, one of:"
            return "\n".join([told, *choices(batch, f"--row {row}")])
        case JobState.CANCELLED.value:
            return "Nothing: it was cancelled."
        case JobState.FAILED.value:
            return _after_failure(info, view)
        case _:
            return "Nothing: the cell cannot be sent; correct it in the list."


def _after_failure(info: BatchInfo, view: JobView) -> str:
    batch = info.name
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
    return f"Nothing by itself: {again}"


def attempt_story(view: AttemptView, veil: Callable[[str], str], prices: Prices, *, carried: bool) -> AttemptStory:
    """One attempt as evidence. `veil` takes keys and personal values out of what came back; `carried`: with our id."""
    return AttemptStory(
        number=view.number,
        opened_us=view.opened_us,
        closed_us=view.closed_us,
        method=view.method,
        path=veil(view.path),
        status=view.status,
        fault=view.fault,
        cut_off=view.detail == DIED,
        rule=view.rule,
        why="",
        action=None if view.action is None else view.action.value,
        debited=view.debited,
        amount=Decimal(view.amount) / MILLION,
        unit=view.unit,
        cost=prices.cost(view.operation.partition(".")[0], view.unit, view.amount),
        error_code=None if view.error_code is None else veil(view.error_code),
        error_message=None if view.error_message is None else veil(view.error_message),
        client_request_id=view.client_request_id if carried else None,
        # Not veiled: digits are no phone in it, and their support asks for it.
        provider_request_id=shown_name(view.provider_request_id or "") or None,
        wait_seconds=view.wait_seconds,
        resolution=view.resolution,
    )

"""Evidence for people: every request behind a row."""

from __future__ import annotations

from decimal import Decimal

from runner.domain.model import MILLION
from runner.domain.states import JobState
from runner.errors import BatchError
from runner.store.store import Store
from runner.store.values import AttemptView, BatchInfo, JobView, RowHistory
from runner.work.results import AttemptStory, JobStory


def explain(info: BatchInfo, row: int | str, *, store: Store) -> list[JobStory]:
    """A row by its number, or every row with a value. BatchError: there is none."""
    if isinstance(row, str):
        numbers = store.reports.rows_by_value(info.id, row)
        if not numbers:
            raise BatchError(
                f"{info.name} has no row with this value",
                why="A value is looked for as it stands in the list, or as it is sent.",
                fix=f"runner explain {info.name} 1   (a row by its number)",
            )
    else:
        numbers = [row]
    histories = [store.reports.history(info.id, number) for number in numbers]
    return [_story(info, history, view) for history in histories for view in history.row.outcomes]


def _story(info: BatchInfo, history: RowHistory, view: JobView) -> JobStory:
    return JobStory(
        batch=info.name,
        row=history.row.number,
        line=history.row.line,
        operation=view.operation,
        value=view.value,
        state=view.state,
        reason=view.reason,
        final=view.final,
        due_us=None,
        http_status=view.http_status,
        result=view.result,
        possible_double_charge=view.possible_double_charge,
        shared_rows=1 + len(history.shared_with.get(view.operation, ())),
        attempts=tuple(attempt_story(one) for one in history.attempts.get(view.operation, ())),
        next=_next(info.name, view),
    )


def _next(batch: str, view: JobView) -> str:
    """What happens to this row x operation from here."""
    match view.state:
        case JobState.QUEUED.value:
            return f"It is sent by the next run: runner run {batch}"
        case JobState.RUNNING.value:
            return "A run is at work on it."
        case JobState.SUCCEEDED.value:
            return "Nothing: it is answered and is not sent again."
        case JobState.IN_DOUBT.value:
            return f"Nothing by itself: runner doubt resolve {batch} --all --as charged|not-charged|resend"
        case JobState.CANCELLED.value:
            return "Nothing: it was cancelled."
        case JobState.FAILED.value if view.final is False:
            return f"The same command tries it again: runner run {batch}"
        case JobState.FAILED.value:
            return f"Nothing by itself: runner retry {batch} --only failed:{view.reason}"
        case _:
            return "Nothing: the cell cannot be sent; correct it in the list."


def attempt_story(view: AttemptView) -> AttemptStory:
    """One attempt as evidence."""
    return AttemptStory(
        number=view.number,
        opened_us=view.opened_us,
        closed_us=view.closed_us,
        method=view.method,
        path=view.path,
        status=view.status,
        fault=view.fault,
        rule=view.rule,
        action=None if view.action is None else view.action.value,
        debited=view.debited,
        amount=Decimal(view.amount) / MILLION,
        unit=view.unit,
        error_code=view.error_code,
        error_message=view.error_message,
        client_request_id=view.client_request_id,
        provider_request_id=view.provider_request_id,
        wait_seconds=view.wait_seconds,
        resolution=view.resolution,
    )

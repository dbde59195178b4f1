"""Evidence for people: every request behind a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from runner.domain.model import MILLION, Action
from runner.domain.personal import shown_name
from runner.domain.provider import Operation, Provider
from runner.errors import BatchError
from runner.settings import parse_whole
from runner.store.rowviews import JobView, RowHistory
from runner.store.values import DIED, AttemptView, BatchInfo
from runner.work.aim import aimed
from runner.work.fate import became, what_next
from runner.work.money import Prices
from runner.work.results import AttemptStory, BatchStatus, JobStory
from runner.work.support import Veil, carries_id, described
from runner.work.tools import Tools


def explain(info: BatchInfo, row: int | str, *, tools: Tools, status: Callable[[], BatchStatus]) -> list[JobStory]:
    """A row by its number, or every row with a value. `status`: how the batch stands. BatchError: there is none."""
    return [
        _story(info, history, view, tools, status)
        for history in histories(info, row, tools)
        for view in history.row.outcomes
    ]


def histories(info: BatchInfo, row: int | str, tools: Tools) -> list[RowHistory]:
    """What the store knows of a row, or of every row with a value. BatchError: there is none. UsageError: no number."""
    reports = tools.store.reports
    numbers = [parse_whole(row, name="row")] if isinstance(row, int) else reports.rows_by_value(info.id, row)
    if not numbers:
        raise BatchError(
            f"{info.name} has no row with this value",
            why="A value is looked for as it stands in the list, or as it is sent.",
            fix=f"runner explain {info.typed} 1   (a row by its number)",
        )
    return [reports.history(info.id, number) for number in numbers]


def _story(
    info: BatchInfo, history: RowHistory, view: JobView, tools: Tools, status: Callable[[], BatchStatus]
) -> JobStory:
    job = history.jobs.get(view.operation)
    made = () if job is None else job.attempts
    attempts = _attempts(info, history, view, tools)
    due_us = None if job is None else job.due_us or None
    waits = due_us is not None and due_us > tools.clock.now_us()
    following = what_next(
        info,
        history.row.number,
        view,
        due_us=due_us if waits else None,
        on_the_way=any(one.closed_us is None for one in made),
        told=attempts[-1].advice if attempts else None,
        status=status,
    )
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
        due_us=due_us,
        http_status=view.http_status,
        result=view.result,
        possible_double_charge=view.possible_double_charge,
        shared_rows=1 if job is None else job.rows,
        attempts=attempts,
        next=aimed(following, tools.settings.flags),
    )


def _attempts(info: BatchInfo, history: RowHistory, view: JobView, tools: Tools) -> tuple[AttemptStory, ...]:
    """Every request of a row x operation, with what its profile of today says of it."""
    job = history.jobs.get(view.operation)
    if job is None:
        return ()
    provider, operation = described(info, view.operation, tools)
    veil = Veil.over(info, history, view.operation, provider=provider, tools=tools)
    carried = carries_id(provider, operation)
    stories = []
    for place, one in enumerate(job.attempts):
        story = attempt_story(one, veil, tools.prices, carried=carried)
        if provider is not None and operation is not None:
            why, advice = _why(provider, operation, one, veil, tools), _advice(provider, one)
            story = replace(story, why=why, advice=advice)
        stories.append(replace(story, then=became(job.attempts, place, view)))
    return tuple(stories)


def _why(provider: Provider, operation: Operation, view: AttemptView, veil: Veil, tools: Tools) -> str:
    """What of the rule's `when` the stored answer meets, by the profile as it is today; empty where it does not."""
    from runner.providers.reasons import Reasons

    rule = next((one for one in provider.rules if one.name == view.rule), None)
    answer = tools.store.reports.answer(view.id) if rule is not None and view.closed_us is not None else None
    if rule is None or answer is None:
        return ""
    return veil(Reasons(provider, operation, answer).for_taking(rule))


def _advice(provider: Provider, view: AttemptView) -> str | None:
    """What the profile of today says of such an answer; of a success there is nothing to say."""
    if view.action is Action.SUCCEED:
        return None
    return next((one.advice for one in provider.rules if one.name == view.rule), None) or None


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
        advice=None,
        then="",
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

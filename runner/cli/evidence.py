"""What is known of single requests, as text: for `explain` and `doubt list`. Personal values are shortened."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from runner.cli.render import facts, table
from runner.cli.text import clean, count, duration, moment, number, plural, redact, row_name, shorten
from runner.domain.model import UNSENT, Debited, Fault, Resolution
from runner.domain.states import JobState
from runner.work.money import costs_text
from runner.work.results import AttemptStory, BatchStatus, Doubt, JobStory, Steered
from runner.work.status import iso, plain

if TYPE_CHECKING:
    from runner.work.support import SupportRequest

FAULTS = {
    Fault.NOT_SENT: "no connection; nothing left this machine",
    Fault.NO_ANSWER: "no answer: the line broke or the time was up",
    Fault.INVALID: "the request could not be built; nothing was sent",
    Fault.TLS: "the certificate was refused; nothing was sent",
    Fault.WITHDRAWN: "withdrawn before it was sent",
}


def story_text(story: JobStory) -> str:
    """One row x operation with every request made for it."""
    shared = f", shared by {count(story.shared_rows, 'row')}" if story.shared_rows > 1 else ""
    reason = f" ({clean(story.reason)})" if story.reason else ""
    lines = [
        f"{row_name(story.row, story.line)}, {story.operation}, {shorten(story.value) or 'empty cell'}{shared}: "
        f"{story.state.replace('_', ' ')}{reason}",
        *_attempts_text(story.attempts),
        _unsent_text(story),
        facts(
            [
                ("answer", _result_text(story.result)),
                (
                    "note",
                    "may have been charged twice: sent again after a doubt or a charge"
                    if story.possible_double_charge
                    else "",
                ),
                ("next", "\n    ".join(clean(line.strip()) for line in story.next.splitlines())),
            ]
        ),
    ]
    return "\n".join(line for line in lines if line)


def _unsent_text(story: JobStory) -> str:
    if story.reused_from is not None:
        at = "" if story.finished_us is None else f" of {moment(story.finished_us)}"
        return f"  not sent: it was given the answer{at} in batch {clean(story.reused_from)}"
    return "" if story.attempts else "  nothing was sent"


def _attempts_text(attempts: Sequence[AttemptStory]) -> Iterator[str]:
    """What a rule means is said once, where several requests in a row met it: behind the last."""
    for attempt, after in zip_longest(attempts, attempts[1:]):
        told = after is not None and after.rule == attempt.rule
        yield attempt_text(replace(attempt, advice=None) if told else attempt)


def attempt_text(attempt: AttemptStory) -> str:
    """One request: when, what was sent, what came back, what the rules made of it, what it cost, what followed."""
    left = attempt.fault not in UNSENT
    label = f"   (label {attempt.client_request_id})" if left and attempt.client_request_id else ""
    took = f", {_seconds(attempt.closed_us - attempt.opened_us)}" if attempt.closed_us else ""
    lines = [
        f"  request {attempt.number}   {moment(attempt.opened_us)}{took}",
        f"    {'sent    ' if left else 'not sent'}  {attempt.method} {redact(attempt.path)}{label}",
        f"    came back {_came_back(attempt)}",
    ]
    if attempt.rule:
        why = f"   ({clean(attempt.why)})" if attempt.why else ""
        lines.append(f"    rule      {attempt.rule}{f' -> {attempt.action}' if attempt.action else ''}{why}")
    if attempt.advice:
        lines.append(f"    means     {clean(attempt.advice)}")
    lines.append(f"    charged   {_charged(attempt)}")
    if attempt.then:
        lines.append(f"    then      {attempt.then}")
    return "\n".join(lines)


def _seconds(micros: int) -> str:
    seconds = micros / 1_000_000
    return duration(seconds) if seconds >= 10 else f"{number(round(seconds, 2))} s"


def _came_back(attempt: AttemptStory) -> str:
    if attempt.cut_off:
        return "nothing: the run was cut off before an answer was stored"
    if attempt.fault is not None:
        return FAULTS[attempt.fault]
    if attempt.status is None:
        return "nothing yet" if attempt.closed_us is None else "nothing: the run ended before the answer"
    words = " ".join(filter(None, [clean(attempt.error_code or ""), redact(attempt.error_message or "")]))
    theirs = f"   (their id {clean(attempt.provider_request_id)})" if attempt.provider_request_id else ""
    return f"HTTP {attempt.status}{f' {words}' if words else ''}{theirs}"


def _charged(attempt: AttemptStory) -> str:
    cost = _cost(attempt)
    told = _told(attempt.resolution)
    match attempt.debited:
        case Debited.YES:
            return cost + told
        case Debited.NO:
            return "no" + told
        case Debited.UNKNOWN:
            return f"in doubt, up to {cost}{told}"


def _told(resolution: Resolution | None) -> str:
    match resolution:
        case None:
            return ""
        case Resolution.RESEND:  # a person's word, or the profile's, or a policy's
            return " (sending it again was accepted)"
        case _:
            return f" (you said: {resolution})"


def _cost(attempt: AttemptStory) -> str:
    return costs_text([attempt.cost], nothing=f"0 {plural(attempt.unit, 0)}")


def _result_text(result: Mapping[str, Any] | None) -> str:
    if not result:
        return ""
    shown = [f"{key}={redact(_cell(value))[:40]}" for key, value in result.items() if value not in (None, "", [], {})]
    return ", ".join(shown[:6]) + (f", and {count(len(shown) - 6, 'more column')}" if len(shown) > 6 else "")


def _cell(value: object) -> str:
    if isinstance(value, list) and not any(isinstance(one, list | dict) for one in value):
        return " | ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def doubts_text(doubts: Iterable[Doubt]) -> str:
    """The requests in doubt, one a line: what is known of each, and what to look for at the provider."""
    rows = [("row", "operation", "value", "sent", "then", "label at the provider", "may cost")]
    rows += [
        (
            row_name(doubt.row, doubt.line) + (f" and {number(len(doubt.rows) - 1)} more" if doubt.rows[1:] else ""),
            doubt.operation,
            shorten(doubt.value),
            moment(doubt.attempt.opened_us),
            _then(doubt.attempt),
            _named(doubt.attempt),
            _cost(doubt.attempt),
        )
        for doubt in doubts
    ]
    return table(rows)


def _then(attempt: AttemptStory) -> str:
    """What came instead of an answer: `no answer in 30 s`, `HTTP 502 after 0.2 s`, `the run was cut off`."""
    if attempt.cut_off or attempt.closed_us is None:
        return "the run was cut off"
    took = _seconds(attempt.closed_us - attempt.opened_us)
    return f"no answer in {took}" if attempt.status is None else f"HTTP {attempt.status} after {took}"


def _named(attempt: AttemptStory) -> str:
    theirs = f"their id {clean(attempt.provider_request_id)}" if attempt.provider_request_id else ""
    return ", ".join(filter(None, [attempt.client_request_id, theirs])) or "none sent"


def support_text(request: SupportRequest) -> str:
    """One request as the checklist of a support page asks for it, ready for a mail. Times are UTC."""
    answered = f" (answered {iso(request.answered_us)})" if request.answered_us else ""
    theirs = clean(request.provider_request_id or "unknown")
    status = str(request.status) if request.status is not None else f"none: {_fault_text(request.fault)}"
    lines = [
        f"{request.title}: request {request.number} of row {request.row}, {request.operation}",
        "",
        "Request path",
        f"  {request.method} {clean(request.path)}",
        "",
        "Request timing and correlation",
        f"  UTC timestamp: {iso(request.sent_us)}{answered}",
        f"  Client request ID: {request.client_request_id or 'none sent'}",
        f"  Server request ID: {theirs}",
        "",
        "Error details",
        f"  HTTP status code: {status}",
        f"  Error response body: {f'({request.body_note})' if request.body_note else ''}".rstrip(),
        *(f"    {clean(line)}" for line in (request.body or "").splitlines()),
        "",
        "Request parameters (sensitive values redacted)",
        *(f"  {name}: {clean(_cell(value))}" for name, value in request.parameters.items()),
        "" if request.parameters else "  none",
    ]
    return "\n".join(lines).rstrip()


def _fault_text(fault: Fault | None) -> str:
    return FAULTS[fault] if fault is not None else "no answer was stored"


def stories_json(stories: Iterable[JobStory]) -> dict[str, Any]:
    """The object of `explain --json`, schema 1. Personal values are shortened."""
    return {
        "schema": 1,
        "stories": [
            {
                "batch": story.batch,
                "row": story.row,
                "line": story.line,
                "operation": story.operation,
                "value": shorten(story.value),
                "state": story.state,
                "reason": story.reason,
                "final": story.final,
                "reused_from": story.reused_from,
                "finished_at": iso(story.finished_us),
                "due_at": iso(story.due_us),
                "possible_double_charge": story.possible_double_charge,
                "rows": story.shared_rows,
                "requests": [_attempt_json(attempt) for attempt in story.attempts],
                "next": story.next,
            }
            for story in stories
        ],
    }


def doubts_json(batch: str, doubts: Iterable[Doubt], wallet_says: Iterable[str]) -> dict[str, Any]:
    """The object of `doubt list --json`, schema 1. Personal values are shortened."""
    return {
        "schema": 1,
        "batch": batch,
        "doubts": [
            {
                "row": doubt.row,
                "line": doubt.line,
                "rows": list(doubt.rows),
                "operation": doubt.operation,
                "value": shorten(doubt.value),
                "cut_off": doubt.attempt.cut_off,
                "request": _attempt_json(doubt.attempt),
            }
            for doubt in doubts
        ],
        "wallet": list(wallet_says),
    }


def resolved_json(steered: Steered, before: BatchStatus, after: BatchStatus, resolution: Resolution) -> dict[str, Any]:
    """The object of `doubt resolve --json`, schema 1. `before`, `after`: the batch around the word."""
    booked = {unit: amount - before.spent.get(unit, 0) for unit, amount in after.spent.items()}
    go_on = steered.next or after.next
    return {
        "schema": 1,
        "batch": steered.batch,
        "as": resolution.value,
        "resolved": steered.changed,
        "in_doubt": after.outcomes[JobState.IN_DOUBT],
        "booked": {
            unit: plain(amount) for unit, amount in booked.items() if amount and resolution is Resolution.CHARGED
        },
        "next": {"command": go_on.command, "why": go_on.why},
    }


def _attempt_json(attempt: AttemptStory) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "opened_at": iso(attempt.opened_us),
        "closed_at": iso(attempt.closed_us),
        "method": attempt.method,
        "path": attempt.path,
        "http_status": attempt.status,
        "fault": None if attempt.fault is None else attempt.fault.value,
        "rule": attempt.rule,
        "why": attempt.why or None,
        "advice": attempt.advice,
        "then": attempt.then or None,
        "action": attempt.action,
        "debited": attempt.debited.value,
        "amount": plain(attempt.amount),
        "unit": attempt.unit,
        "error_code": attempt.error_code,
        "error_message": attempt.error_message,
        "client_request_id": attempt.client_request_id,
        "provider_request_id": attempt.provider_request_id,
        "wait_seconds": attempt.wait_seconds,
        "resolution": None if attempt.resolution is None else attempt.resolution.value,
    }

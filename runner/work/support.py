"""What a provider's support asks for about one request: when, which ids, what came back, what was sent.

Made to be pasted into a mail: no key, no header, and the personal values of the row shortened wherever they stand.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from runner.domain.file_value import FileValue
from runner.domain.model import Action, Answer, Fault
from runner.domain.personal import conceal, redact, shorten, shown_name, without_keys
from runner.domain.provider import InputKind, Operation, Provider
from runner.errors import BatchError, RunnerError
from runner.store.codec import iso
from runner.store.rowviews import RowHistory
from runner.store.values import AttemptView, BatchInfo, JobHistory
from runner.work.tools import Tools

BODY_CHARACTERS: Final = 4_000
"""Of an error's body: more says nothing new, and a mail has to hold it."""

READ_BYTES: Final = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportRequest:
    """One request as its provider's support wants it; every text is fit to be shown to a stranger."""

    batch: str
    row: int
    operation: str
    title: str  # the provider's
    number: int  # of the requests made for this row and operation
    method: str
    path: str
    sent_us: int
    answered_us: int | None
    client_request_id: str | None  # None: the request carried no id of ours
    provider_request_id: str | None
    status: int | None
    fault: Fault | None
    body: str | None  # None: there is none to show, see `body_note`
    body_note: str  # for people: why there is none, or that it was cut; empty: it is whole
    parameters: Mapping[str, Any]  # by the provider's names, or ours where its profile is gone


def support(info: BatchInfo, history: RowHistory, *, attempt: int | None, tools: Tools) -> list[SupportRequest]:
    """The last request of a row (or number `attempt`) for each operation. BatchError: none was sent."""
    found = [
        _request(info, history, operation, job, view, tools)
        for operation, job in history.jobs.items()
        if (view := _chosen(job, attempt)) is not None
    ]
    if not found:
        which = f"request {attempt}" if attempt is not None else "request"
        raise BatchError(
            f"there is no {which} of row {history.row.number} of {info.name}",
            why="Support can be asked about what was sent only.",
            fix=f"runner explain {info.typed} {history.row.number}",
        )
    return found


def _chosen(job: JobHistory, number: int | None) -> AttemptView | None:
    if number is None:
        sent = [one for one in job.attempts if one.fault is not Fault.WITHDRAWN]
        return sent[-1] if sent else None
    return next((one for one in job.attempts if one.number == number), None)


def _request(
    info: BatchInfo, history: RowHistory, key: str, job: JobHistory, view: AttemptView, tools: Tools
) -> SupportRequest:
    provider, operation = described(info, key, tools)
    veil = Veil.over(info, history, key, provider=provider, tools=tools)
    body, note = _body(view, tools.store.reports.answer(view.id), veil)
    return SupportRequest(
        batch=info.name,
        row=history.row.number,
        operation=key,
        title=provider.title if provider else key.partition(".")[0],
        number=view.number,
        method=view.method,
        path=veil(view.path),
        sent_us=view.opened_us,
        answered_us=view.closed_us if view.status is not None else None,
        client_request_id=view.client_request_id if carries_id(provider, operation) else None,
        provider_request_id=shown_name(view.provider_request_id or "") or None,
        status=view.status,
        fault=view.fault,
        body=body,
        body_note=note,
        parameters=_parameters(info, key, job, operation, view),
    )


def carries_id(provider: Provider | None, operation: Operation | None) -> bool:
    """Whether requests of an operation carry our id, by its profile as it is today; taken to where that is gone."""
    return provider is None or operation is None or provider.carries_id(operation)


def described(info: BatchInfo, key: str, tools: Tools) -> tuple[Provider | None, Operation | None]:
    """The profile of an operation of a batch; nothing where it is gone or wrong by now."""
    try:
        operations = tools.profiles.of_batch((key,), info.source)
        (provider,) = tools.profiles.by_provider(operations, info.source).values()
    except RunnerError:
        return None, None
    return provider, operations[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Veil:
    """Takes keys and the personal values of one row out of a text."""

    values: tuple[str, ...]
    words: tuple[str, ...]  # the row's other cells: hidden where they stand alone
    keys: tuple[str, ...]

    @classmethod
    def over(cls, info: BatchInfo, history: RowHistory, key: str, *, provider: Provider | None, tools: Tools) -> Veil:
        """For the texts about one operation of a row."""
        own = _set(info, key)
        params = history.jobs[key].params if key in history.jobs else {}
        sent = [value for name, value in params.items() if own.get(name) != value]
        shown = (view.value for view in history.row.outcomes)
        return cls(values=(*sent, *shown), words=history.row.cells, keys=_keys(provider, tools))

    def __call__(self, text: str) -> str:
        """The text without them."""
        return conceal(without_keys(text, self.keys), self.values, words=self.words)


def _keys(provider: Provider | None, tools: Tools) -> tuple[str, ...]:
    """The provider's key as it is here today, if it is: an answer may quote the one that was sent."""
    try:
        secret = None if provider is None else tools.settings.keys.of(provider)
    except RunnerError:
        return ()
    return () if secret is None else (secret.reveal(),)


def _body(view: AttemptView, answer: Answer | None, veil: Veil) -> tuple[str | None, str]:
    if answer is None and view.status is not None:
        return None, "it is not kept"
    if answer is None or answer.fault is not None:
        return None, "there is none: no answer came"
    if view.action is Action.SUCCEED:
        return None, f"{len(answer.body):,} bytes, left out: it is an answer, not an error"
    if not answer.body:
        return None, "it is empty"
    text = _text(answer.body[:READ_BYTES])
    if text is None:
        return None, f"{len(answer.body):,} bytes that are not text"
    text = veil(text)
    if len(text) <= BODY_CHARACTERS and len(answer.body) <= READ_BYTES:
        return text, "the rest was not kept" if answer.truncated else ""
    return text[:BODY_CHARACTERS], f"cut after {BODY_CHARACTERS:,} characters of {len(answer.body):,} bytes"


def _text(body: bytes) -> str | None:
    """The bytes as text; a character that the cut went through is left out."""
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(body)
    odd = sum(char == "\ufffd" or (char < " " and char not in "\r\n\t") for char in text)
    return None if odd > len(text) // 10 else text


def _parameters(
    info: BatchInfo, key: str, job: JobHistory, operation: Operation | None, view: AttemptView
) -> Mapping[str, Any]:
    own = _set(info, key)
    kinds = {} if operation is None else {one.name: one.kind for one in operation.inputs}
    shown = {name: _shown(value, kinds.get(name), is_set=own.get(name) == value) for name, value in job.params.items()}
    if operation is None:
        return shown
    from runner.transport.template import fields

    return fields(operation, shown, attempt_id=view.client_request_id)


def _set(info: BatchInfo, key: str) -> Mapping[str, Any]:
    """The parameters that the command line set for all rows: they are nobody's."""
    given = info.params.get(key, {})
    return given if isinstance(given, Mapping) else {}


def _shown(value: str, kind: InputKind | None, *, is_set: bool) -> str:
    """A parameter's value: as it is where the profile or the command line chose it, shortened where the row did."""
    if kind is InputKind.FILE:
        return _file_shown(value)
    return redact(value) if is_set or kind is InputKind.CHOICE else shorten(value)


def _file_shown(value: str) -> str:
    try:
        return f"(the content of a file, SHA-256 {FileValue.parse(value).sha256})"
    except ValueError:
        return "(the content of a file)"


def support_json(requests: Iterable[SupportRequest]) -> dict[str, Any]:
    """The object of `explain --support --json`, schema 1."""
    return {
        "schema": 1,
        "requests": [
            {
                "batch": one.batch,
                "row": one.row,
                "operation": one.operation,
                "provider": one.title,
                "number": one.number,
                "method": one.method,
                "path": one.path,
                "sent_at": iso(one.sent_us),
                "answered_at": iso(one.answered_us),
                "client_request_id": one.client_request_id,
                "provider_request_id": one.provider_request_id,
                "http_status": one.status,
                "fault": None if one.fault is None else one.fault.value,
                "body": one.body,
                "body_note": one.body_note or None,
                "parameters": dict(one.parameters),
            }
            for one in requests
        ],
    }

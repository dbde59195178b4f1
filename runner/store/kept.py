"""A settlement as one line of text, for the file beside the database, and back.

A line is a JSON object, `{"sha256": ..., "kept": {...}}`; the sum is over the text of `kept`, so that a line that was
torn by a power cut is told from a whole one. Bodies are base64; headers are those that the database would keep.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from runner.domain.model import Action, Amount, Answer, AttemptId, Debited, Fault, JobId, Outcome
from runner.domain.states import JobEvent
from runner.engine.ports import Opening, Settlement
from runner.store.codec import kept_headers, to_json


class Withdrawn(NamedTuple):
    """An attempt whose opening was perhaps committed, and whose request was never sent for that reason."""

    client_request_id: str


_HEAD: Final = '{"sha256":"'
_MIDDLE: Final = '","kept":'
_SUM: Final = 64  # characters of it


def settlement_line(settlement: Settlement) -> str:
    """One line, without its line break. Never fails, whatever a provider sent."""
    answer, outcome = settlement.answer, settlement.outcome
    kept = settlement._asdict() | {
        "answer": {
            "status": answer.status,
            "headers": json.loads(kept_headers(answer.headers)),
            "body": base64.b64encode(answer.body).decode(),
            "truncated": answer.truncated,
            "fault": answer.fault,
            "detail": answer.detail,
        },
        "outcome": outcome
        and {"reason": outcome.reason, "final": outcome.final, "found": outcome.found, "columns": outcome.columns},
    }
    return _line({"settlement": kept})


def withdrawn_line(opening: Opening) -> str:
    """The line of an opening that is known to be never sent."""
    return _line({"withdrawn": {"client_request_id": opening.client_request_id}})


def _line(kept: Mapping[str, Any]) -> str:
    text = to_json(kept)
    return f"{_HEAD}{_sum(text)}{_MIDDLE}{text}}}"


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def read_line(line: str) -> Settlement | Withdrawn | None:
    """What a line says; None: it is damaged, or not of this version."""
    start = len(_HEAD) + _SUM + len(_MIDDLE)
    given, text = line[len(_HEAD) : len(_HEAD) + _SUM], line[start:-1]
    if f"{_HEAD}{given}{_MIDDLE}{text}}}" != line or _sum(text) != given:
        return None
    try:
        kept = json.loads(text)
        if "withdrawn" in kept:
            return Withdrawn(**kept["withdrawn"])
        return _settlement(kept["settlement"])
    except (ValueError, TypeError, KeyError, RecursionError):  # whole, but of a version that writes other fields
        return None


def _settlement(kept: Mapping[str, Any]) -> Settlement:
    answer, outcome = kept["answer"], kept["outcome"]
    typed: dict[str, Any] = {
        "attempt": AttemptId(kept["attempt"]),
        "job": JobId(kept["job"]),
        "answer": Answer(
            **answer
            | {
                "headers": tuple((name, value) for name, value in answer["headers"]),
                "body": base64.b64decode(answer["body"], validate=True),
                "fault": answer["fault"] and Fault(answer["fault"]),
            }
        ),
        "action": kept["action"] and Action(kept["action"]),
        "debited": Debited(kept["debited"]),
        "amount": Amount(kept["amount"]),
        "event": JobEvent(kept["event"]),
        "outcome": outcome and Outcome(**outcome),
        "requeue": tuple(AttemptId(attempt) for attempt in kept["requeue"]),
    }
    return Settlement(**{**kept, **typed})

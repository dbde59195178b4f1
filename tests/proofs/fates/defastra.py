"""Defastra: its error page says of every error that the wallet is not debited; which HTTP status an error comes with is
documented nowhere, so each comes with several and must mean the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.proofs.fates import DONE, DOUBT, FAIL, HALT, HTML, MIDNIGHT, Case, Table, given_up, parked

STATUSES = (200, 400, 401, 403, 429, 500, 503)
GIVEN_UP = given_up()
TWICE = given_up(2)
MINUTE = parked(60.0)
SECONDS = parked(5.0)
DAY = parked(MIDNIGHT)
WAITED = replace(DONE, action="pause", sends=2, pause=1.0)

DOCUMENTED = {
    "INSUFFICIENT_FUNDS": HALT,
    "INVALID_REQUEST_TYPE": HALT,
    "INVALID_API_KEY": HALT,
    "NO_KEY": HALT,
    "INACTIVE_API_KEY": HALT,
    "SYSTEM_ERROR": GIVEN_UP,
    "UNHANDLED_EXCEPTION": GIVEN_UP,
    "SYSTEM_UNAVAILABLE": GIVEN_UP,
    "RATE_LIMITED_1_MINUTE": MINUTE,
    "RATE_LIMITED_5_SECONDS": SECONDS,
    "RATE_LIMITED_60_PER_MINUTE": MINUTE,
    "RATE_LIMITED_2_PER_SECOND": SECONDS,
    "INACTIVE_API_ACCESS": HALT,
    "INVALID_REQUEST_TIMEOUT": HALT,
    "INVALID_REQUEST_PHONE": FAIL,
    "INVALID_REQUEST_EMAIL": FAIL,
    "INVALID_PARAMETER": FAIL,  # once a row of the operation succeeded; before that it halts
    "INVALID_LABEL": HALT,
    "INACTIVE_TEAM_USER": HALT,
    "DAILY_CHECK_LIMIT": DAY,
    "INVALID_PERMISSION": HALT,
}

# No envelope of theirs: `status` is neither true nor false.
FOREIGN: dict[str, Any] = {
    "HTML": HTML,
    "an empty body": "",
    "cut JSON": '{"status": tr',
    "status missing": {"error_type": "INVALID_API_KEY"},
    'status "False"': {"status": "False", "error_type": "INVALID_API_KEY"},
    'status "True"': {"status": "True", "deep_email_check": {"risk_score": 0}},
    "status null": {"status": None, "error_type": "SYSTEM_ERROR"},
    "status 0": {"status": 0, "error_type": "SYSTEM_ERROR"},
}
BY_STATUS = {
    200: DOUBT,  # may be a paid answer that cannot be read
    302: FAIL,  # refused before any work; once a row succeeded it is about this row
    400: FAIL,
    401: HALT,
    403: HALT,
    404: FAIL,
    429: MINUTE,
    500: DOUBT,  # may have been carried out
    502: DOUBT,
}


def table() -> Table:
    """Every case of `defastra.email`."""
    return Table(operation="defastra.email", well={"status": True, "deep_email_check": {}}, cases=tuple(_cases()))


def _cases() -> Iterator[Case]:
    for name, fate in DOCUMENTED.items():
        for status in STATUSES:
            yield Case(name=name, status=status, body=_refusal(name), fate=fate, words=name)
    for name, body in FOREIGN.items():
        for status, fate in BY_STATUS.items():
            yield Case(name=name, status=status, body=body, fate=fate)
    yield from _first()
    yield from _spellings()
    yield Case(name="the barest success", status=200, body={"status": True}, fate=DONE)
    yield Case(name="success with HTTP 500", status=500, body={"status": True}, fate=DONE)


def _first() -> Iterator[Case]:
    """Before any row succeeded, an error of shape is taken for one of ours: the list is not burnt."""
    for status in STATUSES:
        body = _refusal("INVALID_PARAMETER")
        yield Case(name="INVALID_PARAMETER, first", status=status, body=body, fate=HALT, proven=False)
    for status in (302, 400, 404):
        yield Case(name="HTML, first", status=status, body=HTML, fate=HALT, proven=False)


def _spellings() -> Iterator[Case]:
    for name, fate in {
        "insufficient_funds": HALT,
        " INSUFFICIENT_FUNDS ": HALT,
        "Rate_Limited_5_Seconds": SECONDS,
        "RATE_LIMITED_1000_PER_HOUR": MINUTE,
        "SOMETHING_NEW": TWICE,
        "": TWICE,
    }.items():
        yield Case(name=f"{name!r}", status=200, body=_refusal(name), fate=fate)
    yield Case(name="no error_type", status=200, body={"status": False}, fate=TWICE)
    for name in ("RATE_LIMITED_1_MINUTE", "RATE_LIMITED_5_SECONDS"):
        headers = {"retry-after": "1"}
        yield Case(name=f"{name}, Retry-After: 1", status=429, body=_refusal(name), fate=WAITED, headers=headers)


def _refusal(error_type: str) -> dict[str, Any]:
    return {"status": False, "error_type": error_type, "error_message": "said by the provider"}

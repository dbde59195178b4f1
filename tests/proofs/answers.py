"""What must become of each answer Defastra is known to give, written down by hand from its documentation.

No rule of the profile is read here. Its error page says of every error that the wallet is not debited; which HTTP
status an error comes with is documented nowhere, so each comes with several and must mean the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

STATUSES = (200, 400, 401, 403, 429, 500, 503)
HTML = "<html><body>Sorry</body></html>"
MIDNIGHT = "midnight"


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What becomes of the row that is answered like this."""

    action: str
    exit: int
    state: str
    debited: str
    sends: int
    spent: int
    wait: float | str | None = None  # parked: seconds from the answer (up to one more), or until midnight UTC


HALT = Fate(action="halt", exit=4, state="queued", debited="no", sends=1, spent=0)
FAIL = Fate(action="fail", exit=3, state="failed", debited="no", sends=1, spent=1)
GIVEN_UP = Fate(action="retry", exit=3, state="failed", debited="no", sends=6, spent=6)
TWICE = replace(GIVEN_UP, sends=2, spent=2)
MINUTE = Fate(action="pause", exit=6, state="queued", debited="no", sends=1, spent=0, wait=60.0)
SECONDS = replace(MINUTE, wait=5.0)
DAY = replace(MINUTE, wait=MIDNIGHT)
DOUBT = Fate(action="retry", exit=3, state="in_doubt", debited="unknown", sends=1, spent=1)
DONE = Fate(action="succeed", exit=0, state="succeeded", debited="yes", sends=1, spent=1)
WAITED = replace(DONE, sends=2)

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


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kind of answer. `proven`: another row of the list is answered well before."""

    name: str
    status: int
    body: Any  # text as it is, anything else as JSON
    fate: Fate
    proven: bool = True
    retry_after: str | None = None


def cases() -> Iterator[Case]:
    """Every case of the table."""
    for name, fate in DOCUMENTED.items():
        for status in STATUSES:
            yield Case(name=name, status=status, body=_refusal(name), fate=fate)
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
        yield Case(name=f"{name}, Retry-After: 1", status=429, body=_refusal(name), fate=WAITED, retry_after="1")


def _refusal(error_type: str) -> dict[str, Any]:
    return {"status": False, "error_type": error_type, "error_message": "said by the provider"}

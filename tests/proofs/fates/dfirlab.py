"""DFIR Lab: codes, types and statuses, in this order; and what an answer says it cost decides over all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate
from typing import Any

from tests.proofs.fates import DONE, DOUBT, FAIL, HALT, HTML, Case, Fate, Table, given_up, parked

WELL = {"data": {"results": []}, "meta": {"request_id": "req_1", "processing_time_ms": 1}}
RESENT = given_up(debited="unknown", marked=True)  # safe to retry, they say; whether it took credits, they do not
ONCE_MORE = replace(DONE, action="retry", sends=2, spent=2, debited="unknown", marked=True)
WAITED = replace(DONE, action="pause", sends=2, pause=1.0)
MINUTE = parked(60.0)
LOST = replace(
    DOUBT, action="retry", state="failed", debited="yes", final=True
)  # paid, unreadable: never again by itself

# Code -> type and status where they are documented, and the fate whatever the two are.
CODES: dict[str, tuple[str, int, Fate]] = {
    "missing_authorization": ("authentication_error", 401, HALT),
    "invalid_authorization_format": ("authentication_error", 401, HALT),
    "api_key_invalid": ("authentication_error", 401, HALT),
    "key_expired": ("authentication_error", 401, HALT),
    "key_revoked": ("authentication_error", 401, HALT),
    "validation_service_unavailable": ("authentication_error", 401, WAITED),
    "insufficient_permissions": ("authorization_error", 403, HALT),
    "plan_insufficient": ("authorization_error", 403, HALT),
    "insufficient_credits": ("insufficient_credits", 402, HALT),
    "invalid_content_type": ("invalid_request", 415, HALT),
    "payload_too_large": ("invalid_request", 413, FAIL),
    "invalid_json": ("invalid_request", 400, FAIL),
    "RATE_LIMIT_EXCEEDED": ("rate_limit_exceeded", 429, MINUTE),
    # Older versions of their page.
    "api_key_missing": ("authentication_error", 401, HALT),
    "api_key_expired": ("authentication_error", 401, HALT),
    "api_key_revoked": ("authentication_error", 401, HALT),
    "plan_required": ("authorization_error", 403, HALT),
    "rate_limit_exceeded": ("rate_limit_exceeded", 429, MINUTE),
}
ODD_STATUSES = (200, 400, 403, 503)
TYPES: dict[str, tuple[int, Fate]] = {
    "authentication_error": (401, HALT),
    "authorization_error": (403, HALT),
    "invalid_request": (400, FAIL),
    "rate_limit_exceeded": (429, MINUTE),
    "insufficient_credits": (402, HALT),
    "internal_error": (500, RESENT),
    "service_unavailable": (503, RESENT),
}
BY_STATUS = {
    301: FAIL,
    307: FAIL,
    400: FAIL,
    401: HALT,
    402: HALT,
    403: HALT,
    404: FAIL,
    405: FAIL,
    409: FAIL,
    413: FAIL,
    415: HALT,
    418: FAIL,
    422: FAIL,
    429: MINUTE,
    500: RESENT,
    502: RESENT,
    503: RESENT,
    504: RESENT,
    529: RESENT,
}
FOREIGN: dict[str, Any] = {"HTML": HTML, "an empty body": "", "a text for an error": {"error": "No"}}
SHAPE = (301, 307, 404, 405, 409, 418, 422)
UNDOCUMENTED = (409, 418, 422)
NO_DATA: dict[str, Any] = {
    "HTML": HTML,
    "an empty body": "",
    "cut JSON": '{"data": {"results": [',
    "no data": {"meta": {"request_id": "req_1"}},
    "data null": {"data": None},
}


def table() -> Table:
    """Every case of `dfirlab.email`."""
    return Table(operation="dfirlab.email", well=WELL, cases=tuple(_cases()))


def _cases() -> Iterator[Case]:
    yield from _codes()
    yield from _types()
    yield from _statuses()
    yield from _successes()
    yield from _waits()
    yield from _charges()
    yield from _streaks()


def _codes() -> Iterator[Case]:
    for code, (kind, documented, fate) in CODES.items():
        for status in (documented, *(odd for odd in ODD_STATUSES if odd != documented)):
            yield _case(code, status, fate, code=code, kind=kind)
        other = "internal_error" if kind != "internal_error" else "invalid_request"
        yield _case(f"{code} as {other}", documented, fate, code=code, kind=other)
    yield _case(
        "validation_service_unavailable", 500, WAITED, code="validation_service_unavailable", kind="internal_error"
    )
    yield _case(
        "rate_limit_exceeded, a type of keys", 401, MINUTE, code="Rate_Limit_Exceeded", kind="authentication_error"
    )
    yield _case("a code alone", 500, HALT, code="API_KEY_INVALID", kind="")
    yield _case("invalid_json, first", 400, HALT, code="invalid_json", kind="invalid_request", proven=False)
    yield _case("payload_too_large, first", 413, FAIL, code="payload_too_large", kind="invalid_request", proven=False)


def _types() -> Iterator[Case]:
    for kind, (documented, fate) in TYPES.items():
        for status in (documented, *(odd for odd in (400, 403, 503) if odd != documented)):
            yield _case(f"{kind}, a new code", status, fate, code="something_new", kind=kind)
        yield _case(f"{kind} without a code", 418, fate, code="", kind=kind)
        if fate is not RESENT:
            yield _case(f"{kind}, a new code", 200, fate, code="something_new", kind=kind)
    yield _case("internal_error, a new code", 200, DOUBT, code="something_new", kind="internal_error")
    yield _case("AUTHENTICATION_ERROR", 500, HALT, code="", kind="AUTHENTICATION_ERROR")


def _statuses() -> Iterator[Case]:
    for status, fate in BY_STATUS.items():
        for name, body in FOREIGN.items():
            yield Case(name=name, status=status, body=body, fate=fate)
        theirs = replace(fate, debited="unknown") if status in UNDOCUMENTED else fate
        yield _case("a new code and type", status, theirs, code="something_new", kind="newer_error")
    for status in SHAPE:
        yield Case(name="HTML, first", status=status, body=HTML, fate=HALT, proven=False)
    yield Case(name="no answer", status=None, fate=DOUBT)
    yield Case(name="HTML, once", status=502, body=HTML, fate=ONCE_MORE)


def _successes() -> Iterator[Case]:
    yield Case(name="data", status=200, body=WELL, fate=DONE)
    yield Case(name="data, an error's status", status=400, body=WELL, fate=FAIL)
    yield Case(name="data, an error's status", status=500, body=WELL, fate=RESENT)
    for name, body in NO_DATA.items():
        yield Case(name=name, status=200, body=body, fate=DOUBT)
    for status in (201, 202, 204):
        yield Case(name="a success nobody documented", status=status, body=HTML if status != 204 else "", fate=DOUBT)


def _waits() -> Iterator[Case]:
    """Retry-After in seconds or as a date, else X-RateLimit-Reset, else a minute; never less than a second."""
    for text, fate in {"1": WAITED, "0": WAITED, "30": parked(30.0), "3600": parked(3600.0)}.items():
        yield _limited(f"Retry-After: {text}", fate, {"retry-after": text})
    for text in ("soon", "-5", "1.5", "", "99999999999", "Wed, 99 Foo 2026 99:99:99 GMT"):
        yield _limited(f"Retry-After: {text}", MINUTE, {"retry-after": text})
    date = {"retry-after": lambda now: formatdate(int(now) + 31, usegmt=True)}
    reset = {"x-ratelimit-reset": lambda now: str(int(now) + 31)}
    half_minute = parked(30.0)  # whole seconds are told: between 30 and 31 of them are left
    yield _limited("Retry-After: a date", half_minute, timed=date)
    yield _limited("Retry-After: a date gone by", WAITED, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"})
    yield _limited("X-RateLimit-Reset", half_minute, timed=reset)
    yield _limited("X-RateLimit-Reset gone by", WAITED, {"x-ratelimit-reset": "1445412480"})
    yield _limited("X-RateLimit-Reset: soon", MINUTE, {"x-ratelimit-reset": "soon"})
    yield _limited("Retry-After: soon, X-RateLimit-Reset", half_minute, {"retry-after": "soon"}, timed=reset)
    yield _limited("Retry-After: 90, X-RateLimit-Reset", parked(90.0), {"retry-after": "90"}, timed=reset)
    yield _limited("slower and slower", replace(WAITED, sends=3), {"retry-after": "1"})


def _limited(name: str, fate: Fate, headers: dict[str, str] | None = None, *, timed: Any = None) -> Case:
    body = _error("RATE_LIMIT_EXCEEDED", "rate_limit_exceeded")
    return Case(name=name, status=429, body=body, fate=fate, headers=headers or {}, timed=timed or {})


def _charges() -> Iterator[Case]:
    """What an answer says it cost decides whether and how much was debited, on errors too."""
    for text, amount in {"0": 0.0, "1": 1.0, "3": 3.0, "2.5": 2.5}.items():
        done, failed, halted = (_stated(fate, amount) for fate in (DONE, FAIL, HALT))
        meta = {**WELL, "meta": {"credits_used": amount}}
        yield Case(name=f"credits_used: {text}", status=200, body=meta, fate=done)
        yield _costs(f"X-Credits-Used: {text}", 200, WELL, done, text)
        yield _costs(f"X-Credits-Used: {text}", 400, HTML, failed, text)
        yield _costs(f"X-Credits-Used: {text}", 402, HTML, halted, text)
        yield _costs(f"X-Credits-Used: {text}", 429, HTML, _stated(MINUTE, amount), text)
        yield _costs(f"X-Credits-Used: {text}", 500, HTML, _stated(given_up(), amount), text)
    for text in ("lots", "-1", "", "1,5", "NaN", "1e99"):
        yield _costs(f"X-Credits-Used: {text}", 200, WELL, DONE, text)
        yield _costs(f"X-Credits-Used: {text}", 400, HTML, replace(FAIL, amount=0.0), text)
        yield _costs(f"X-Credits-Used: {text}", 500, HTML, RESENT, text)
        yield _costs(f"X-Credits-Used: {text}", 200, HTML, DOUBT, text)
    yield Case(name="credits_used: true", status=200, body={**WELL, "meta": {"credits_used": True}}, fate=DONE)
    yield _costs("no data, X-Credits-Used: 0", 200, HTML, replace(given_up(), amount=0.0), "0")
    yield _costs("no data, X-Credits-Used: 3", 200, HTML, replace(LOST, amount=3.0), "3")


def _stated(fate: Fate, each: float) -> Fate:
    """The same with a charge of so much for each request; what goes again after one is marked."""
    again = fate.sends > 1 or fate.state == "queued"
    marked = again and each > 0
    return replace(fate, debited="yes" if each else "no", amount=each * fate.sends, marked=marked)


def _costs(name: str, status: int, body: Any, fate: Fate, text: str) -> Case:
    return Case(name=name, status=status, body=body, fate=fate, headers={"x-credits-used": text})


def _streaks() -> Iterator[Case]:
    """A value they refuse is one row; value after value, and none answered yet, the request is built wrong."""
    for rows, fate in {1: FAIL, 4: FAIL, 5: HALT}.items():
        yield _case("invalid_request, first", 400, fate, kind="invalid_request", rows=rows, proven=False)
        yield Case(name="HTML, first", status=400, body=HTML, fate=fate, rows=rows, proven=False)
    yield _case("invalid_request, after a success", 400, FAIL, kind="invalid_request", rows=9)


def _case(name: str, status: int, fate: Fate, *, code: str = "", kind: str, rows: int = 1, proven: bool = True) -> Case:
    body = _error(code, kind)
    return Case(name=name, status=status, body=body, fate=fate, rows=rows, proven=proven, words=code or kind)


def _error(code: str, kind: str) -> dict[str, Any]:
    given = {"type": kind, "code": code, "message": "said by the provider", "request_id": "req_2"}
    return {"error": {name: value for name, value in given.items() if value}}

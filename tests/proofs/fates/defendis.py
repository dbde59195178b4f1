"""Defendis: HTTP statuses and a text that is "not a stable enum". Nothing is charged for a request, and a GET may be
repeated; a POST that met trouble of theirs may have had its effect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.proofs.fates import DONE, DOUBT, FAIL, HALT, HTML, Case, Fate, Table, given_up, parked

WELL = {"data": [], "paging": {"currentPage": 1, "totalRecords": 0, "hasMore": False}}
READ = replace(DONE, debited="no")
AGAIN = given_up()
TWICE = given_up(2)
WAITED = replace(READ, action="pause", sends=2, pause=1.0)
LATER = replace(READ, action="retry", sends=2, spent=2, pause=1.0)

# The five examples of their page, letter by letter.
NO_KEY = '{ "error": "Missing API key" }'
SCOPE = '{ "error": "You don\'t have permission to view this" }'
BILLING = '{ "error": "Enterprise billing access denied", "reason": "payment_unpaid", "status": "unpaid" }'
QUOTA = '{ "error": "quota_domains_reached", "metric": "domains", "used": 10, "limit": 10, "requestedIncrement": 1 }'
TOO_FAST = '{ "error": "Rate limit exceeded" }'

UNFAMILIAR = {"error": "Something nobody has seen yet", "message": "more of it", "traceId": "t-1", "details": [1, {}]}

# Whatever the text, after a row was answered well.
BY_STATUS = {
    400: FAIL,
    401: HALT,
    402: HALT,
    403: FAIL,
    404: FAIL,
    408: AGAIN,
    409: FAIL,
    429: WAITED,
    500: AGAIN,
    501: AGAIN,
    502: AGAIN,
    503: AGAIN,
    504: AGAIN,
    507: AGAIN,
    520: AGAIN,
    301: FAIL,
    302: FAIL,
    307: FAIL,
    405: FAIL,
    410: FAIL,
    413: FAIL,
    415: FAIL,
    418: FAIL,
    422: FAIL,
    451: FAIL,
}
BODIES: dict[str, Any] = {"unfamiliar text": UNFAMILIAR, "HTML": HTML, "an empty body": ""}

# Before any row was answered well these are taken for a mistake of ours.
SHAPE = (301, 302, 307, 400, 404, 405, 410, 413, 415, 418, 422, 451)

# Two or none of their names in one body: the account's meaning wins over the row's, structure over text.
ACCOUNT: dict[str, tuple[int, dict[str, Any]]] = {
    "billing, the reason alone": (403, {"error": "You don't have permission to view this", "reason": "payment_unpaid"}),
    "billing, the status alone": (403, {"error": "You don't have permission to view this", "status": "unpaid"}),
    "billing, the text alone": (403, {"error": "ENTERPRISE BILLING ACCESS DENIED"}),
    "billing, another reason": (403, {"error": "No", "reason": "contract_ended", "status": "suspended", "since": 1}),
    "quota, the text alone": (409, {"error": "quota_keywords_reached"}),
    "quota of bins": (409, {"error": "quota_bins_reached", "metric": "bins", "used": 5, "limit": 5}),
    "quota, a new one": (409, {"error": "quota_executives_reached"}),
    "quota, the metric alone": (409, {"error": "Conflict", "metric": "domains"}),
    "quota, the limit alone": (409, {"error": "Conflict", "limit": 10}),
    "a revoked key": (401, {"error": "Invalid or revoked API key"}),
    "a refused key with a status": (401, {"error": "Nope", "status": "ok", "data": []}),
}
ROW: dict[str, tuple[int, dict[str, Any]]] = {
    "scope with more keys": (403, {"error": "You don't have permission to view this", "scope": "x", "code": 7}),
    "scope, a message": (403, {"error": "Forbidden", "message": "Out of your watchlists"}),
    "scope with data": (403, {"error": "Forbidden", "data": []}),
    "a number for a status": (403, {"error": "Forbidden", "status": 403}),
    "a conflict": (409, {"error": "Conflict", "message": "somebody was faster"}),
}
NO_DATA: dict[str, Any] = {
    "HTML": HTML,
    "an empty body": "",
    "cut JSON": '{"data": [',
    "no data": {"paging": {"totalRecords": 0}},
    "health in place of data": {"status": "ok"},
    "the bill in place of data": {"error": "Enterprise billing access denied", "status": "unpaid"},
    "a list": [],
    "a text": '"data"',
}
DATA: dict[str, dict[str, Any]] = {
    "no leaks": WELL,
    "one object": {"data": {"count": 1}},
    "more pages": {"data": [{}], "paging": {"totalRecords": 70, "hasMore": True, "nextPage": 2}},
    "unknown keys": {"data": [], "status": "unpaid", "metric": "x", "limit": 1, "reason": "y", "error": None},
}


def table() -> Table:
    """Every case of `defendis.email`, a GET."""
    return Table(operation="defendis.email", well=WELL, cases=tuple(_reads()))


def written() -> Table:
    """The same operation made a POST by its user: reads may be repeated, writes may not."""
    settings = '[providers.defendis.operations.email]\nmethod = "POST"\nsafe = false\n'
    cases = tuple(_writes())
    return Table(operation="defendis.email", well=WELL, cases=cases, settings=settings, method="POST")


def _reads() -> Iterator[Case]:
    yield from _verbatim()
    for status, fate in BY_STATUS.items():
        for name, body in BODIES.items():
            yield Case(name=name, status=status, body=body, fate=fate, words=_words(body))
    for name, (status, body) in ACCOUNT.items():
        yield Case(name=name, status=status, body=body, fate=HALT, words=_words(body))
        yield Case(name=f"{name}, first", status=status, body=body, fate=HALT, proven=False)
    for name, (status, body) in ROW.items():
        yield Case(name=name, status=status, body=body, fate=FAIL)
    for status in SHAPE:
        yield Case(name="first", status=status, body=UNFAMILIAR, fate=HALT, proven=False, words=_words(UNFAMILIAR))
    for name, body in NO_DATA.items():
        yield Case(name=name, status=200, body=body, fate=TWICE)
    for name, body in DATA.items():
        for status in (200, 201, 206):
            yield Case(name=name, status=status, body=body, fate=READ)
    yield Case(name="data with an error's status", status=500, body=WELL, fate=AGAIN)
    yield Case(name="data with an error's status", status=404, body=WELL, fate=FAIL)
    yield Case(name="no answer", status=None, fate=AGAIN)
    yield from _streaks()
    yield from _waits()


def _verbatim() -> Iterator[Case]:
    yield Case(name="Missing API key", status=401, body=NO_KEY, fate=HALT, words="Missing API key")
    yield Case(name="Out-of-scope request", status=403, body=SCOPE, fate=FAIL)
    yield Case(name="Enterprise billing access denied", status=403, body=BILLING, fate=HALT, words="payment_unpaid")
    yield Case(name="Watchlist quota reached", status=409, body=QUOTA, fate=HALT, words="quota_domains_reached")
    yield Case(name="Rate limit exceeded", status=429, body=TOO_FAST, fate=WAITED)


def _streaks() -> Iterator[Case]:
    """Out of scope row after row, and none answered yet, is the wrong workspace; some foreign rows are only foreign."""
    for rows in (1, 4):
        yield Case(name="out of scope, first", status=403, body=SCOPE, fate=FAIL, proven=False, rows=rows)
    yield Case(name="out of scope, first", status=403, body=SCOPE, fate=HALT, proven=False, rows=5)
    yield Case(name="out of scope, first", status=403, body=HTML, fate=HALT, proven=False, rows=5)
    yield Case(name="out of scope, after a success", status=403, body=SCOPE, fate=FAIL, rows=9)
    yield Case(name="a conflict", status=409, body=UNFAMILIAR, fate=HALT, proven=False, rows=5)


def _waits() -> Iterator[Case]:
    """No `Retry-After` is documented; one that comes is honoured, on a refusal and on trouble of theirs."""
    for text, fate in {"1": WAITED, "0": WAITED, "30": parked(30.0), "soon": WAITED, "-5": WAITED}.items():
        headers = {"retry-after": text}
        yield Case(name=f"Retry-After: {text}", status=429, body=TOO_FAST, fate=fate, headers=headers)
    headers = {"retry-after": "1"}
    yield Case(name="Retry-After: 1, once", status=503, body=UNFAMILIAR, fate=LATER, headers=headers)
    yield Case(name="slower and slower", status=429, body=TOO_FAST, fate=replace(WAITED, sends=3))


def _writes() -> Iterator[Case]:
    trouble: Fate = DOUBT
    for status in (500, 502, 503, 504, 520):
        for name, body in BODIES.items():
            yield Case(name=f"POST: {name}", status=status, body=body, fate=trouble)
    for name, body in NO_DATA.items():
        yield Case(name=f"POST: {name}", status=200, body=body, fate=DOUBT)
    yield Case(name="POST: no answer", status=None, fate=DOUBT)
    yield Case(name="POST: Rate limit exceeded", status=429, body=TOO_FAST, fate=WAITED)
    yield Case(name="POST: Watchlist quota reached", status=409, body=QUOTA, fate=HALT, words="quota_domains_reached")
    yield Case(name="POST: Missing API key", status=401, body=NO_KEY, fate=HALT, words="Missing API key")
    for status in (400, 403, 404, 408, 409, 413, 302):
        yield Case(name="POST: unfamiliar text", status=status, body=UNFAMILIAR, fate=FAIL)
    yield Case(name="POST: no leaks", status=200, body=WELL, fate=READ)


def _words(body: Any) -> str:
    return str(body["error"]) if isinstance(body, dict) else ""

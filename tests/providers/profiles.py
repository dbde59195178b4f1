"""A small profile of one's own, as a user would write it, and ways to bend it."""

from __future__ import annotations

import copy
import tomllib
from typing import Any

MINE = """
schema = 1
name = "mine"

[http]
base_url = "https://api.example.com/v1"
auth = { bearer = true, secret = { env = "MINE_API_KEY" }, pattern = "^mk-" }
error_code = "error.code"
error_type = "error.type"
wait_headers = ["Retry-After", { header = "X-RateLimit-Reset", form = "unix" }]

[[limits]]
at_most = 10
per_seconds = 1.5

[operations.check]
method = "POST"
path = "/check/{country}"
json = { who = { email = "{email}" }, tier = "{tier?}", tag = "{tag?}", deep = true, id = "{attempt}" }

[operations.check.input]
email = { kind = "email", case = "keep" }
country = { kind = "text", max = 2 }
tier = { kind = "choice", of = ["a", "b"] }
tag = { kind = "text", max = 30, default = "{attempt}" }

[operations.check.columns]
score = "data.score"

[operations.look]
method = "GET"
path = "/look"
query = { phone = "{phone}" }
input = { phone = { kind = "phone", send = "digits" } }
price = 0.000001
price_max = 0.1
unit = "credit"
found = "length(data) > `0`"

[[rules]]
name = "ok"
when = { status = 200, has = "data" }
then = "succeed"
debited = "yes"

[[rules]]
name = "no-funds"
when = [{ code = "NO_FUNDS" }, { status = 402 }]
then = "halt"
debited = "no"
advice = "Buy credits, then run the same command again."

[[rules]]
name = "busy"
when = { type = "busy_*", safe = true }
then = "pause"
debited = "no"
wait = [1, 60.5]

[[rules]]
name = "unrecognised"
when = {}
then = "retry"
debited = "unknown"
attempts = 2

[[examples]]
rule = "ok"
answer = { status = 200, body = { data = { score = 0.5 } } }

[[examples]]
rule = "no-funds"
answer = { status = 400, body = { error = { code = "no_funds" } } }

[[examples]]
rule = "busy"
operation = "look"
answer = { status = 503, headers = { "Retry-After" = "7" }, body = { error = { type = "BUSY_NOW" } } }

[[examples]]
rule = "unrecognised"
answer = { status = 200, body = "<html></html>" }
"""


def mine() -> dict[str, Any]:
    """The profile's tables, fresh."""
    return tomllib.loads(MINE)


def bent(path: str, value: Any) -> dict[str, Any]:
    """The profile with one key set, at a dotted path (positions as numbers); None removes it."""
    tables = copy.deepcopy(mine())
    bend(tables, path, value)
    return tables


def bend(tables: dict[str, Any], path: str, value: Any) -> None:
    """Set or remove one key of the tables in place; a position one past the end appends."""
    place: Any = tables
    *parents, last = path.split(".")
    for key in parents:
        place = place[int(key)] if isinstance(place, list) else place[key]
    if value is None:
        del place[int(last) if isinstance(place, list) else last]
    elif isinstance(place, list):
        place[int(last) : int(last) + 1] = [value]
    else:
        place[last] = value

"""The books for other processes, under `/_sandbox/` of the served address. Loopback only, and no part of any provider.

GET  /_sandbox/ledger    every request, one JSON object a line
GET  /_sandbox/summary   counts, the wallet, how full the windows were
POST /_sandbox/top-up    {"units": 100}
POST /_sandbox/take      {"units": 2}: somebody else uses the account
POST /_sandbox/faults    {"share": 0.05}
POST /_sandbox/next      [{"rule": "insufficient-funds"}, {"manner": "drop", "charged": true}, ...]: the next requests;
                         {"times": 2} charges one twice and says so once

An answer of one's own is {"answer": {"status": 502, "headers": {"retry-after": "1"}, "body": "<html>"}}; a body that is
not text goes as `body_base64`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from runner.domain.model import Answer
from runner.sandbox.calls import Call
from runner.sandbox.replies import Behaviour, Manner
from runner.sandbox.world import World

PREFIX = "/_sandbox/"


def administer(world: World, call: Call) -> Answer:
    """Answer a call under the prefix. Never raises: what is not understood is a 400."""
    match call.method, call.target.removeprefix(PREFIX):
        case "GET", "ledger":
            lines = [json.dumps(entry.as_json()) for entry in world.books.entries]
            return _answer("\n".join([*lines, ""]), kind="application/x-ndjson")
        case "GET", "summary":
            return _answer(json.dumps(summary(world)))
        case "POST", wish:
            try:
                _grant(world, wish, json.loads(call.body))
            except (ValueError, KeyError, TypeError, LookupError) as error:
                return Answer(status=400, body=json.dumps({"error": type(error).__name__}).encode())
            return _answer(json.dumps(summary(world)))
        case _:
            return Answer(status=404, body=b"{}")


def summary(world: World) -> dict[str, Any]:
    """The books in counts, with what is left in the wallet (None: without end)."""
    counts = world.books.summary(world.provider.limits)
    return {
        **counts,
        "wallet": world.wallet,
        "in_flight": world.in_flight,
        "most_in_flight": world.most_in_flight,
        "health_calls": world.health_calls,
    }


def _grant(world: World, wish: str, given: Any) -> None:
    match wish:
        case "top-up":
            world.top_up(float(given["units"]))
        case "take":
            world.take(float(given["units"]))
        case "faults":
            world.faults = float(given["share"])
        case "next":
            world.next([_behaviour(one) for one in given])
        case _:
            raise LookupError(wish)


def _behaviour(given: dict[str, Any]) -> Behaviour:
    manner, own = Manner(given.pop("manner", "answer")), given.pop("answer", None)
    return Behaviour(manner=manner, answer=None if own is None else _own_answer(**own), **given)


def _own_answer(
    *, status: int = 200, headers: Mapping[str, str] | None = None, body: str = "", body_base64: str = ""
) -> Answer:
    raw = base64.b64decode(body_base64, validate=True) if body_base64 else body.encode()
    return Answer(status=status, headers=tuple((headers or {}).items()), body=raw)


def _answer(text: str, *, kind: str = "application/json") -> Answer:
    return Answer(status=200, headers=(("content-type", kind),), body=text.encode())

"""What the tests of DFIR Lab share: its profile, answers as it writes them, and what is made of them."""

from __future__ import annotations

import json
from typing import Any

from runner.domain.model import Answer, Verdict
from runner.domain.rules import classify
from runner.providers.loader import load

DFIR = load("dfirlab")
HTML = "<html><body>Sorry</body></html>"


def judge(status: int, body: Any = "", operation: str = "email", **headers: str) -> Verdict:
    return classify(DFIR, DFIR.operations[operation], answer(status, body, **headers))


def answer(status: int, body: Any = "", **headers: str) -> Answer:
    text = body if isinstance(body, str) else json.dumps(body)
    told = tuple((name.replace("_", "-").lower(), value) for name, value in headers.items())
    return Answer(status=status, headers=told, body=text.encode())


def error(code: Any = None, type_: Any = None, **more: Any) -> dict[str, Any]:
    given = {"code": code, "type": type_, "message": "said so", "request_id": "req_1"}
    return {"error": {key: value for key, value in given.items() if value is not None} | more}

"""What the tests of exports share: two operations, and what they add to a row."""

from __future__ import annotations

from typing import Any, Final

from runner.domain.provider import Input, InputKind, Operation
from runner.exports import OutcomeCells

EMAIL = Operation(
    provider="defastra",
    name="email",
    column_prefix="defastra_email_",
    method="POST",
    path="/deep_email_check",
    inputs=(Input(name="email", kind=InputKind.EMAIL),),
    columns={"risk_score": lambda body: body, "signals": lambda body: body},
)
BREACH = Operation(
    provider="acme",
    name="breach",
    column_prefix="acme_breach_",
    method="GET",
    path="/breach",
    inputs=(Input(name="email", kind=InputKind.EMAIL),),
    found=lambda body: body,
    columns={"names": lambda body: body},
)
GOOD = OutcomeCells(
    columns={"risk_score": 7, "signals": ["A", "B"]},
    found=None,
    state="succeeded",
    reason="ok",
    debited="yes",
    attempts=1,
    checked_at="2026-11-21T09:00:00.000Z",
)
INVALID = OutcomeCells(
    columns={}, found=None, state="invalid", reason="invalid:email", debited=None, attempts=None, checked_at=None
)

GOOD_VALUES: Final[dict[str, Any]] = {
    "defastra_email_risk_score": 7,
    "defastra_email_signals": ["A", "B"],
    "defastra_email_state": "succeeded",
    "defastra_email_reason": "ok",
    "defastra_email_debited": "yes",
    "defastra_email_attempts": 1,
    "defastra_email_checked_at": "2026-11-21T09:00:00.000Z",
}
"""`GOOD` in a format that has types."""

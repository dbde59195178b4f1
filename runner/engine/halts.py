"""What a halt says where no profile has words for it: the runner's own reasons, and answers without a text."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from runner.domain.model import Answer, Verdict

RATE_LIMITED: Final = "rate-limited"
PROVIDER_DOWN: Final = "provider-down"
MAX_FAILED: Final = "max-failed"
UNREACHABLE: Final = "unreachable"
"""Why a lane waits on: nobody answered a knock. No halt."""

OWN_ADVICE: Final[Mapping[str, str]] = MappingProxyType(
    {
        RATE_LIMITED: "It asked to slow down time after time and answered nothing in between: something else uses this "
        "account, or its limits are lower than the profile's. Stop the other program, or go slower (--rate 10/min), "
        "then run the same command again.",
        PROVIDER_DOWN: "Nothing but failures came back, for hours or from one try after the other. Look at its status "
        "page and at this machine's network, then run the same command again.",
        MAX_FAILED: "More requests failed than --max-failed allows. Look at them before paying for more: runner export "
        "BATCH --only failed -o failed.csv. Then run the same command again, with a larger share if they are to be "
        "expected.",
    }
)
"""What to do after a halt that no single answer decided, by reason."""


def words(verdict: Verdict, answer: Answer) -> tuple[str | None, str | None]:
    """The provider's code and message; where it gave neither, the HTTP status, or the fault and what broke."""
    if verdict.error_code or verdict.error_message:
        return verdict.error_code, verdict.error_message
    if answer.status is not None:
        return f"HTTP {answer.status}", None
    return str(answer.fault or "") or None, answer.detail or None

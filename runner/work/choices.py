"""What a person can say of requests in doubt, as commands, one a line: to a shell `|` between words is a pipe."""

from __future__ import annotations

from typing import Final

from runner.domain.model import Resolution

MEANS: Final = {
    Resolution.CHARGED: "charged: it counts as paid, and is not sent again",
    Resolution.NOT_CHARGED: "not charged: it is sent again",
    Resolution.RESEND: "nobody can tell: it is sent again, and may be charged twice",
}


def choices(batch: str, which: str) -> list[str]:
    """A full command for each word and what follows. `batch`: as it is typed; `which`: "--all", "--row 9"."""
    width = max(map(len, Resolution))
    return [f"  runner doubt resolve {batch} {which} --as {word:<{width}}   ({means})" for word, means in MEANS.items()]

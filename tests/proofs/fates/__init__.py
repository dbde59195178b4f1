"""What must become of a row that is answered so: written down by hand, provider by provider, from their error pages.

No rule of a profile is read here: these tables are the independent witness that the profiles are held against.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

HTML = "<html><body>Sorry</body></html>"
MIDNIGHT = "midnight"
GIVE_UP_AFTER = 3
"""Attempts a job has in the proofs, whatever the profile says."""


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What becomes of a row: what is stored of it, what its run ends with."""

    action: str  # of each of its requests, but for the last of a row that ended well
    exit: int
    state: str
    debited: str
    sends: int
    spent: int
    wait: float | str | None = None  # parked: seconds from the answer (up to one more), or until midnight UTC
    pause: float = 0.0  # gone on: at least so many seconds lie between its requests
    marked: bool = False  # sent again though its charge is unknown
    final: bool = False  # failed, and the same command does not try again
    amount: float | None = None  # charged, in the provider's unit; None: not looked at

    @property
    def actions(self) -> list[str]:
        """What is stored of each request."""
        again = self.sends - 1 if self.state == "succeeded" else self.sends
        return [self.action] * again + ["succeed"] * (self.sends - again)


HALT = Fate(action="halt", exit=4, state="queued", debited="no", sends=1, spent=0)
FAIL = Fate(action="fail", exit=3, state="failed", debited="no", sends=1, spent=1, final=True)
DONE = Fate(action="succeed", exit=0, state="succeeded", debited="yes", sends=1, spent=1)
DOUBT = Fate(action="retry", exit=3, state="in_doubt", debited="unknown", sends=1, spent=1)


def given_up(sends: int = GIVE_UP_AFTER, *, debited: str = "no", marked: bool = False) -> Fate:
    """Tried so often in vain; the same command tries again."""
    return Fate(action="retry", exit=3, state="failed", debited=debited, sends=sends, spent=sends, marked=marked)


def parked(wait: float | str) -> Fate:
    """Waits longer than the run was told to."""
    return Fate(action="pause", exit=6, state="queued", debited="no", sends=1, spent=0, wait=wait)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kind of answer, and how many requests get it: as many as the fate says, then the provider is well."""

    name: str
    status: int | None  # None: the connection is closed instead of an answer
    body: Any = ""  # text as it is, anything else as JSON
    fate: Fate
    proven: bool = True  # another row of the list is answered well before
    headers: Mapping[str, str] = field(default_factory=dict)
    timed: Mapping[str, Callable[[float], str]] = field(default_factory=dict)  # headers made of the time of answering
    rows: int = 1  # so many rows in a row are answered like this
    words: str = ""  # of theirs, that a halt must repeat

    @property
    def alone(self) -> bool:
        """Whether what it does to its lane leaves no other case its place in the same run."""
        return not self.proven or self.rows > 1 or self.fate.exit > 3 or self.fate.pause > 0


@dataclass(frozen=True, kw_only=True)
class Table:
    """All cases of one operation of one provider, and how it answers when all is well."""

    operation: str
    well: Mapping[str, Any]
    cases: Iterable[Case]
    settings: str = ""  # of the provider in runner.toml, beside address and pace
    method: str | None = None  # where the settings make it another

    @property
    def provider(self) -> str:
        """Its lane's name."""
        return self.operation.partition(".")[0]

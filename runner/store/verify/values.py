"""What `verify` answers: checks with figures, and what was found wrong, named. Loads no database library."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Final, NamedTuple

NAMED: Final = 100
"""So many violations of a check are named; all are counted."""


class Fix(StrEnum):
    """What to do about it; the command is made by whoever knows how this database is reached."""

    EXPLAIN = "explain"  # look at the requests of the row
    COMPARE = "compare"  # what is kept was changed: the provider's dashboard knows better
    EXPORT = "export"  # save what is there
    HOLD = "hold"  # the same, and let no run near it: it would pay again
    RESTORE = "restore"  # from a backup: the file is damaged
    REPORT = "report"  # another program changed how the file works, or removed lines
    STATUS = "status"
    RUN = "run"
    LOG = "log"
    SPEND = "spend"


class Violation(NamedTuple):
    """One thing that cannot be, with where it is: as many of the ids as there are."""

    what: str
    means: str
    fix: Fix
    batch: str | None = None
    row: int | None = None
    job: int | None = None
    attempt: int | None = None
    run: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One promise put to the whole file."""

    name: str  # file, integrity, references, rows, requests, batches, attempts, charges, answers, ledger
    promises: tuple[str, ...]  # as docs/promises.md numbers them
    figures: Mapping[str, int]  # what was looked at
    violations: int
    named: tuple[Violation, ...]  # the first `NAMED` of them


@dataclass(slots=True)
class Found:
    """Counts violations, and keeps the first ones: memory stays constant however many there are."""

    count: int = 0
    named: list[Violation] = field(default_factory=list)

    def take(self, violations: Iterable[Violation]) -> None:
        """All of these."""
        stream: Iterator[Violation] = iter(violations)
        kept = list(islice(stream, NAMED - len(self.named)))
        self.named += kept
        self.count += len(kept) + sum(1 for _ in stream)

    def check(self, name: str, promises: tuple[str, ...], figures: Mapping[str, int]) -> Check:
        """The result, once everything was taken."""
        return Check(
            name=name, promises=promises, figures=dict(figures), violations=self.count, named=tuple(self.named)
        )


def batch_name(names: Mapping[int, str], batch: int) -> str:
    """For people; a batch may be gone while its lines are here."""
    return names.get(batch, f"batch {batch} (which is missing)")

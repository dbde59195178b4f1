"""The keyword arguments that `run` and `run_all` have in common, as a type; and what is said of one that is none."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TypedDict

from runner.domain.model import InDoubtPolicy
from runner.engine.ports import Observer
from runner.engine.stop import StopSignal
from runner.errors import UsageError
from runner.settings import SpendCap


class RunKeywords(TypedDict, total=False):
    """What each of them means is told at `Runner.arun`."""

    max_requests: int | None
    max_spend: SpendCap | None
    in_doubt: InDoubtPolicy | str | None
    rate: str | None
    in_flight: int | None
    limit: int | None
    reuse: float | str | None
    max_wait: float | str | None
    max_failed: float | str | None
    until: str | None
    for_: float | str | None
    follow: bool
    poll: float | str | None
    wait: float | str | None
    output: str | Path | None
    overwrite: bool
    guard: bool
    to_table: str | None
    database: str | None
    on_event: Observer | None
    stop: StopSignal | None


def refuse_unknown(given: Iterable[str], known: Collection[str]) -> None:
    """UsageError: a keyword that nobody reads. Python refuses it only where each is a parameter of its own, and a
    misspelt cap would be none."""
    for name in given:
        if name in known:
            continue
        from difflib import get_close_matches  # only who misspells pays for it

        near = get_close_matches(name, known, 1)
        raise UsageError(
            f"there is no keyword {name}",
            why=f"It may be one of: {', '.join(sorted(known))}.",
            fix=f"{near[0]}=... in place of {name}=..." if near else f"remove {name}",
        )

"""The keyword arguments that `run` and `run_all` have in common, as a type."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from runner.domain.model import InDoubtPolicy
from runner.engine.ports import Observer
from runner.engine.stop import StopSignal
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

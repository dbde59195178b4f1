"""Batch job runner for paid, rate-limited HTTP APIs.

    import runner

    with runner.open("runner.db") as r:
        batch = r.load("leads.csv", ["defastra.email"])
        result = r.run(batch, max_requests=500, on_event=print)
        r.export(batch, "leads.out.csv")

Importing it loads nothing but the errors: each name below is fetched when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from runner.errors import (
    BatchError,
    BusyError,
    ConfigError,
    InputError,
    ProfileError,
    RunnerError,
    SchemaError,
    StalledError,
    StorageFullError,
    StoreError,
    UsageError,
)

if TYPE_CHECKING:
    from runner.app import AsyncRunner, Runner, Seams, aopen, open  # noqa: A004 - `runner.open` is the library's name
    from runner.domain.model import Debited, InDoubtPolicy, Resolution
    from runner.domain.states import BatchState, JobState
    from runner.engine.events import (
        AttemptClosed,
        BalanceLow,
        Event,
        LaneChanged,
        MachineSlept,
        RunEnded,
        RunStarted,
        RunStopping,
        StoreTrouble,
    )
    from runner.engine.stop import StopSignal
    from runner.work.outlook import Checked, Preflight
    from runner.work.privacy import Erasure, Purge
    from runner.work.records import Log, Spend
    from runner.work.report import Reported
    from runner.work.results import BatchStatus, Doubt, Exported, JobStory, Loaded, RunResult, Steered, Tuned
    from runner.work.support import SupportRequest

_HOMES = {
    "runner.app": ("AsyncRunner", "Runner", "Seams", "aopen", "open"),
    "runner.domain.model": ("Debited", "InDoubtPolicy", "Resolution"),
    "runner.domain.states": ("BatchState", "JobState"),
    "runner.engine.events": (
        "AttemptClosed",
        "BalanceLow",
        "Event",
        "LaneChanged",
        "MachineSlept",
        "RunEnded",
        "RunStarted",
        "RunStopping",
        "StoreTrouble",
    ),
    "runner.engine.stop": ("StopSignal",),
    "runner.work.privacy": ("Erasure", "Purge"),
    "runner.work.records": ("Log", "Spend"),
    "runner.work.outlook": ("Checked", "Preflight"),
    "runner.work.report": ("Reported",),
    "runner.work.results": (
        "BatchStatus",
        "Doubt",
        "Exported",
        "JobStory",
        "Loaded",
        "RunResult",
        "Steered",
        "Tuned",
    ),
    "runner.work.support": ("SupportRequest",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AsyncRunner",
    "AttemptClosed",
    "BalanceLow",
    "BatchError",
    "BatchState",
    "BatchStatus",
    "BusyError",
    "Checked",
    "ConfigError",
    "Debited",
    "Doubt",
    "Erasure",
    "Event",
    "Exported",
    "InDoubtPolicy",
    "InputError",
    "JobState",
    "JobStory",
    "LaneChanged",
    "Loaded",
    "Log",
    "MachineSlept",
    "Preflight",
    "ProfileError",
    "Purge",
    "Reported",
    "Resolution",
    "RunEnded",
    "RunResult",
    "RunStarted",
    "RunStopping",
    "Runner",
    "RunnerError",
    "SchemaError",
    "Seams",
    "Spend",
    "StalledError",
    "Steered",
    "StopSignal",
    "StorageFullError",
    "StoreError",
    "StoreTrouble",
    "SupportRequest",
    "Tuned",
    "UsageError",
    "aopen",
    "open",
]


def __getattr__(name: str) -> Any:
    """A public name, imported on first use (PEP 562)."""
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'runner' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

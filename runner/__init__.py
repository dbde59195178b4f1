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
    from runner.domain.model import Action, Answer, Debited, Fault, InDoubtPolicy, Request, Resolution
    from runner.domain.provider import Operation, Provider
    from runner.domain.states import BatchState, JobEvent, JobState
    from runner.engine.events import (
        AttemptClosed,
        BalanceLow,
        CapsTuned,
        Event,
        LaneChanged,
        MachineSlept,
        PlaceTrouble,
        RowsAdded,
        RowsAwaited,
        RunEnded,
        RunStarted,
        RunStopping,
        StoreTrouble,
    )
    from runner.engine.ports import Clock, Randomness
    from runner.engine.stop import StopSignal
    from runner.engine.wire import Transport, UnsendableError
    from runner.providers.trial import Miss, RuleTrial, Trial
    from runner.settings.keys import Secret
    from runner.settings.origins import Origin, OriginKind
    from runner.work.config import Place, Setting
    from runner.work.database import DatabaseStatus
    from runner.work.findings import Finding, Level
    from runner.work.money import Cost
    from runner.work.outlook import Asked, Checked, Day, Known, Lane, Nights, Preflight, RowPlace
    from runner.work.privacy import Beyond, Erasure, Purge
    from runner.work.records import By, Log, Record, Spend, SpendLine
    from runner.work.report import Reported
    from runner.work.results import (
        AttemptStory,
        BatchStatus,
        Doubt,
        Exported,
        Halt,
        JobStory,
        LaneStatus,
        Loaded,
        Next,
        Paid,
        Receipt,
        RunResult,
        Saved,
        Steered,
        Today,
        Tuned,
        Wallet,
    )
    from runner.work.support import SupportRequest
    from runner.work.verify import CheckLine, Problem, Verified

_HOMES = {
    "runner.app": "AsyncRunner Runner Seams aopen open",
    "runner.domain.model": "Action Answer Debited Fault InDoubtPolicy Request Resolution",
    "runner.domain.provider": "Operation Provider",
    "runner.domain.states": "BatchState JobEvent JobState",
    "runner.engine.events": "AttemptClosed BalanceLow CapsTuned Event LaneChanged MachineSlept"
    " PlaceTrouble RowsAdded RowsAwaited RunEnded RunStarted RunStopping StoreTrouble",
    "runner.engine.ports": "Clock Randomness",
    "runner.engine.stop": "StopSignal",
    "runner.engine.wire": "Transport UnsendableError",
    "runner.providers.trial": "Miss RuleTrial Trial",
    "runner.settings.keys": "Secret",
    "runner.settings.origins": "Origin OriginKind",
    "runner.work.config": "Place Setting",
    "runner.work.database": "DatabaseStatus",
    "runner.work.findings": "Finding Level",
    "runner.work.money": "Cost",
    "runner.work.outlook": "Asked Checked Day Known Lane Nights Preflight RowPlace",
    "runner.work.privacy": "Beyond Erasure Purge",
    "runner.work.records": "By Log Record Spend SpendLine",
    "runner.work.report": "Reported",
    "runner.work.results": "AttemptStory BatchStatus Doubt Exported Halt JobStory"
    " LaneStatus Loaded Next Paid Receipt RunResult Saved Steered Today Tuned Wallet",
    "runner.work.support": "SupportRequest",
    "runner.work.verify": "CheckLine Problem Verified",
}
"""Where each name is at home: those of a module in one text, because a list of them would fill the page."""

_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = [
    "Action",
    "Answer",
    "Asked",
    "AsyncRunner",
    "AttemptClosed",
    "AttemptStory",
    "BalanceLow",
    "BatchError",
    "BatchState",
    "BatchStatus",
    "Beyond",
    "BusyError",
    "By",
    "CapsTuned",
    "CheckLine",
    "Checked",
    "Clock",
    "ConfigError",
    "Cost",
    "DatabaseStatus",
    "Day",
    "Debited",
    "Doubt",
    "Erasure",
    "Event",
    "Exported",
    "Fault",
    "Finding",
    "Halt",
    "InDoubtPolicy",
    "InputError",
    "JobEvent",
    "JobState",
    "JobStory",
    "Known",
    "Lane",
    "LaneChanged",
    "LaneStatus",
    "Level",
    "Loaded",
    "Log",
    "MachineSlept",
    "Miss",
    "Next",
    "Nights",
    "Operation",
    "Origin",
    "OriginKind",
    "Paid",
    "Place",
    "PlaceTrouble",
    "Preflight",
    "Problem",
    "ProfileError",
    "Provider",
    "Purge",
    "Randomness",
    "Receipt",
    "Record",
    "Reported",
    "Request",
    "Resolution",
    "RowPlace",
    "RowsAdded",
    "RowsAwaited",
    "RuleTrial",
    "RunEnded",
    "RunResult",
    "RunStarted",
    "RunStopping",
    "Runner",
    "RunnerError",
    "Saved",
    "SchemaError",
    "Seams",
    "Secret",
    "Setting",
    "Spend",
    "SpendLine",
    "StalledError",
    "Steered",
    "StopSignal",
    "StorageFullError",
    "StoreError",
    "StoreTrouble",
    "SupportRequest",
    "Today",
    "Transport",
    "Trial",
    "Tuned",
    "UnsendableError",
    "UsageError",
    "Verified",
    "Wallet",
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

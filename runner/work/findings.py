"""What `doctor` finds: one line each, with its fix, and the findings that need no settings."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from runner.errors import RunnerError, UsageError

PACKAGES: Final = ("bulk-runner", "httpx", "SQLAlchemy")
ENOUGH_BYTES: Final = 1_000_000_000
LAST_BYTES: Final = 50_000_000


class Level(StrEnum):
    """How bad it is. A problem stops a run, or will; a warning is to be known."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `fix` is a command or an edit; empty where nothing is to be done."""

    about: str  # "python", "sqlite", "database", a provider's name, ...
    level: Level
    text: str
    fix: str = ""


def ok(about: str, text: str) -> Finding:
    """Nothing is to be done."""
    return Finding(about=about, level=Level.OK, text=text)


def warning(about: str, text: str, *, fix: str) -> Finding:
    """It works, and somebody should know."""
    return Finding(about=about, level=Level.WARNING, text=text, fix=fix)


def problem(about: str, text: str, *, fix: str) -> Finding:
    """It does not work."""
    return Finding(about=about, level=Level.PROBLEM, text=text, fix=fix)


def refused(about: str, error: RunnerError) -> Finding:
    """What an error of ours says."""
    return problem(about, f"{error.what}: {error.why}" if error.why else error.what, fix=error.fix)


def refuse_both(*, offline: bool, notify: bool) -> None:
    """UsageError: to ask nobody and to tell somebody are two wishes."""
    if offline and notify:
        raise UsageError(
            "--offline and --notify exclude each other",
            why="one asks nobody, the other tells somebody",
            fix="runner doctor --notify",
        )


def exit_code(findings: Iterable[Finding]) -> int:
    """2 where there is a problem, else 0."""
    return 2 if any(one.level is Level.PROBLEM for one in findings) else 0


def as_json(findings: Iterable[Finding]) -> dict[str, Any]:
    """The object of `doctor --json`, schema 1."""
    shown = list(findings)
    return {
        "schema": 1,
        "ok": exit_code(shown) == 0,
        "findings": [
            {"about": one.about, "level": one.level.value, "text": one.text, "fix": one.fix or None} for one in shown
        ],
    }


def look_at_machine(folder: Path) -> list[Finding]:
    """Python with its packages, SQLite, and a folder as a home for databases."""
    from runner.store.condition import look_at_folder, sqlite_version

    packages = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    found = look_at_folder(folder)
    findings = [ok("python", f"{platform.python_version()}, {packages}")]
    if found.write_ahead_log:
        text = f"{sqlite_version()}; its write-ahead log does not work in {folder}: {found.write_ahead_log}"
        findings.append(problem("sqlite", text, fix="keep the database on a local disk of yours: --db PATH"))
    elif found.is_network:
        text = f"{sqlite_version()}; {folder} is on a network ({found.file_system}), where a database can break"
        findings.append(warning("sqlite", text, fix="keep the database on a local disk: --db PATH"))
    else:
        findings.append(ok("sqlite", f"{sqlite_version()}; its write-ahead log works in this folder"))
    if found.free_bytes is not None and found.free_bytes < ENOUGH_BYTES:
        text = f"{found.free_bytes // 1_000_000} MB are free where the database is; a million rows take about 1 GB"
        make = problem if found.free_bytes < LAST_BYTES else warning
        findings.append(make("disk", text, fix="free some space, or: --db PATH on another disk"))
    return findings


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "(not installed)"

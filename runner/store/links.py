"""Files of a database that have a second name: two databases to whoever opens them, and one to the disk.

SQLite finds the write-ahead log by the name of the file, and so do the locks: what is paid for under one name is not
known under the other, and two writers damage what they share. Symbolic links are no matter: they are followed first.
"""

from __future__ import annotations

import os
import re
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Final

from runner.errors import SchemaError
from runner.store.locks import holder

_SHARED: Final = ("", "-wal", "-shm")  # by copies with `cp -al`, and by programs that make one file of equal ones
_DRAFT: Final = re.compile(r"\..+\.[0-9]+\.new")


def draft_of(path: Path) -> Path:
    """The name under which this process makes a new database."""
    return path.with_name(f".{path.name}.{os.getpid()}.new")


def refuse_linked(path: Path) -> None:
    """SchemaError: the file, its log or its index has another name, and something is to be written.

    Where a file system counts no links, nothing is refused. Three looks at most, and none inside.
    """
    error = _error(path)
    if error is not None:
        raise error


def linked_notice(path: Path) -> str | None:
    """The same for people who only read; None: there is nothing to say."""
    error = _error(path)
    if error is None:
        return None
    return f"{error.what}: nothing is sent or written until it has files of its own; runner db upgrade says how"


def is_run_here(path: Path) -> bool:
    """Whether a run is at work under this very name: what is written beside it goes into its own log. The lock may have
    two names itself, and be held under the other one."""
    return (holder(path) or "").endswith(f", works on {os.path.realpath(path)}")


def _error(path: Path) -> SchemaError | None:
    real = Path(os.path.realpath(path))
    linked = [file for end in _SHARED if _is_linked(file := real.with_name(real.name + end))]
    if not linked:
        return None
    when = "where the last run was, and once no run is at work" if holder(path) is None else "once the run has ended"
    return SchemaError(
        f"{linked[0].name} has a second name (a hard link)",
        why="Each name has a lock and a log of its own: what is sent under one would be sent again under the other.",
        fix=f"{when}, give this one files of its own: {_own(linked)}",
    )


def _own(linked: list[Path]) -> str:
    """In a shell: the log stays with the file, whose copy has the same pages; the index is made anew from both."""
    steps = []
    for file in linked:
        old, new = shlex.quote(str(file)), shlex.quote(f"{file}.own")
        steps.append(f"rm -f {old}" if file.name.endswith("-shm") else f"cp -p {old} {new} && mv -f {new} {old}")
    return " && ".join(steps)


def _is_linked(file: Path) -> bool:
    if _names(file) < 2:
        return False
    left = _sweep(file)
    return _names(file) - left > 1  # again: who made the file takes its other name away a moment later


def _names(file: Path) -> int:
    """How many it has; 0: it is not there, or nobody counts."""
    try:
        return file.stat().st_nlink
    except OSError:
        return 0


def _sweep(file: Path) -> int:
    """Take away the names under which it was made, by a process that was cut off then; how many cannot be."""
    left = 0
    with suppress(OSError):
        for draft in file.parent.iterdir():
            if _DRAFT.fullmatch(draft.name) and draft != file and _is_same(draft, file):
                try:
                    draft.unlink(missing_ok=True)
                except OSError:
                    left += 1
    return left


def _is_same(one: Path, other: Path) -> bool:
    try:
        return os.path.samestat(one.lstat(), other.stat())
    except OSError:
        return False

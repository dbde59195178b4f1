"""What is left of a database that is gone, empty or set aside: reasons not to begin anew as if nothing was paid."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Final

from runner.errors import SchemaError
from runner.store.companions import MAGIC
from runner.store.locks import holder
from runner.store.spill import free_name, kept_for
from runner.store.tables import APPLICATION_ID

_HEAD_BYTES: Final = 100  # of the first page: what SQLite's documentation calls the database header


def aside(path: Path) -> Path:
    """The folder that a damaged file is moved to before a backup takes its place."""
    return path.with_name(f"{path.name}.damaged")


def restore_command(path: Path) -> str:
    """What puts a backup in the place of a damaged file, in a shell; without a backup it changes nothing.

    Nothing is overwritten: the file may hold answers that were paid for since. Its write-ahead log goes with it into a
    new folder: there it belongs to that file still, and is not replayed over the backup.
    """
    file, folder = shlex.quote(str(path)), shlex.quote(str(aside(path)))
    moved = f'mkdir {folder} && for s in "" -wal -shm; do [ -e {file}$s ] && mv {file}$s {folder}; done'
    copied = f'[ -e {file} ] || cp "$backup" {file}'
    return f'backup=BACKUP; [ -e "$backup" ] && {{ {moved}; {copied}; }}'


def is_empty(path: Path) -> bool:
    """A file without a byte: no database, and perhaps what is left of one."""
    return path.exists() and path.stat().st_size == 0


def empty_error(path: Path) -> SchemaError:
    """Whoever only reads must not make a database of it, which would say that nothing was paid."""
    return SchemaError(
        f"{path.name} is empty",
        why="If it held batches, it was truncated; then what was paid is not known here.",
        fix=f"--db ANOTHER-FILE, or put a backup in its place: {restore_command(path)}",
    )


def refuse_missing(path: Path) -> None:
    """SchemaError: no file is there, but one was: it was set aside as damaged, or moved away under a run, or is on a
    disk that is not there now, or left its log or answers behind. Nothing is said of one that is there or never was."""
    if path.exists():
        return
    _refuse_set_aside(path)
    if path.is_symlink():
        raise SchemaError(
            f"{path.name} leads to {os.path.realpath(path)}, which is not there",
            why="Its disk may not be mounted; a new database would know nothing of what was paid.",
            fix=f"mount the disk or put the file back, or: --db ANOTHER-FILE   (where it is lost: rm {_typed(path)})",
        )
    who = holder(path) if path.with_name(f"{path.name}.lock").exists() else None  # no lock can be where no folder is
    if who is not None and not path.exists():  # another process may have made it meanwhile
        raise SchemaError(
            f"{path.name} is gone while a run is at work on it",
            why=f"It was moved or removed; {who}.",
            fix=f"put it back: mv WHERE-IT-IS-NOW {_typed(path)}",
        )
    _refuse_remains(path)  # last: a run that is at work on the missing file still writes to its log


def _typed(path: Path) -> str:
    return shlex.quote(str(path))


def _refuse_set_aside(path: Path) -> None:
    folder = aside(path)
    if folder.exists():
        file, old = shlex.quote(str(path)), shlex.quote(str(folder))
        raise SchemaError(
            f"{path.name} was set aside as damaged, and no backup is in its place",
            why=f"A new one would know nothing of what was paid; the damaged one is in {folder.name}.",
            fix=f"cp BACKUP {file}   (or, to begin anew and pay again: mv {old} {old}.kept)",
        )


def _refuse_remains(path: Path) -> None:
    """Paid answers may be in what lies beside it. SQLite would replay a log beside any file of that name, and a run
    would find no place in a new database for kept answers."""
    real = Path(os.path.realpath(path))  # a symbolic link is the same database
    log = real.with_name(f"{real.name}-wal")
    found = [*([log] if log.exists() and log.stat().st_size else []), *kept_for(path)]
    if not found or path.exists():  # another process may have made both meanwhile
        return
    named = [file.name if file.parent == real.parent else str(file) for file in found]
    moved = " && ".join(f"mv {_typed(file)} {_typed(free_name(file))}" for file in found)
    raise SchemaError(
        f"{real.name} is gone, but {' and '.join(named)} {'is' if len(named) == 1 else 'are'} here",
        why="what is left belongs to the file that was moved or removed; a new one would know nothing of what was paid",
        fix=f"put {real.name} back, or: {moved} && rm -f {_typed(real)}-shm",
    )


def is_damaged_one_of_ours(path: Path) -> bool:
    """Whether a file that SQLite cannot read begins as ours do, as far as it goes."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    application = head[68:72]
    return head.startswith(MAGIC) and APPLICATION_ID.to_bytes(4, "big").startswith(application)

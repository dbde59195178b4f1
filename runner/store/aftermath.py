"""What runs left that never ended: their answers that were kept elsewhere, then what they had open."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from runner.domain.model import BatchId, Debited
from runner.engine.ports import Settlement
from runner.errors import SchemaError, StoreError
from runner.store.clocks import mend_clock
from runner.store.database import Database
from runner.store.putback import put_back, strangers, with_answers
from runner.store.recovery import recover
from runner.store.spill import Line, Spill, aside, free_name, notices
from runner.store.values import Recovery


def bury_runs(database: Database, *, now_us: int, safe: Collection[tuple[BatchId, str]]) -> Recovery:
    """See `Steering.recover`."""
    spill = Spill(database.path)
    lines = spill.read()
    with database.write_now() as connection:
        mend_clock(connection, now_us=now_us)
        back = put_back(connection, lines, now_us=now_us)
        found = [] if back.strangers else recover(connection, now_us=now_us, safe=safe)
        found = with_answers(connection, found, back.answers)
    if back.strangers:  # what could be put back is: it is found again, and changes nothing
        raise _not_paid_with(database.path, back.strangers)
    spill.done(lines, back.unused)
    return Recovery(batches=tuple(found), aside=Counter(aside(line.file) for line in back.unused))


def kept_notices(database: Database) -> list[str]:
    """Sentences for people about the files beside a database: see `notices`."""
    try:
        lines = Spill(database.path).read()
    except StoreError:  # said with the others
        lines = []
    unknown: tuple[Line, ...] = ()
    if lines:
        with database.reading() as connection:
            unknown = strangers(connection, lines)
    return notices(database.path, unknown={line.file for line in unknown})


def _not_paid_with(path: Path, lines: Sequence[Line]) -> SchemaError:
    """A backup is in the place of what was paid with since, or another database. What is sent now is paid again, and
    only a person knows whether the right file is still somewhere."""
    files = list(dict.fromkeys(line.file for line in lines))
    named = " and ".join(file.name if file.parent == path.parent else str(file) for file in files)
    moved = " && ".join(f"mv {shlex.quote(str(file))} {shlex.quote(str(free_name(file)))}" for file in files)
    return SchemaError(
        f"{_counted(lines)} in {named} {'is' if len(lines) == 1 else 'are'} to requests that {path.name} does not know",
        why=f"{path.name} is an older copy of what was paid with, or another database: what was paid since would be"
        " paid again, so nothing is sent",
        fix=f"put the file they belong to back as {shlex.quote(str(path))}, or: {moved}",
    )


def _counted(lines: Sequence[Line]) -> str:
    charged = sum(isinstance(one.kept, Settlement) and one.kept.debited is Debited.YES for one in lines)
    answers = "1 answer" if len(lines) == 1 else f"{len(lines)} answers"
    return f"{answers} ({charged} charged)"

"""`db verify`: the promises that a database can show, put to it. Reads only, beside a run if need be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, assert_never

from runner.domain.typed import typed_name
from runner.errors import StoreError, UsageError
from runner.store.verify.values import Fix
from runner.work.session import Session

if TYPE_CHECKING:
    from runner.store.database import Database
    from runner.store.verify.values import Check, Violation


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something in the database that cannot be; ids as the views name them, where there are any."""

    what: str
    means: str
    fix: str  # a command
    batch: str | None
    row: int | None
    job: int | None
    attempt: int | None
    run: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLine:
    """One check and what it came to."""

    name: str  # file, integrity, references, rows, requests, batches, attempts, charges, answers, ledger
    promises: tuple[str, ...]
    figures: Mapping[str, int]  # what was looked at; empty where nothing could be read
    violations: int
    problems: tuple[Problem, ...]  # the first hundred violations


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What `verify` found. `exit_code` is that of the command line: 0 clean, 3 violations."""

    path: Path
    lines: tuple[CheckLine, ...]
    at_work: bool  # a run is: what is on the way is as it should be
    on_the_way: int  # requests; without a run at work it was cut off, and the next command calls them in doubt
    not_judged: tuple[str, ...]  # operations whose profile is gone: whether repeating them costs is not known

    @property
    def violations(self) -> int:
        """Of all checks."""
        return sum(line.violations for line in self.lines)

    @property
    def exit_code(self) -> int:
        """0: everything holds."""
        return 3 if self.violations else 0


def verify(session: Session, *, on_line: Callable[[CheckLine], None] = lambda _: None) -> Verified:
    """Check the file; `on_line` is told of each check as soon as it is done.

    UsageError: there is no file. SchemaError: it is not a runner database, or not of this version's schema.
    """
    from runner.store.database import Database
    from runner.store.locks import is_locked
    from runner.store.remains import refuse_missing
    from runner.store.verify import unended
    from runner.store.verify import verify as checks

    path = session.path
    if not path.exists():
        refuse_missing(path)
        raise UsageError(
            f"there is no database at {path}", why="Nothing was loaded there yet.", fix="runner db verify --db FILE"
        )
    database = Database(path)
    not_judged: set[str] = set()
    lines = []
    for check in checks(database, repeatable=lambda: _repeatable(database, session, not_judged)):
        lines.append(_line(check, session))
        on_line(lines[-1])
    runs, on_the_way = 0, 0
    with suppress(StoreError):  # damaged: told above
        runs, on_the_way = unended(database)
    return Verified(
        path=path,
        lines=tuple(lines),
        at_work=runs > 0 and is_locked(path),
        on_the_way=on_the_way,
        not_judged=tuple(sorted(not_judged)),
    )


def _repeatable(database: Database, session: Session, not_judged: set[str]) -> set[str]:
    """The operations that may be sent again without another charge, by their profiles as they are today; those without
    a profile are added to `not_judged`, and are not held to it."""
    from runner.store.verify import readable_batches

    found: set[str] = set()
    with suppress(StoreError):  # damaged: another check tells
        for info in readable_batches(database):
            for key in map(str, info.operations):
                try:
                    operation = session.profiles.of_batch((key,), info.source)[key]
                except (UsageError, AttributeError, TypeError):  # its source was made something else by another program
                    not_judged.add(key)
                else:
                    found |= {key} if operation.safe else set()
    return found | not_judged


def _line(check: Check, session: Session) -> CheckLine:
    return CheckLine(
        name=check.name,
        promises=check.promises,
        figures=check.figures,
        violations=check.violations,
        problems=tuple(_problem(one, session) for one in check.named),
    )


def _problem(one: Violation, session: Session) -> Problem:
    return Problem(
        what=one.what,
        means=one.means,
        fix=_command(one, session),
        batch=one.batch,
        row=one.row,
        job=one.job,
        attempt=one.attempt,
        run=one.run,
    )


def _command(one: Violation, session: Session) -> str:
    """What to do about it, as one types it here."""
    from runner.store.remains import restore_command

    flags = session.settings.typed
    batch = None if one.batch is None else typed_name(one.batch)
    match one.fix:
        case Fix.EXPLAIN if batch is not None and one.row is not None:
            return f"runner explain {batch} {one.row}{flags}"
        case Fix.COMPARE | Fix.HOLD:
            return _careful(one, flags)
        case Fix.EXPORT if one.batch is not None:
            return f"{_saving(one.batch)}{flags}   (saves the answers that are there)"
        case Fix.RESTORE:
            return f"{restore_command(session.path)}   (a backup does not know what was sent since)"
        case Fix.REPORT:
            return f"runner db backup copy.db{flags}   (keep it, and report this with what else wrote into the file)"
        case Fix.RUN:
            return f"runner run {batch}{flags}"
        case Fix.LOG:
            return f"runner log{flags}"
        case Fix.SPEND:
            return f"runner spend --by batch{flags}"
        case Fix.STATUS | Fix.EXPLAIN | Fix.EXPORT:
            return f"runner status{'' if batch is None else f' {batch}'}{flags}"
        case _:
            assert_never(one.fix)


def _saving(batch: str) -> str:
    return f"runner export {typed_name(batch)} -o {quote(f'{batch}.saved.csv')}"


def _careful(one: Violation, flags: str) -> str:
    """Where a run, or to believe what is shown, would cost money."""
    row = "ROW" if one.row is None else one.row
    if one.fix is Fix.HOLD and one.batch is not None:
        return (
            f"{_saving(one.batch)}{flags}   (saves the answers that are there; no runner run {typed_name(one.batch)}"
            " before a backup is in the place of this file: what was paid for may be sent again)"
        )
    shown = "runner log" if one.batch is None else f"runner explain {typed_name(one.batch)} {row}"
    return (
        f"runner db backup copy.db{flags}   (first of all, and no runner run before this is understood: what is shown"
        f" may be false; compare {shown}{flags} with the provider's dashboard, by label)"
    )


def as_json(found: Verified) -> dict[str, Any]:
    """The object of `db verify --json`, schema 1."""
    return {
        "schema": 1,
        "database": str(found.path),
        "ok": found.violations == 0,
        "violations": found.violations,
        "at_work": found.at_work,
        "on_the_way": found.on_the_way,
        "not_judged": list(found.not_judged),
        "checks": [
            {
                "name": line.name,
                "promises": list(line.promises),
                "figures": dict(line.figures),
                "violations": line.violations,
                "found": [asdict(problem) for problem in line.problems],
            }
            for line in found.lines
        ],
    }

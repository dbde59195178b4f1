"""`db erase` and `db purge`: what leaves the database for good, and what it cannot reach."""

from __future__ import annotations

import codecs
import io
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runner.domain.model import MILLION
from runner.domain.person import Person
from runner.domain.provider import InputKind
from runner.errors import BusyError
from runner.settings import parse_duration
from runner.store.locks import lock_database
from runner.store.spill import aside, places
from runner.store.store import Store
from runner.store.values import BatchInfo
from runner.work.session import Session
from runner.work.steer import bury

_PIECE = 1_048_576
_OVERLAP = 4_096  # a name may lie over the end of a piece
_PACKED = frozenset({".gz", ".parquet", ".xlsx", ".zip"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Beyond:
    """Something that holds the person, or may, and that the database's owner has to see to."""

    what: str  # for people; a file by its path
    fix: str  # what to do about it


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What `erase` did. `rows` by batch; nothing anywhere: the person is not in the database."""

    rows: Mapping[str, int]
    jobs: int
    cancelled: int  # requests that waited, and are never sent
    answers: int
    mentions: int  # other texts that named them
    beyond: tuple[Beyond, ...]

    @property
    def found(self) -> bool:
        """Whether the database held anything of them."""
        return bool(self.rows or self.jobs or self.answers or self.mentions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge:
    """What `purge` did."""

    batches: int  # that were over for so long
    answers: int
    events: int
    bytes_before: int
    bytes_after: int


def erase(session: Session, value: str) -> Erasure:
    """Erase one person, by an e-mail address or a phone number with its country, from every batch.

    UsageError: it is neither. BusyError: a run is at work. BatchError: a request about them is in doubt.
    """
    from runner.inputs.person import read_person

    person = read_person(value)
    store = session.store(write=True)
    with _alone(session, store):
        before = store.reports.batches()  # afterwards the names of their files may be gone
        erased = store.erase(person)
        store.compact()
    affected = [info for info in before if info.name in erased.rows]
    return Erasure(
        rows=erased.rows,
        jobs=erased.jobs,
        cancelled=erased.cancelled,
        answers=erased.answers,
        mentions=erased.mentions,
        beyond=tuple(_beyond(person, before, affected, session)),
    )


def purge(session: Session, older_than: float | str, *, batch: BatchInfo | None = None) -> Purge:
    """Remove answers and events of batches (or of one) that are completed or cancelled, and were not touched since.

    `older_than`: seconds, or "30d". UsageError: no such time. BusyError: a run is at work.
    """
    seconds = parse_duration(older_than, name="--older-than")
    store = session.store(write=True)
    with _alone(session, store):
        bytes_before = session.path.stat().st_size
        before_us = session.clock.now_us() - round(seconds * MILLION)
        purged = store.purge(before_us=before_us, batch=None if batch is None else batch.id)
        store.compact()
    return Purge(
        batches=purged.batches,
        answers=purged.answers,
        events=purged.events,
        bytes_before=bytes_before,
        bytes_after=session.path.stat().st_size,
    )


@contextmanager
def _alone(session: Session, store: Store) -> Iterator[None]:
    """Under the database lock, what a dead run left put in order: answers it kept elsewhere are in the file then."""
    try:
        lock = lock_database(session.path, clock=session.clock)
    except BusyError as error:
        raise BusyError(error.what, why=error.why, fix="wait for it to end, then run the same command again") from error
    with lock:
        bury(store, session.profiles)
        yield


def _beyond(person: Person, before: list[BatchInfo], affected: list[BatchInfo], session: Session) -> Iterator[Beyond]:
    known: dict[Path, Beyond] = {}
    for info in before:
        for path in map(Path, (info.delivered or {}).get("files", {})):
            what = "report" if path.suffix.lower() in (".html", ".htm") else "export"  # which no export is called
            fix = f"runner {what} {info.typed} -o {shlex.quote(str(path))}{session.settings.typed}"
            known[path] = Beyond(what=f"{path}, {'a' if what == 'report' else 'an'} {what} of {info.name}", fix=fix)
    for info in before:
        if source := info.source.get("path"):
            path = Path(source)
            known[path] = Beyond(what=f"{path}, your list", fix="remove their rows from it")
    database = session.path.resolve()
    for path in sorted(database.parent.glob(f"{database.name}.*.backup")):
        known[path] = Beyond(what=f"{path}, a copy made before an upgrade", fix=f"rm {shlex.quote(str(path))}")
    for file in places(session.path):
        path = aside(file)
        known[path] = Beyond(what=f"{path}, answers that no run could use", fix=f"rm {shlex.quote(str(path))}")
    for path, beyond in known.items():
        if _may_hold(path, person):
            yield beyond
    yield from _elsewhere(affected, session)


def _elsewhere(affected: list[BatchInfo], session: Session) -> Iterator[Beyond]:
    read = dict.fromkeys(_table(info.source) for info in affected if info.source.get("kind") == "database")
    for table in read:
        yield Beyond(what=f"the table {table}", fix="delete their rows there, or the next load reads them again")
    written = {_table(one): info.name for info in affected for one in (info.delivered or {}).get("tables", {}).values()}
    for table, batch in written.items():
        if table not in read:
            yield Beyond(what=f"the table {table}, an export of {batch}", fix="delete their rows there")
    folders = {
        str(Path(info.source.get("path", "rows")).parent): None
        for info in affected
        for operation in session.profiles.of_batch(info.operations, info.source).values()
        if any(one.kind is InputKind.FILE for one in operation.inputs)
    }
    for folder in folders:
        yield Beyond(what=f"files in {folder} that the list names", fix="look for them there")
    asked = dict.fromkeys(operation.partition(".")[0] for info in affected for operation in info.operations)
    if asked:
        yield Beyond(what=f"what {', '.join(asked)} keeps of its requests", fix="ask them to erase it")


def _table(named: Mapping[str, str]) -> str:
    return f"{named['table']} at {named['source']}"


def _may_hold(path: Path, person: Person) -> bool:
    """Whether a file names the person; one that cannot be looked into may."""
    if not path.is_file():
        return False
    if path.suffix.lower() in _PACKED:
        return True
    try:
        with path.open("rb") as file:
            head = file.read(4)
            file.seek(0)
            encoding = "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
            read = io.TextIOWrapper(file, encoding, errors="replace", newline="")
            # In a database the texts of a line stand side by side, with nothing between them.
            pattern = person.loose if head == b"SQLi" else person.inside
            rest = ""
            while piece := read.read(_PIECE):
                if pattern.search(rest + piece):
                    return True
                rest = piece[-_OVERLAP:]
    except OSError:
        return True
    return False

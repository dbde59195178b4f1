"""SQLite's locks on a file are its process's: whoever closes another descriptor of the file gives all of them up. Then
the next process to close the database takes itself for the last one, and deletes the log that is being written."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from runner.app import Runner
from runner.domain.file_value import FileValue
from runner.engine.ports import UnsendableError
from runner.errors import RunnerError
from runner.exports.cells import Line
from runner.exports.database import TableTarget
from runner.exports.layout import Layout
from runner.sources import open_database
from runner.store.companions import is_database
from runner.transport.files import read_content
from tests.app.crm import Crm
from tests.app.place import Place

_WRITE = (
    "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA wal_autocheckpoint = 0');"
    "c.execute('CREATE TABLE theirs (a)'); c.close()"
)
_LOOK = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT count(*) FROM batches'); c.close()"


@pytest.fixture
def log(place: Place) -> Iterator[Path]:
    """The write-ahead log of a database that this process has open, with something in it."""
    (place.folder / "leads.csv").write_text("email\na@example.com\n")
    with place.runner() as r:
        r.load("leads.csv", ["defastra.email"], batch="leads")
    with closing(sqlite3.connect(place.folder / "runner.db", isolation_level=None)) as held:
        held.execute("PRAGMA wal_autocheckpoint = 0")
        held.execute("INSERT INTO events (at_us, event, detail) VALUES (1, 'test', '{}')")
        yield place.folder / "runner.db-wal"


def _names_itself(r: Runner) -> None:
    """A list of files, as `ls *` makes it: among them the database."""
    (r.path.parent / "mail.eml").write_text("Subject: x\n\ny")
    (r.path.parent / "mails.csv").write_text("message\nrunner.db\nrunner.db-wal\nrunner.db-shm\nmail.eml\n")
    told = r.check("mails.csv", ["dfirlab.phishing"], max_invalid=1.0)
    assert told.plan.invalid == {"invalid:database-in-use": 3}


def _refused(call: Callable[[], object]) -> None:
    with pytest.raises(RunnerError):
        call()


def _leads_to_it(r: Runner) -> None:
    """A file of a job, in whose place there is a link to the database when it is to be sent."""
    link = r.path.with_name("mail.eml")
    link.symlink_to(r.path.with_name("runner.db"))
    with pytest.raises(UnsendableError, match="is a database, and open here"):
        read_content("message", FileValue("0" * 64, str(link)).text, most_bytes=1_000_000)


def _as_source(r: Runner) -> None:
    named = str(r.path.with_name("runner.db"))
    _refused(lambda: r.load(None, ["defastra.email"], batch="x", query="t", database=named, key="id"))


LOOKS: dict[str, Callable[[Runner], object]] = {
    "status": lambda r: r.status("leads"),
    "batches": lambda r: r.batches(),
    "doubts": lambda r: r.doubts("leads"),
    "preflight": lambda r: r.preflight("leads"),
    "load": lambda r: r.load([{"email": "b@example.com"}], ["defastra.email"], batch="more"),
    "export": lambda r: r.export("leads", "out.csv"),
    "report": lambda r: r.report("leads", "out.html"),
    "tune": lambda r: r.tune("leads", rate="1/s"),
    "retry": lambda r: _refused(lambda: r.retry("leads")),
    "verify": lambda r: r.verify(),
    "doctor": lambda r: r.doctor(offline=True),
    "backup": lambda r: r.backup("backup.db"),
    "explain": lambda r: r.explain("leads", 1),
    "check": lambda r: r.check("leads.csv", ["defastra.email"]),
    "run": lambda r: r.run("leads", limit=1),
    "load-itself": lambda r: _refused(lambda: r.load("runner.db", ["defastra.email"])),
    "check-itself": lambda r: _refused(lambda: r.check("runner.db", ["defastra.email"])),
    "log-into-itself": lambda r: _refused(lambda: r.check_log("runner.db")),
    "files-of-a-list": _names_itself,
    "file-of-a-job": _leads_to_it,
    "source-itself": _as_source,
    "profile": lambda r: _refused(lambda: r.provider("./runner.db")),
    "export-over-itself": lambda r: _refused(lambda: r.export("leads", "runner.db", overwrite=True)),
}


OTHERS: dict[str, Callable[[Runner], object]] = {
    "load": lambda r: _refused(lambda: r.load("runner.db", ["defastra.email"])),
    "export": lambda r: _refused(lambda: r.export("more", "runner.db", overwrite=True)),
    "output": lambda r: _refused(lambda: r.check_output("runner.db", overwrite=True)),
    "log": lambda r: _refused(lambda: r.check_log("runner.db")),
    "file-of-a-job": _leads_to_it,
    "source": _as_source,
}


@pytest.mark.parametrize("look", OTHERS.values(), ids=OTHERS)
def test_nor_where_another_database_of_the_process_is_worked_on(
    place: Place, log: Path, look: Callable[[Runner], object]
) -> None:
    """Two databases in one process: a call about one does not open the other's file."""
    with place.runner() as one, place.runner("other.db") as other:
        one.status("leads")
        other.load([{"email": "b@example.com"}], ["defastra.email"], batch="more")
        look(other)
        subprocess.run([sys.executable, "-c", _LOOK, place.folder / "runner.db"], check=True, timeout=30)
        assert log.exists()


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_the_log_is_not_for_others_to_delete(place: Place, log: Path, look: Callable[[Runner], object]) -> None:
    """Looked at, worked on, even named as a list: the process that has the database open keeps its locks."""
    with place.runner() as r:
        look(r)
        before = log.stat()
        assert before.st_size
        subprocess.run([sys.executable, "-c", _LOOK, place.folder / "runner.db"], check=True, timeout=30)
        assert log.exists()
        assert log.stat().st_ino == before.st_ino


def _while_it_is_read(crm: Crm, act: Callable[[], None]) -> None:
    rows = open_database(crm.url, table="people", key="id").rows()
    next(rows)
    act()
    assert len(list(rows)) == 1


def _while_it_is_written(crm: Crm, act: Callable[[], None]) -> None:
    def lines() -> Iterator[Line]:
        yield Line(("1",), (), number=1)
        act()

    target = TableTarget(url=crm.url, table="results")
    assert target.write(lines, layout=Layout(header=("id",), operations=()), key=None, some=True) == 1


@pytest.mark.parametrize("work", [_while_it_is_read, _while_it_is_written])
def test_nor_is_that_of_a_database_of_the_users_own(crm: Crm, work: Callable[[Crm, Callable[[], None]], None]) -> None:
    """While rows are read from it, or written to it, whoever asks what the file is does not open it."""
    crm.do("PRAGMA journal_mode = WAL")
    log = crm.path.with_name("crm.db-wal")

    def act() -> None:
        subprocess.run([sys.executable, "-c", _WRITE, crm.path], check=True, timeout=30)
        before = log.stat()
        assert before.st_size
        assert is_database(crm.path)
        subprocess.run([sys.executable, "-c", _WRITE.replace("theirs", "more"), crm.path], check=True, timeout=30)
        assert log.stat().st_ino == before.st_ino

    work(crm, act)

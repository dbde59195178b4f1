"""A list of files from the cell to the provider: what is sent, what is not, and what is kept of it."""

from __future__ import annotations

import csv
import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

import runner
from runner.errors import InputError
from runner.providers.loader import load
from runner.sandbox.server import serve
from runner.sandbox.world import World
from runner.system import SystemClock
from tests.sandbox.process import Seeded
from tests.work.page import page_of

PROFILE = """
schema = 1
name = "acme"
title = "Acme"
docs = ["https://docs.acme.example"]
checked = 2026-11-22
[http]
base_url = "https://api.acme.example/v1"
timeout = 20
[[limits]]
at_most = 1000
per_seconds = 1
[operations.scan]
method = "POST"
path = "/scan"
json = { input = { raw_email = "{message}" } }
input = { message = { kind = "file", max = 100_000 } }
price = 1
columns = { verdict = "verdict" }
[[rules]]
name = "success"
when = { status = 200, has = ["verdict"] }
then = "succeed"
debited = "yes"
[[rules]]
name = "rest"
when = {}
then = "halt"
debited = "unknown"
advice = "Look at the answer."
[[examples]]
answer = { status = 200, body = { verdict = "clean" } }
rule = "success"
[[examples]]
answer = { status = 418 }
rule = "rest"
"""
GREETING = "From: Anna Canary <anna.canary@example.com>\r\nSubject: Привет\r\n\r\nhello \x00 {message}\r\n".encode()
BINARY = bytes(range(256)) * 3


class Box:
    """A folder with a list of messages, and Acme behind real HTTP."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "acme.toml").write_text(PROFILE)
        self.mail = folder / "mail"
        self.mail.mkdir()
        self.world = World(load(folder / "acme.toml"), randomness=Seeded(3))
        self.bodies: list[bytes] = []

    def write(self, **files: bytes) -> None:
        """Messages into the list's folder, and the list: an id and a path for each, in order."""
        for name, content in files.items():
            (self.mail / f"{name}.eml").write_bytes(content)
        self.name(*(f"{name}.eml" for name in files))

    def name(self, *cells: str) -> None:
        """The list, with these cells."""
        with (self.mail / "list.csv").open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([("id", "file"), *enumerate(cells)])

    def load(self) -> runner.Loaded:
        """The list as a batch."""
        with self.open() as r:
            return r.load("mail/list.csv", ["./acme.toml:scan"])

    def run(self, before: Callable[[], None] = lambda: None) -> runner.RunResult:
        """Load the list, do something, run it."""

        async def main() -> runner.RunResult:
            async with serve(self.world, clock=SystemClock()) as url:
                text = PROFILE.replace("https://api.acme.example/v1", url)
                (self.folder / "acme.toml").write_text(text)
                async with runner.aopen(directory=self.folder, environ={}) as r:
                    batch = await r.load("mail/list.csv", ["./acme.toml:scan"])
                    before()
                    return await r.run(batch, output="auto")

        return anyio.run(main)

    def open(self) -> runner.Runner:
        """The library on the folder."""
        return runner.open(directory=self.folder, environ={})

    def outcomes(self) -> list[tuple[object, ...]]:
        """Row, value, state and reason, from the public view."""
        with sqlite3.connect(self.folder / "runner.db") as connection:
            rows = connection.execute("SELECT row, value, state, reason FROM v_outcomes ORDER BY row").fetchall()
        connection.close()
        return rows

    def sent(self) -> list[str]:
        """The digests that Acme was sent, in order."""
        return [entry.value.removeprefix("sha256:").partition(" ")[0] for entry in self.world.books.entries]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """An empty folder of messages."""
    return Box(tmp_path)


def digest(content: bytes) -> str:
    """The key of a content."""
    return hashlib.sha256(content).hexdigest()


def test_a_list_of_messages(box: Box) -> None:
    """One missing, one twice, one binary, one too large: each content is sent once, the rest costs nothing."""
    box.write(one=GREETING, binary=BINARY, copy=GREETING, large=bytes(100_001))
    box.name("one.eml", "gone.eml", "binary.eml", "copy.eml", "large.eml", "one.eml", "../acme.toml", "")
    result = box.run()
    assert (result.exit_code, result.sent, result.charged) == (0, 2, 2)
    as_latin = digest(BINARY.decode("latin-1").encode())  # what a server makes of bytes that are no UTF-8
    assert sorted(box.sent()) == sorted([digest(GREETING), as_latin])
    assert box.outcomes() == [
        (1, "one.eml", "succeeded", "success"),
        (2, "gone.eml", "invalid", "invalid:no-such-file"),
        (3, "binary.eml", "succeeded", "success"),
        (4, "one.eml", "succeeded", "success"),  # what was sent for it: the content that it shares with row 1
        (5, "large.eml", "invalid", "invalid:too-large"),
        (6, "one.eml", "succeeded", "success"),
        (7, "../acme.toml", "invalid", "invalid:outside-folder"),
        (8, "", "invalid", "invalid:empty"),
    ]
    with (box.mail / "list-acme-scan.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["file"] for row in rows][:4] == ["one.eml", "gone.eml", "binary.eml", "copy.eml"]
    assert [row["acme_scan_verdict"] for row in rows] == ["clean", "", "clean", "clean", "", "clean", "", ""]


def test_the_content_is_kept_nowhere(box: Box) -> None:
    """Neither database nor export nor what `explain` tells has it; the database knows where it is and its digest."""
    box.write(one=GREETING)
    box.run()
    written = [path for path in box.folder.rglob("*") if path.is_file() and path.suffix != ".eml"]
    assert len(written) > 3
    assert not [path for path in written if b"canary" in path.read_bytes() or b"hello" in path.read_bytes()]
    with box.open() as r:
        (story,) = r.explain("list", 1)
        assert r.explain("list", "one.eml") == r.explain("list", digest(GREETING)) == [story]
    assert story.value == "one.eml"
    assert "canary" not in repr(story)
    with sqlite3.connect(box.folder / "runner.db") as connection:
        kept = connection.execute("SELECT key, params FROM jobs").fetchall()
    connection.close()
    path = box.mail / "one.eml"
    assert kept == [(digest(GREETING), f'{{"message":"sha256:{digest(GREETING)} {path}"}}')]


def test_a_file_that_changed_or_went_fails_its_row_alone(box: Box) -> None:
    """The others are sent; nothing of it was; put back, the same command sends it."""
    contents = {name: name.encode() * 10 for name in ("a", "b", "c", "d", "e")}
    box.write(**contents)

    def spoil() -> None:
        (box.mail / "a.eml").write_bytes(b"something else")
        (box.mail / "d.eml").unlink()

    result = box.run(before=spoil)
    assert (result.exit_code, result.sent, result.charged) == (3, 3, 3)
    assert [outcome[2:] for outcome in box.outcomes()] == [
        ("failed", "file-changed"),  # also the very first, which the others wait for
        ("succeeded", "success"),
        ("succeeded", "success"),
        ("failed", "file-missing"),
        ("succeeded", "success"),
    ]
    assert sorted(box.sent()) == sorted(digest(contents[name]) for name in ("b", "c", "e"))
    with box.open() as r:
        nexts = [r.explain("list", number)[0].next for number in (1, 4)]
        page = page_of(r)
    assert nexts[0].startswith("Put the file back as it was, then: runner run list-acme-scan; or send it as it is now")
    assert nexts[0].endswith(f"runner export list-acme-scan -o {box.mail / 'changed.csv'} --only failed")
    assert nexts[1] == "The same command tries it again: runner run list-acme-scan"
    assert "Their files changed. Put them back, then runner run list-acme-scan ; or take them as a list: " in page.told
    assert "The same command tries them again: runner run list-acme-scan" in page.told
    box.write(**contents)
    result = box.run()
    assert (result.exit_code, result.sent) == (0, 2)
    assert sorted(box.sent()) == sorted(map(digest, contents.values()))


def test_equal_content_was_answered_before(box: Box) -> None:
    """Another list with the same message under another name is told that it is paid for."""
    box.write(one=GREETING)
    box.run()
    box.write(other=GREETING, more=b"new")
    loaded = box.load()
    with box.open() as r:
        (known,) = r.preflight(loaded).known
    assert (known.values, known.of) == (1, 2)


def test_rows_without_a_file_start_where_the_settings_do(box: Box) -> None:
    """A list in memory has no folder: its paths start at the directory that the library was opened in."""
    box.write(one=GREETING)
    with box.open() as r:
        loaded = r.load([{"message": "mail/one.eml"}, {"message": "one.eml"}], ["./acme.toml:scan"], batch="rows")
    assert (loaded.jobs, loaded.invalid) == (1, {"invalid:no-such-file": 1})


def test_a_list_that_is_not_with_its_files(box: Box) -> None:
    """Twenty paths that lead nowhere are a wrong column or a wrong place: nothing is imported, and it says which."""
    box.name(*(f"{number}.eml" for number in range(20)))
    with pytest.raises(InputError, match="20 of 20 cells are not fit") as told:
        box.load()
    assert "no-such-file 20; a path starts at the list's folder" in told.value.why

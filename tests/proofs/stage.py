"""A folder in which everything that is said and written is searched for a key and an address planted in it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.proofs.place import Done, Place, Process, holds

KEY = "canary-key-7fQ2xW9z-not-real-0123456789"
ADDRESS = "canary.address+planted@example.com"
ADDRESS_MARK = b"canary.address"  # no encoding of URLs, JSON or HTML changes these letters
READ = (
    (),
    ("status",),
    ("status", "--json"),
    ("status", "list", "--json"),
    ("log",),
    ("log", "list"),
    ("spend",),
    ("spend", "--by", "batch"),
    ("explain", "list", "1"),
    ("explain", "list", "1", "--support"),
    ("explain", "list", "1", "--json"),
    ("doubt", "list", "list"),
    ("check", "list.csv", "-p", "defastra.email"),
    ("doctor",),
    ("config", "show"),
    ("providers", "list"),
    ("providers", "show", "defastra"),
    ("db", "status"),
)
"""Every command that shows something of a batch, its settings or its place."""


def key_marks(key: str = KEY) -> tuple[bytes, ...]:
    """The key as it is, and within Base64 wherever it begins."""
    marks = [key.encode()]
    for shift in range(3):
        coded = base64.b64encode(b"x" * shift + key.encode())
        marks.append(coded[4 if shift else 0 : -4])
    return tuple(marks)


class Stage:
    """One kind of run, with the key in the environment unless `environ` says otherwise; `more` is for runner.toml."""

    def __init__(self, folder: Path, url: str, *, environ: Mapping[str, str] | None = None, more: str = "") -> None:
        temporary = folder / "temporary"
        temporary.mkdir(parents=True)
        self.crashes = False  # an unexpected error of the tool is what is to be seen
        self.with_key: set[str] = set()  # files its user wrote the key into
        self._told: set[str] = {"list.csv", "list-defastra-email.csv", "runner.db", "runner.db-wal", "runner.db-shm"}
        given = {"DEFASTRA_API_KEY": KEY} if environ is None else environ
        self.place = Place(
            folder,
            url,
            in_flight=1,
            timeout=2,
            retry="{ attempts = 2, base = 0.01, cap = 0.02 }",
            more=more,
            environ={"TMPDIR": str(temporary), "COLUMNS": "500", **{name: one for name, one in given.items() if one}},
        )

    def run(self, *arguments: str, address: bool = False) -> Done:
        """A command to its end. `address`: it is there to show a row's values."""
        done = self.place.runner(*arguments)
        command = " ".join(("runner", *arguments))
        holds(f"{command}: {done.err}", self.crashes or "unexpected error" not in done.err)
        self.search(f"stdout of {command}", done.out.encode(), address=address)
        self.search(f"stderr of {command}", done.err.encode(), address=address)
        return done

    def read(self, commands: Iterable[Sequence[str]] = READ) -> None:
        """What each of these commands shows."""
        for arguments in commands:
            self.run(*arguments)

    def look(self, process: Process) -> int:
        """What `ps` shows to everybody, and what is handed to programs that the command started; how many these are."""
        children = list(_descendants(process.pid))
        for pid in (process.pid, *children):
            self.search(f"the command line of process {pid}", _read(pid, "cmdline"))
        for pid in children:
            self.search(f"the environment of process {pid}", _read(pid, "environ"))
        return len(children)

    def sweep(self) -> int:
        """Every file there is by now, the database and what lies beside it as raw bytes; how many."""
        files = [
            path for path in self.place.folder.rglob("*") if path.is_file() and path.suffix not in {".out", ".err"}
        ]
        for path in files:
            name = path.relative_to(self.place.folder).as_posix()
            if name not in self.with_key:
                self.search(name, path.read_bytes(), address=name in self._told)
        return len(files)

    def search(self, what: str, said: bytes, *, address: bool = False) -> None:
        """AssertionError where the key, or unless allowed the address, is found."""
        for mark in key_marks():
            holds(f"the key is in {what}: {_around(said, mark)!r}", mark not in said)
        low = said.lower()
        holds(f"the address is in {what}: {_around(low, ADDRESS_MARK)!r}", address or ADDRESS_MARK not in low)


def _around(said: bytes, mark: bytes) -> bytes:
    at = said.find(mark)
    return said[max(0, at - 80) : at + 80] if at >= 0 else b""


def _descendants(pid: int) -> Iterator[int]:
    for child in map(int, _read(pid, f"task/{pid}/children").split()):
        yield child
        yield from _descendants(child)


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:  # it ended meanwhile
        return b""

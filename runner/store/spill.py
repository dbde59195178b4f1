"""Where answers go that the database does not take: a file beside it, or another place the next run looks at.

As private as the database (0600). Written under the database lock by the run that could not store them, and read and
removed under the same lock by whoever comes next.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from runner.engine.ports import Opening, Settlement
from runner.errors import StoreError
from runner.store.kept import Withdrawn, read_line, settlement_line, withdrawn_line

_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
_TEMPORARY: Final = ("/tmp", "/var/tmp")  # noqa: S108 - the names in them are hashes, and another's file is passed over


def answers_path(database: Path) -> Path:
    """The file beside the database."""
    real = Path(os.path.realpath(database))  # a symbolic link is the same database
    return real.with_name(f"{real.name}.answers")


def aside(file: Path) -> Path:
    """Where lines of such a file go that no run can use."""
    return file.with_name(f"{file.name}.aside")


def free_name(file: Path) -> Path:
    """What such a file may be called out of the way: a name that takes nobody's place."""
    names = (file.with_name(f"{file.name}.old{number}") for number in ("", *range(2, 1_000)))
    return next(name for name in names if not os.path.lexists(name))


def places(database: Path) -> tuple[Path, ...]:
    """The files in which answers may be kept, the best first: beside the database, the user's state folder, the folders
    for temporary files. All but the first are shared by many databases, so a hash of the path is the name there. Raises
    and writes nothing, whatever state the machine is in."""
    beside = answers_path(database)
    name = f"{hashlib.sha256(os.fsencode(beside)).hexdigest()[:32]}.answers"
    temporary = (folder / f"runner-{name}" for folder in _temporary_folders())
    return tuple(dict.fromkeys((beside, *(folder / name for folder in _state_folders()), *temporary)))


def _state_folders() -> Iterator[Path]:
    import platformdirs

    with suppress(OSError, RuntimeError):  # a user without a home
        folder = Path(platformdirs.user_state_dir("runner", appauthor=False))
        if folder.is_absolute():
            yield folder


def _temporary_folders() -> Iterator[Path]:
    """By name alone: `tempfile` writes to find out which one works, so on a full disk it finds none, and after it was
    cleared another one."""
    named = [os.environ.get(name, "") for name in (("TMPDIR",) if os.name == "posix" else ("TEMP", "TMP"))]
    for folder in map(Path, (*named, *(_TEMPORARY if os.name == "posix" else ()))):
        if folder.is_absolute():
            yield Path(os.path.realpath(folder))  # one that is a link to another is read once


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of such a file; `kept` is None if it is damaged."""

    text: str
    file: Path
    kept: Settlement | Withdrawn | None


class Spill:
    """The files of one database."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self.answers = 0  # kept by this process
        self.lost = 0  # for which there was no place at all
        self.files: list[Path] = []  # that hold them

    @cached_property
    def _places(self) -> tuple[Path, ...]:
        return places(self._database)

    def keep(self, settlements: Sequence[Settlement], openings: Sequence[Opening] = ()) -> bool:
        """Write them durably in the first place that takes them; False: none does. `openings`: they were never sent."""
        lines = [*map(settlement_line, settlements), *map(withdrawn_line, openings)]
        for file in self._places:
            try:
                _append(file, lines)
            except OSError:
                continue  # full, read-only, somebody else's: the next place
            self.answers += len(settlements)
            if file not in self.files:
                self.files.append(file)
            return True
        self.lost += len(settlements)
        return False

    def read(self) -> list[Line]:
        """Every line that is kept, in the order in which they were written. StoreError: a file cannot be read, and what
        it holds must not be taken for lost."""
        return [Line(text=text, file=file, kept=read_line(text)) for file, text in self._texts()]

    def _texts(self) -> Iterator[tuple[Path, str]]:
        for file in self._places:
            for text in _lines_of(file, beside=self._database):
                yield file, text

    def done(self, lines: Sequence[Line], unused: Sequence[Line]) -> None:
        """What was read is in the database now, durably: remove the files. Lines that are no use are set aside."""
        files = dict.fromkeys(line.file for line in lines)
        try:
            for file in files:
                useless = [line.text for line in unused if line.file == file]
                if useless:
                    _append(aside(file), useless)
                file.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"{file} cannot be removed",
                why=f"its answers are in the database now, but: {error.strerror or type(error).__name__}",
                fix=f"rm {file}",
            ) from error


def kept_for(database: Path) -> list[Path]:
    """Those of its files in which something is kept. They are not opened."""
    beside, found = answers_path(database), []
    for file in places(database):
        there = _look(file)
        if there is not None and stat.S_ISREG(there.st_mode) and there.st_size and (file == beside or _is_ours(there)):
            found.append(file)
    return found


def notices(database: Path, *, unknown: Collection[Path] = ()) -> list[str]:
    """Sentences for people: answers that wait for the next run, and lines that no run could use. `unknown`: files with
    answers to requests that are not in the database."""
    said = []
    for file in places(database):
        try:
            answers = sum(isinstance(read_line(text), Settlement) for text in _lines_of(file, beside=database))
            useless = len(_lines_of(aside(file), beside=database))
        except StoreError as error:  # a run stops at it; whoever only looks is told
            said.append(f"{error.what}: {error.why}")
            continue
        if answers and file in unknown:
            said.append(
                f"{file} holds {_answers(answers)}, some to requests unknown here: no run sends before it is moved"
            )
        elif answers:
            said.append(f"{file} holds {_answers(answers)} that could not be stored in time: the next run stores them")
        if useless:
            said.append(
                f"{aside(file)} holds {_answers(useless)} that no run could use; delete it once you looked at it"
            )
    return said


def _answers(count: int) -> str:
    return "1 answer" if count == 1 else f"{count} answers"


def _append(file: Path, lines: Iterable[str]) -> None:
    """Add lines durably, or leave the file as it was. OSError."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = _look(file)
    if found is not None and not _is_ours(found):
        raise PermissionError(f"{file.name} belongs to somebody else")
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NO_LINK, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        try:
            _write(descriptor, "\n".join(["", *lines, ""]).encode("utf-8", "surrogateescape"))  # ends a torn line too
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)
    if found is None:
        _sync_folder(file.parent)


def _write(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _sync_folder(folder: Path) -> None:
    """The name of a new file survives a power cut too; where folders cannot be opened there is nothing to do."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lines_of(file: Path, *, beside: Path) -> list[str]:
    """Its lines; none of a file that is not ours, except that the one beside the database is never passed over."""
    found = _look(file)
    if found is not None and not _is_ours(found) and stat.S_ISREG(found.st_mode) and file == answers_path(beside):
        raise StoreError(
            f"{file} belongs to another user",
            why="it holds answers of an earlier run",
            fix=f"sudo chown $USER {file}",
        )
    if found is None or not _is_ours(found):
        return []
    try:
        content = file.read_bytes()
    except OSError as error:
        raise StoreError(
            f"{file} cannot be read",
            why=f"it holds answers of an earlier run: {error.strerror or type(error).__name__}",
            fix=f"chmod u+rw {file}, then run the same command again",
        ) from error
    return [line.decode("utf-8", "surrogateescape") for line in content.split(b"\n") if line]


def _look(file: Path) -> os.stat_result | None:
    try:
        return file.lstat()
    except OSError:  # not there, or in a folder that is not for us
        return None


def _is_ours(found: os.stat_result) -> bool:
    """In a folder that everybody may write to somebody could plant answers, or a pipe that is never read to its end."""
    return stat.S_ISREG(found.st_mode) and (not hasattr(os, "getuid") or found.st_uid == os.getuid())

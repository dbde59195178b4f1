"""One pass over a file's bytes: its hash, its encoding, and that it is text at all."""

from __future__ import annotations

import codecs
import hashlib
import os
import re
import shlex
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from runner.domain.personal import shown_name
from runner.errors import InputError

_CHUNK: Final = 1 << 20
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),  # this codec reads the mark and leaves it out
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_GUESS: Final = "cp1252"
_NOT_TEXT: Final = (
    (b"PK\x03\x04", "a spreadsheet or a zip archive", "Save the sheet as CSV, then give that file."),
    (b"\x1f\x8b", "compressed", "gunzip it, then give the file that comes out."),
    (b"SQLite format 3\0", "a SQLite database", "--from TABLE --source sqlite:///FILE --key COLUMN"),
    (b"%PDF-", "a PDF", "Save the table as CSV, then give that file."),
)
_WORD: Final = re.compile(r"\w*[^\x00-\x7f]\w*")
_CONTEXT: Final = 4  # letters shown on either side of the first one outside ASCII


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What changes when a file does."""

    size: int
    modified_ns: int
    inode: int

    @classmethod
    def of(cls, descriptor: int) -> Stamp:
        """Of an open file."""
        found = os.fstat(descriptor)
        return cls(size=found.st_size, modified_ns=found.st_mtime_ns, inode=found.st_ino)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What one pass found out."""

    sha256: str
    encoding: str  # the codec to read with; it leaves a byte order mark out
    marked: bool  # an export starts with a byte order mark: the file has one, or is not UTF-8
    notes: tuple[str, ...]  # what was guessed
    stamp: Stamp


def scan(path: Path, *, encoding: str | None) -> Scan:
    """Read a file through once. `encoding` is a codec's name or None. Raises InputError if it is not readable text."""
    start, stamp = _start(path)
    given = None if encoding is None else _codec(encoding)
    for mark, kind, fix in _NOT_TEXT:
        if start.startswith(mark):
            raise InputError(f"{path.name} is not text: it is {kind}", why="a list is read from CSV", fix=fix)
    bom = next((codec for mark, codec in _BOMS if start.startswith(mark)), None)
    if given is not None:
        # An explicit UTF name does not say whether the mark is there: the mark itself does.
        codec = bom if bom is not None and given.startswith("utf") else given
        sha256, trouble = _read_through(path, codec)
        notes: tuple[str, ...] = ()
    else:
        codec = bom or "utf-8"
        sha256, trouble = _read_through(path, codec)
        notes = ()
        if trouble and bom is None:
            codec = _GUESS
            sha256, trouble = _read_through(path, codec)
            notes = () if trouble else (_guess_note(path),)
    if trouble:
        raise _undecodable(path, codec, guessed=given is None and bom is None)
    marked = bom is not None or codec not in ("utf-8", "ascii")
    return Scan(sha256=sha256, encoding=codec, marked=marked, notes=notes, stamp=stamp)


def _start(path: Path) -> tuple[bytes, Stamp]:
    try:
        # Asked before opening: opening a pipe would wait for its writer.
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            inside = f"ls {shlex.quote(str(path))}   (and name one of its files)"
            raise InputError(f"{path.name} is a folder", why="a list is one file", fix=inside)
        if not stat.S_ISREG(mode):
            raise InputError(
                f"{path.name} is not a regular file",
                why="a list is read more than once: first for its shape, then for its rows",
                fix="Save it to a file first, then give that file.",
            )
        with path.open("rb") as stream:
            return stream.read(16), Stamp.of(stream.fileno())
    except OSError as error:
        raise InputError(
            f"{shown_name(path.name)} cannot be read",
            why=error.strerror or type(error).__name__,
            fix=f"ls -l {shlex.quote(str(path.parent))}",
        ) from error


def _codec(name: str) -> str:
    try:
        found = codecs.lookup(name)
        "".encode(found.name)  # a LookupError for codecs that are not about text (base64, zip)
    except (LookupError, ValueError) as error:
        raise InputError(
            f"unknown encoding {name!r}", why="no codec of that name", fix="--encoding cp1252 (or utf-8, utf-16, ...)"
        ) from error
    return found.name


def _read_through(path: Path, codec: str) -> tuple[str, bool]:
    """The file's hash, and whether its bytes are no text in this codec."""
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder(codec)()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                _check_text(path, codec, decoder.decode(chunk), whole=len(chunk) == _CHUNK)
            decoder.decode(b"", final=True)
    except UnicodeError:
        return "", True
    return digest.hexdigest(), False


def _check_text(path: Path, codec: str, text: str, *, whole: bool) -> None:
    if "\0" in text:
        line = _find_line(path, codec, lambda one: "\0" in one)
        raise InputError(
            f"{path.name} has a NUL character on line {line}",
            why="it is not text, or UTF-16 without a byte order mark",
            fix="--encoding utf-16-le, or save it as UTF-8",
        )
    if whole and "\n" not in text and "\r" not in text:
        raise InputError(
            f"{path.name} has a line of a megabyte or more",
            why="no list has; it is read line by line",
            fix="Save it as CSV with one row a line, then give that file.",
        )


def _guess_note(path: Path) -> str:
    line = _find_line(path, _GUESS, lambda one: not one.isascii())
    with path.open(encoding=_GUESS, newline="") as stream:
        text = next(one for number, one in enumerate(stream, start=1) if number == line)
    word = _WORD.search(text)
    shown = ""
    if word is not None:
        at = next(index for index, sign in enumerate(word[0]) if not sign.isascii())
        shown = f', where line {line} has "{word[0][max(0, at - _CONTEXT) : at + _CONTEXT + 1]}"'
    return f"not UTF-8: read as {_GUESS} (Windows Western){shown}; if that is wrong: --encoding NAME"


def _undecodable(path: Path, codec: str, *, guessed: bool) -> InputError:
    line = _find_line(path, codec, lambda one: "\ufffd" in one)
    names = f"neither UTF-8 nor {_GUESS}" if guessed else f"not {codec}"
    return InputError(
        f"{path.name} is {names}",
        why=f"line {line} has bytes that mean nothing in it",
        fix="--encoding NAME (cp1250, shift_jis, ...), or save it as UTF-8",
    )


def _find_line(path: Path, codec: str, test: Callable[[str], bool]) -> int:
    """The physical line, 1-based, of the first that passes; only ever used to name it."""
    with path.open(encoding=codec, errors="replace", newline="") as stream:
        return next((number for number, line in enumerate(stream, start=1) if test(line)), 1)

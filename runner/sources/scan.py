"""One pass over a list's bytes: their hash, their encoding, and that they are text at all."""

from __future__ import annotations

import codecs
import hashlib
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TextIO

from runner.errors import InputError
from runner.sources.content import Content, Stamp, changed, unchanged
from runner.sources.kinds import codec_of, start_of

_CHUNK: Final = 1 << 20
_GUESS: Final = "cp1252"
_WORD: Final = re.compile(r"\w*[^\x00-\x7f]\w*")
_FEW: Final = 64  # bytes that tell UTF-16
_CONTEXT: Final = 4  # letters shown on either side of the first one outside ASCII
_HIGH: Final = re.compile(rb"([\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})|[\x80-\xff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What one pass found out."""

    sha256: str
    encoding: str  # the codec to read with; it leaves a byte order mark out
    marked: bool  # an export starts with a byte order mark: the file has one, or is not UTF-8
    notes: tuple[str, ...]  # what was guessed
    stamp: Stamp


def scan(content: Content, *, encoding: str | None) -> Scan:
    """Read a list through once. `encoding` is a codec's name or None. Raises InputError if it is not readable text."""
    start = start_of(content)
    with content.open() as stream:
        stamp = Stamp.of(stream.fileno())
    given = None if encoding is None else _codec(encoding)
    bom = codec_of(start)
    codec = given or bom or "utf-8"
    if bom is not None and codec.startswith("utf"):
        codec = bom  # an explicit UTF name does not say whether the mark is there: the mark itself does
    notes: tuple[str, ...] = ()
    sha256, trouble = _read_through(content, codec, stamp)
    if trouble and given is None and bom is None:
        _check_not_mixed(content)
        codec = _GUESS
        sha256, trouble = _read_through(content, codec, stamp)
        notes = () if trouble else (_guess_note(content),)
    if trouble:
        raise _undecodable(content, codec, guessed=given is None and bom is None)
    marked = bom is not None or codec not in ("utf-8", "ascii")
    return Scan(sha256=sha256, encoding=codec, marked=marked, notes=notes, stamp=stamp)


@contextmanager
def text_of(content: Content, scanned: Scan) -> Iterator[TextIO]:
    """The text from its start, line ends kept. InputError when the bytes are no longer those that were scanned."""
    with unchanged(content, scanned.stamp) as stream:
        try:
            yield io.TextIOWrapper(stream, encoding=scanned.encoding, newline="")
        except UnicodeError as error:  # the scan has read every byte: these are others
            raise changed(content) from error


def _codec(name: str) -> str:
    try:
        found = codecs.lookup(name)
        "".encode(found.name)  # a LookupError for codecs that are not about text (base64, zip)
    except (LookupError, ValueError) as error:
        raise InputError(
            f"unknown encoding {name!r}", why="no codec of that name", fix="--encoding cp1252 (or utf-8, utf-16, ...)"
        ) from error
    return found.name


def _read_through(content: Content, codec: str, stamp: Stamp) -> tuple[str, bool]:
    """The bytes' hash, and whether they are no text in this codec."""
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder(codec)()
    try:
        with unchanged(content, stamp) as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                _check_text(content, codec, decoder.decode(chunk), whole=len(chunk) == _CHUNK)
            decoder.decode(b"", final=True)
    except UnicodeError:
        return "", True
    return digest.hexdigest(), False


def _check_text(content: Content, codec: str, text: str, *, whole: bool) -> None:
    if "\0" in text:
        raise _with_nul(content, codec)
    if whole and "\n" not in text and "\r" not in text:
        raise InputError(
            f"{content.name} has a line of a megabyte or more",
            why="no list has; it is read line by line",
            fix="Save it as CSV with one row a line, then give that file.",
        )


def _with_nul(content: Content, codec: str) -> InputError:
    line = _find_line(content, codec, lambda one: "\0" in one)
    what = f"{content.name} has a NUL character on line {line}"
    start = start_of(content)[:_FEW]
    even, odd = start[0::2], start[1::2]
    for wide, high, low in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if high.count(0) * 2 > len(high) and 0 not in low:  # every other byte, as Western letters have it there
            return InputError(what, why="it looks like UTF-16 without a byte order mark", fix=f"--encoding {wide}")
    return InputError(
        what,
        why="no text has one: the file was damaged, or is no text",
        fix=f"Delete the NUL characters on line {line} and below: tr -d '\\000' < FILE > NEW",
    )


def _check_not_mixed(content: Content) -> None:
    """InputError for UTF-8 with a few bytes that are not: read as cp1252, all that is right would come out garbled."""
    good = bad = first = 0
    with content.open() as stream:
        for number, line in enumerate(stream, start=1):
            if not line.isascii():
                for found in _HIGH.finditer(line):
                    if found[1]:
                        good += 1
                    else:
                        bad += 1
                        first = first or number
    # French puts `\xa0»` behind an `é`: a few sequences are UTF-8 by accident.
    if good > bad:
        raise InputError(
            f"{content.name} is mostly UTF-8, but not on line {first}",
            why="two files may have been put together, or the end was cut off",
            fix=f"Write line {first} again in an editor and save as UTF-8; or --encoding NAME for all of it",
        )


def _guess_note(content: Content) -> str:
    line = _find_line(content, _GUESS, lambda one: not one.isascii())
    with content.open() as raw, io.TextIOWrapper(raw, encoding=_GUESS, newline="") as stream:
        text = next(one for number, one in enumerate(stream, start=1) if number == line)
    word = _WORD.search(text)
    shown = ""
    if word is not None:
        at = next(index for index, sign in enumerate(word[0]) if not sign.isascii())
        shown = f', where line {line} has "{word[0][max(0, at - _CONTEXT) : at + _CONTEXT + 1]}"'
    return f"not UTF-8: read as {_GUESS} (Windows Western){shown}; if that is wrong: --encoding NAME"


def _undecodable(content: Content, codec: str, *, guessed: bool) -> InputError:
    line = _find_line(content, codec, lambda one: "\ufffd" in one)
    names = f"neither UTF-8 nor {_GUESS}" if guessed else f"not {codec}"
    return InputError(
        f"{content.name} is {names}",
        why=f"line {line} has bytes that mean nothing in it",
        fix="--encoding NAME (cp1250, shift_jis, ...), or save it as UTF-8",
    )


def _find_line(content: Content, codec: str, test: Callable[[str], bool]) -> int:
    """The physical line, 1-based, of the first that passes; only ever used to name it."""
    with content.open() as raw, io.TextIOWrapper(raw, encoding=codec, errors="replace", newline="") as stream:
        return next((number for number, line in enumerate(stream, start=1) if test(line)), 1)

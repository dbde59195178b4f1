"""What a list is written in, told by how its bytes begin; and in people's words what it is when it is no list."""

from __future__ import annotations

import codecs
import io
import re
import zipfile
from enum import StrEnum
from typing import Final, NamedTuple

from runner.domain.typed import typed_file
from runner.errors import InputError
from runner.sources.content import Content

START: Final = 1 << 16
"""Bytes from a file's start that are looked at."""

BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),  # this codec reads the mark and leaves it out
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks, and the codec that leaves each out."""


class Kind(StrEnum):
    """What can be read."""

    DELIMITED = "csv"
    JSON_LINES = "jsonl"
    WORKBOOK = "workbook"
    PARQUET = "parquet"
    GZIP = "gzip"


class _Other(NamedTuple):
    mark: bytes
    what: str
    fix: str  # {file}: the file's name, quoted for a shell


_SAVE: Final = "Open it in the program it belongs to, save the table as CSV, then give that file."
_OTHERS: Final = (
    _Other(b"BZh", "compressed with bzip2", "bunzip2 {file}   (then give the file that comes out)"),
    _Other(b"\xfd7zXZ\0", "compressed with xz", "unxz {file}   (then give the file that comes out)"),
    _Other(b"\x28\xb5\x2f\xfd", "compressed with Zstandard", "unzstd {file}   (then give the file that comes out)"),
    _Other(b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "7z x {file}   (then give the file that comes out)"),
    _Other(b"SQLite format 3\0", "a SQLite database", "--from TABLE --source sqlite:///{file} --key COLUMN"),
    _Other(b"%PDF-", "a PDF", "Save the table as CSV, then give that file."),
    _Other(b"\x89PNG", "a picture", _SAVE),
    _Other(b"\xff\xd8\xff", "a picture", _SAVE),
)
_ZIPPED: Final = (
    ("word/", "a Word document", _SAVE),
    ("ppt/", "a presentation", _SAVE),
    ("Index/Document.iwa", "a Numbers document", _SAVE),
)
_ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # XLS, and XLSX with a password
_SHEETS: Final = b"application/vnd.oasis.opendocument.spreadsheet"
_MOST_ZIPPED: Final = 1 << 30
_JSON: Final = re.compile(r"\[\s*\{|\{\s*[\"}]")
_WRITTEN: Final = (
    (re.compile(r"<!doctype|<html|<head|<body|<table|<meta", re.IGNORECASE), "a web page", _SAVE),
    (re.compile(r"<\?xml"), "XML", _SAVE),
    (re.compile(r"\{\\rtf"), "rich text", "Save it as plain text, or the table as CSV, then give that file."),
    (re.compile(r"BEGIN:VCARD", re.IGNORECASE), "address cards (vCard)", "Export the contacts as CSV instead."),
)


def start_of(content: Content) -> bytes:
    """The first bytes."""
    with content.open() as stream:
        return stream.read(START)


def kind_of(content: Content, start: bytes, *, delimited: bool) -> Kind:
    """What the list is written in. `delimited`: the user has named the delimiter, and so says that it is CSV.

    Raises InputError, saying what it is, for what is no list.
    """
    if start.startswith(b"\x1f\x8b"):
        return Kind.GZIP
    if start.startswith(b"PAR1"):
        return Kind.PARQUET
    if start.startswith(_OLE):
        return Kind.WORKBOOK
    if start.startswith(_ZIP):
        return _zip_kind(content)
    for other in _OTHERS:
        if start.startswith(other.mark):
            raise _no_list(content, other.what, other.fix)
    text = start.decode(codec_of(start) or "latin-1", "replace").lstrip("\ufeff \t\r\n")
    for pattern, what, fix in _WRITTEN:
        if pattern.match(text):
            raise _no_list(content, what, fix)
    if not delimited and _JSON.match(text):
        return _json_kind(content, text)
    return Kind.DELIMITED


def codec_of(start: bytes) -> str | None:
    """The codec that the byte order mark names; None without one."""
    return next((codec for mark, codec in BOMS if start.startswith(mark)), None)


def _zip_kind(content: Content) -> Kind:
    with content.open() as stream:
        try:
            archive = zipfile.ZipFile(stream if stream.seekable() else io.BytesIO(stream.read(_MOST_ZIPPED)))
            names = archive.namelist()
            mime = archive.read("mimetype") if names[:1] == ["mimetype"] else b""
        except (zipfile.BadZipFile, EOFError) as error:
            again = "Copy or download it again; or save the sheet as CSV, then give that file."
            raise _no_list(content, "a zip archive or workbook that is cut off or damaged", again) from error
    if mime.startswith(_SHEETS) or any(name.startswith("xl/") for name in names):
        return Kind.WORKBOOK
    for beginning, what, fix in _ZIPPED:
        if any(name.startswith(beginning) for name in names):
            raise _no_list(content, what, fix)
    raise _no_list(content, "a zip archive", "unzip {file}   (then give the file that comes out)")


def _json_kind(content: Content, text: str) -> Kind:
    first, line_end, _ = text.partition("\n")
    if text.startswith("{") and (first.rstrip().endswith("}") or not line_end):
        return Kind.JSON_LINES
    rows = "'.[]'" if text.startswith("[") else "'.NAME[]'"
    where = "" if text.startswith("[") else "   (NAME: the key that holds the rows)"
    raise InputError(
        f"{content.name} is JSON, but not one object a line",
        why="a list is read line by line",
        fix=f"jq -c {rows} {_file(content)} > leads.jsonl{where}",
    )


def _no_list(content: Content, what: str, fix: str) -> InputError:
    return InputError(
        f"{content.name} is no list: it is {what}",
        why="that is what its first bytes say, whatever it is called",
        fix=fix.replace("{file}", _file(content)),
    )


def _file(content: Content) -> str:
    return typed_file(content.name) if "path" in content.place else "FILE"

"""Files that are called `.csv` and are something else, and what else a name may stand for."""

from __future__ import annotations

import bz2
import lzma
import sqlite3
import zipfile
from io import BytesIO

from tests.sources.corpus.case import Case, refused

_PAGE = "<table><tr><th>email</th></tr><tr><td>a@example.com</td></tr></table>"


def _zip() -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("leads.csv", "email\na@example.com\n")
    return made.getvalue()


def _database() -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE leads (email TEXT)")
    return connection.serialize()


KINDS: tuple[Case, ...] = (
    refused("really-a-zip-archive.csv", _zip(), "zip archive", fix="unzip"),
    refused("really-bzip2.csv", bz2.compress(b"email\n"), "bzip2", fix="bunzip2"),
    refused("really-xz.csv", lzma.compress(b"email\n"), "xz", fix="unxz"),
    refused("really-zstandard.csv", b"\x28\xb5\x2f\xfd\x24\x06\x31\x00\x00email\n", "Zstandard", fix="unzstd"),
    refused("really-7-zip.csv", b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(24), "7-Zip", fix="7z x"),
    refused("really-sqlite.csv", _database(), "a SQLite database", fix="--from TABLE"),
    refused("really-a-pdf.csv", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF", fix="as CSV"),
    refused("really-a-screenshot.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a picture", fix="as CSV"),
    refused("really-a-photo.csv", b"\xff\xd8\xff\xe0\0\x10JFIF\0", "a picture", fix="as CSV"),
    refused("really-a-rich-text.csv", "{\\rtf1\\ansi email\\par a@example.com}", "rich text", fix="as plain text"),
    refused("really-a-web-page.csv", f"<!DOCTYPE html>\n<html><body>{_PAGE}</body></html>", "a web page", fix="as CSV"),
    refused("really-a-table-of-a-web-page.xls", f"\r\n  {_PAGE}", "a web page", fix="as CSV"),
    refused("really-a-sign-in-page.csv", "\ufeff<html>\n<title>Sign in</title>", "a web page", fix="as CSV"),
    refused(
        "really-xml.csv", "<?xml version='1.0'?>\n<leads><lead email='a@example.com'/></leads>", "XML", fix="as CSV"
    ),
    refused("really-a-json-array.csv", '[\n {"email": "a@example.com"}\n]\n', "JSON", fix="jq -c '.[]'"),
    refused("really-one-json-object.csv", '{\n "leads": [{"email": "a@example.com"}]\n}\n', "JSON", fix="jq -c"),
    refused(
        "really-address-cards.csv",
        "BEGIN:VCARD\r\nVERSION:3.0\r\nEMAIL:a@example.com\r\nEND:VCARD\r\n",
        "address cards",
        fix="as CSV",
    ),
)

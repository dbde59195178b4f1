"""Bytes that are packed or come from a stream: read again as often as needed, and never held whole."""

from __future__ import annotations

import gzip
import io
import os
import stat
import tracemalloc

import pytest

from runner.errors import InputError, StorageFullError
from runner.sources import Row, Source, open_file, open_stream
from runner.sources.content import FileContent, SpooledContent, UnpackedContent
from runner.sources.csv_file import open_csv
from tests.sources.exported import exported

LIST = b"id;email\r\n1;ada@example.com\r\n2;b@example.com\r\n"


def cells(source: Source) -> list[tuple[str, ...]]:
    return [row.cells for row in source.rows()]


def test_a_packed_list_is_the_same_list(write):
    """Name, rows, lines, spelling and hash: nothing tells whether it was packed."""
    plain, packed = open_file(write(LIST)), open_file(write(gzip.compress(LIST), "leads.csv.gz"))
    assert (packed.name, packed.header, packed.dialect) == (plain.name, plain.header, plain.dialect)
    assert list(packed.rows()) == list(plain.rows()) == list(packed.rows())
    assert packed.content_hash() == plain.content_hash()
    assert exported(packed) == LIST
    assert packed.description["path"].endswith("leads.csv.gz")


@pytest.mark.parametrize("name", ["leads.tsv.gz", "leads.gz", "leads.csv"])
def test_packed_under_any_name(write, name):
    """Its first bytes tell; several members, as `cat` makes them, are one list."""
    source = open_file(write(gzip.compress(b"a\tb\n1\t2\n") + gzip.compress(b"3\t4\n"), name))
    assert (source.name, cells(source)) == ("leads", [("1", "2"), ("3", "4")])


def test_packed_json_lines(write):
    """The ending below `.gz` says what is in it."""
    source = open_file(write(gzip.compress(b'{"email":"a@example.com"}\n'), "leads.jsonl.gz"))
    assert (source.name, source.notes, cells(source)) == ("leads", (), [("a@example.com",)])


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda data: data[:-9], "is cut off: its compressed data have no end"),
        (lambda data: data[: len(data) // 2], "is cut off"),
        (lambda data: data[:-8] + bytes(8), "is damaged: its compressed data do not unpack"),
        (lambda data: data[:40] + b"\xff\xff\xff\xff" + data[44:], "is damaged"),
        (lambda data: data + b"garbage", "is damaged"),
        (gzip.compress, "is compressed twice"),
    ],
)
def test_broken_archives(write, spoil, says):
    """Half a download is never half a list."""
    data = gzip.compress(b"id,email\n" + b"".join(b"%d,p%d@example.com\n" % (n, n * 7) for n in range(5000)))
    with pytest.raises(InputError, match=says) as caught:
        cells(open_file(write(spoil(data), "leads.csv.gz")))
    assert caught.value.why
    assert caught.value.fix


def test_what_unpacks_for_ever(write):
    """There is a most, and it is said."""
    path = write(gzip.compress(b"id,email\n" + b"1,a@example.com\n" * 10_000), "leads.csv.gz")
    content = UnpackedContent(packed=FileContent(path=path), most_bytes=100_000)
    with pytest.raises(InputError, match="unpacks to more than 100,000 bytes"):
        open_csv(content, stem="leads")


def test_a_packed_file_that_changes(write):
    """As of any other file."""
    path = write(gzip.compress(b"a,b\n" + os.urandom(5_000).hex("\n").encode().replace(b"\n", b",1\n")), "l.csv.gz")
    rows = open_file(path).rows()
    next(rows)
    with path.open("ab") as stream:
        stream.write(gzip.compress(b"3,4\n"))
    with pytest.raises(InputError, match="changed while it was read"):
        list(rows)


def test_memory_does_not_grow_with_what_is_packed(write):
    """Twice the rows need no more."""

    def peak(rows: int) -> int:
        path = write(gzip.compress(b"id,note\n" + (b"1," + b"x" * 300 + b"\n") * rows), "leads.csv.gz")
        tracemalloc.start()
        try:
            assert sum(1 for _ in open_file(path).rows()) == rows
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(8_000)
    assert peak(16_000) < peak(8_000) + 500_000


class Once(io.RawIOBase):
    """A stream as a pipe is: no place to go back to."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer):
        return self._data.readinto(buffer)


def test_a_stream(write):
    """Read once, it can be read again; it is the list that a file with the same bytes is, and has no path."""
    source = open_stream(io.BufferedReader(Once(LIST)))
    assert list(source.rows()) == [Row(1, 2, ("1", "ada@example.com")), Row(2, 3, ("2", "b@example.com"))]
    assert cells(source) == cells(source)
    assert source.content_hash() == open_file(write(LIST)).content_hash()
    assert "path" not in source.description


def test_two_readers_of_a_stream():
    """Each has its own place in the spooled bytes."""
    source = open_stream(io.BytesIO(b"n\n" + b"".join(b"%d\n" % number for number in range(30_000))))
    pairs = list(zip(source.rows(), source.rows(), strict=True))
    assert [one.cells for one, _ in pairs] == [(str(number),) for number in range(30_000)]
    assert all(one == other for one, other in pairs)


def test_packed_and_other_kinds_in_a_stream():
    """What the bytes are is told as of a file."""
    assert cells(open_stream(io.BytesIO(gzip.compress(LIST)))) == [("1", "ada@example.com"), ("2", "b@example.com")]
    assert cells(open_stream(io.BytesIO(b'{"a":"1"}\n'))) == [("1",)]
    with pytest.raises(InputError, match="the list on stdin is empty"):
        open_stream(io.BytesIO(b""))
    with pytest.raises(InputError, match="a PDF"):
        open_stream(io.BytesIO(b"%PDF-1.7"))


def test_what_is_spooled_is_private():
    """Nobody else can read it, and it has no name that could stay behind."""
    content = SpooledContent(io.BytesIO(LIST))
    with content.open() as stream:
        found = os.fstat(stream.fileno())
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert found.st_nlink == 0


def test_no_room_for_a_stream():
    """A disk that is full is said as such, with where."""

    class Full(io.BytesIO):
        def read(self, size=-1):
            raise OSError(28, "No space left on device")

    with pytest.raises(StorageFullError, match="could not be kept") as caught:
        SpooledContent(Full())
    assert "No space left" in caught.value.why
    assert "TMPDIR" in caught.value.fix

"""Lists of every kind through the library: loaded, continued, and written out with the same cells."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pyarrow as pa
import pytest
from openpyxl import Workbook
from pyarrow import parquet

from runner.errors import InputError, UsageError
from tests.app.place import Place, emails

OPERATION = ["defastra.email"]
ROWS = [["007", "ada@example.com", "ü, x"], ["8", "b@example.com", ""]]


def files(folder: Path) -> list[Path]:
    """The same list in every kind of file."""
    header = ["id", "email", "note"]
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header, *ROWS])
    (folder / "plain.csv").write_text(text.getvalue(), newline="")
    (folder / "packed.csv.gz").write_bytes(gzip.compress(text.getvalue().encode()))
    lines = [f'{{"id":"{one}","email":"{two}","note":"{three}"}}\n' for one, two, three in ROWS]
    (folder / "lines.jsonl").write_text("".join(lines))
    book = Workbook()
    for row in [header, *ROWS]:
        book.active.append(row)
    book.save(folder / "book.xlsx")
    columns = {name: [row[number] for row in ROWS] for number, name in enumerate(header)}
    parquet.write_table(pa.table(columns), folder / "columns.parquet")
    return [folder / name for name in ("plain.csv", "packed.csv.gz", "lines.jsonl", "book.xlsx", "columns.parquet")]


def test_the_same_list_in_every_kind_of_file(place: Place) -> None:
    """Each is a batch of its own name; its cells come out as they went in, and the same command continues it."""
    with place.runner() as r:
        for path in files(place.folder):
            loaded = r.load(path, OPERATION)
            assert (loaded.batch, loaded.created) == (f"{path.name.partition('.')[0]}-defastra-email", True)
            assert (loaded.rows, loaded.jobs) == (2, 2)
            assert not r.load(path).created
            out = place.folder / f"{path.name}.out.csv"
            r.export(loaded, out)
            with out.open(newline="", encoding="utf-8-sig") as stream:
                table = list(csv.reader(stream))
            assert [row[:3] for row in table] == [["id", "email", "note"], *ROWS]


def test_a_stream_is_a_list(place: Place) -> None:
    """It needs a name, is read once, goes on when it comes again, and is refused when it changed."""
    data = b"id,email\n1,ada@example.com\n2,b@example.com\n"
    with place.runner() as r:
        with pytest.raises(UsageError, match="the batch has no name"):
            r.load(io.BytesIO(data), OPERATION)
        loaded = r.load(io.BytesIO(data), OPERATION, batch="piped")
        assert (loaded.batch, loaded.rows) == ("piped", 2)
        assert place.run(r, loaded).sent == 2
        again = r.load(io.BytesIO(data), batch="piped")
        assert (again.batch, again.created) == ("piped", False)
        assert place.run(r, again).sent == 0
        longer = io.BytesIO(data + b"3,c@example.com\n")
        assert r.load(longer, batch="piped", add=True).added_rows == 1


def test_a_stream_that_is_cut_off_leaves_nothing(place: Place) -> None:
    """Half of a packed list is no list."""
    with place.runner() as r, pytest.raises(InputError, match="the list on stdin is cut off"):
        r.load(io.BytesIO(gzip.compress(b"email\n" + "\n".join(emails(500)).encode())[:-9]), OPERATION, batch="x")
    assert not (place.folder / "runner.db").exists()


def test_a_stream_and_a_query_cannot_be_mixed(place: Place) -> None:
    """One list for one batch."""
    with place.runner() as r, pytest.raises(UsageError, match="a file and --from are both given"):
        r.load(io.BytesIO(b"email\n"), OPERATION, batch="x", query="leads", database="sqlite:///x.db", key="id")

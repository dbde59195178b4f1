"""Every file of the corpus comes out of a list and its export as it went in, or is refused in words that help."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from pathlib import Path

import pytest

from runner.errors import InputError
from runner.sources import Source, open_file
from tests.sources.corpus import CASES
from tests.sources.corpus.case import Case
from tests.sources.corpus.counter import records
from tests.sources.exported import exported

READABLE = [case for case in CASES if not case.says]
REFUSED = [case for case in CASES if case.says]


def opened(case: Case, folder: Path) -> Source:
    path = folder / case.name
    path.write_bytes(case.data)
    return open_file(path, **case.options)


def test_the_corpus_is_large_and_every_accident_is_in_it_once() -> None:
    """At least 150 files, each under a name of its own."""
    assert len(CASES) >= 150
    assert [name for name, count in Counter(case.name for case in CASES).items() if count > 1] == []


@pytest.mark.parametrize("case", READABLE, ids=lambda case: case.name)
def test_what_is_in_a_file_comes_out_of_it(case: Case, tmp_path: Path) -> None:
    """Character for character, every row, and what was guessed is said."""
    source = opened(case, tmp_path)
    assert source.header == case.header
    assert tuple(row.cells for row in source.rows()) == case.rows
    assert len(source.notes) == len(case.notes), source.notes
    for note, part in zip(source.notes, case.notes, strict=True):
        assert part in note


@pytest.mark.parametrize("case", READABLE, ids=lambda case: case.name)
def test_no_row_is_lost(case: Case, tmp_path: Path) -> None:
    """As many rows as somebody counts who knows nothing of how the project reads."""
    named = 0 if case.options.get("has_header") is False else 1
    rows = sum(1 for _ in opened(case, tmp_path).rows())
    assert rows == records(case.data, codec=case.codec, delimiter=case.delimiter) - named


@pytest.mark.parametrize("case", READABLE, ids=lambda case: case.name)
def test_an_export_has_the_same_cells_and_is_a_list_again(case: Case, tmp_path: Path) -> None:
    """Read by the csv module, and by the project: the export of an export is the same, byte for byte."""
    source = opened(case, tmp_path)
    written = exported(source)
    text = written.decode("utf-8-sig").removeprefix(f"sep={case.delimiter}\r\n").removeprefix(f"sep={case.delimiter}\n")
    table = list(csv.reader(io.StringIO(text, newline=""), delimiter=case.delimiter, strict=True))
    assert [tuple(row) for row in table] == [case.header, *case.rows]
    again = tmp_path / "again.csv"
    again.write_bytes(written)
    assert exported(open_file(again, delimiter=case.delimiter)) == written


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_what_cannot_be_read_is_refused_with_its_line_and_a_way_out(case: Case, tmp_path: Path) -> None:
    """Three parts: what, with the physical line; why; and a fix."""
    with pytest.raises(InputError) as caught:
        for _ in opened(case, tmp_path).rows():
            pass
    error = caught.value
    assert case.says in error.what
    assert error.why
    assert case.fix in error.fix
    if case.line is not None:
        assert f"line {case.line}" in f"{error.what} {error.why}"


def test_a_name_that_is_no_file(tmp_path: Path) -> None:
    """Nothing waits for a pipe, and a link leads to its file."""
    (tmp_path / "leads.csv").write_text("email\na@example.com\n")
    (tmp_path / "link-to-a-list.csv").symlink_to("leads.csv")
    (tmp_path / "link-to-nowhere.csv").symlink_to("none.csv")
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    assert [row.cells for row in open_file(tmp_path / "link-to-a-list.csv").rows()] == [("a@example.com",)]
    for name, says in [("link-to-nowhere.csv", "cannot be read"), ("folder.csv", "a folder"), ("pipe.csv", "a pipe")]:
        with pytest.raises(InputError, match=says) as caught:
            open_file(tmp_path / name)
        assert caught.value.why
        assert caught.value.fix


@pytest.mark.parametrize("change", ["grows", "shrinks", "is replaced"])
def test_a_file_that_changes_under_the_reader(change: str, tmp_path: Path) -> None:
    """Rows of two versions never become one list."""
    path = tmp_path / f"a-list-that-{change.replace(' ', '-')}.csv"
    path.write_text("email,n\n" + "a@example.com,1\n" * 100_000)
    rows = open_file(path).rows()
    next(rows)
    if change == "grows":
        with path.open("a") as stream:
            stream.write("b@example.com,2\n")
    elif change == "shrinks":
        os.truncate(path, 100_000)
    else:
        (tmp_path / "new.csv").write_text("email,n\n" + "b@example.com,2\n" * 100_000)
        (tmp_path / "new.csv").replace(path)
        list(rows)  # the old file is still the one that is open
        rows = open_file(path).rows()
        assert next(rows).cells == ("b@example.com", "2")
        return
    with pytest.raises(InputError, match="changed while it was read"):
        list(rows)

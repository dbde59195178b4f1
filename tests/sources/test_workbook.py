"""Workbooks: the first sheet that is not hidden, every cell as text."""

from __future__ import annotations

import datetime
import io
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from runner.domain.table import Dialect
from runner.errors import InputError
from runner.sources import Row, Source, open_file, workbook

Sheets = dict[str, Sequence[Sequence[Any]]]


@pytest.fixture
def book(tmp_path: Path) -> Callable[..., Path]:
    """Writes a workbook; the sheets named in `hidden` are."""

    def book(sheets: Sheets, name: str = "leads.xlsx", hidden: Sequence[str] = ()) -> Path:
        made = openpyxl.Workbook()
        made.remove(made.active)
        for title, rows in sheets.items():
            sheet = made.create_sheet(title)
            sheet.sheet_state = "hidden" if title in hidden else "visible"
            for number, row in enumerate(rows, start=1):
                for column, value in enumerate(row, start=1):
                    sheet.cell(number, column, value)
        made.save(tmp_path / name)
        return tmp_path / name

    return book


def cells(source: Source) -> list[tuple[str, ...]]:
    return [row.cells for row in source.rows()]


def test_a_sheet(book):
    """Rows have the sheet's own numbers; an export of it opens in the same program."""
    source = open_file(book({"Leads": [["email", "n"], ["a@example.com", "x"], [], ["", "z"]]}))
    assert (source.name, source.header, source.notes) == ("leads", ("email", "n"), ())
    assert list(source.rows()) == [Row(1, 2, ("a@example.com", "x")), Row(2, 4, ("", "z"))]
    assert cells(source) == cells(source)
    assert source.dialect == Dialect(line_end="\r\n", bom=True)
    assert source.description["sheet"] == "Leads"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("007", "007"),
        ("+14155550100", "+14155550100"),
        (14155550100, "14155550100"),
        (33612345678901, "33612345678901"),
        (3.36e10, "33600000000"),
        (1.5, "1.5"),
        (0.1, "0.1"),
        (-3, "-3"),
        (True, "true"),
        (datetime.date(2026, 11, 21), "2026-11-21"),
        (datetime.datetime.fromisoformat("2026-11-21T08:30"), "2026-11-21T08:30:00"),
        (datetime.time(8, 30), "08:30:00"),
        (datetime.timedelta(hours=30, minutes=5), "30:05:00"),
        ("two\nlines", "two\nlines"),
        (" spaces ", " spaces "),
        ("'quoted", "'quoted"),
        ("ü😀", "ü😀"),
    ],
)
def test_values_as_text(book, value, cell):
    """A phone that was typed as a number has all its digits; dates are ISO 8601."""
    assert cells(open_file(book({"S": [["v", "w"], [value, "x"]]}))) == [(cell, "x")]


def test_of_a_formula_the_last_result_is_read(tmp_path, book):
    """What the spreadsheet program stored beside it; the formula itself is not carried out."""
    path = book({"S": [["a", "b"], [1, "=A2*7"]]})
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    assert b"<f>A2*7</f><v />" in parts[sheet] or b"<f>A2*7</f><v></v>" in parts[sheet]
    parts[sheet] = parts[sheet].replace(b"<v />", b"<v>7</v>").replace(b"<v></v>", b"<v>7</v>")
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    assert cells(open_file(path)) == [("1", "7")]


def test_several_sheets(book):
    """The first that is not hidden, and that is said."""
    source = open_file(book({"Old": [["x"], [1]], "Leads": [["email"], ["a@example.com"]], "Z": []}, hidden=["Old"]))
    assert source.header == ("email",)
    assert source.notes == (
        "of 3 sheets the first that is not hidden is read, 'Leads'; for another: move it to the front",
    )


def test_room_around_the_table(tmp_path):
    """A table may begin anywhere; rows and columns that were only formatted are not part of it."""
    made = openpyxl.Workbook()
    sheet = made.active
    sheet["B3"], sheet["C3"], sheet["B4"], sheet["C5"] = "email", "n", "a@example.com", "z"
    for place in ("E3", "F9", "B40"):
        sheet[place].font = openpyxl.styles.Font(bold=True)
    made.save(tmp_path / "leads.xlsx")
    source = open_file(tmp_path / "leads.xlsx")
    assert source.header == ("email", "n")
    assert list(source.rows()) == [Row(1, 4, ("a@example.com", "")), Row(2, 5, ("", "z"))]


def test_one_column(book):
    """An empty row between others is an empty cell, as in a CSV file."""
    source = open_file(book({"S": [["email"], ["a@example.com"], [], ["b@example.com"]]}))
    assert cells(source) == [("a@example.com",), ("",), ("b@example.com",)]


def test_without_header(book):
    """`--no-header` takes the first row for a row."""
    source = open_file(book({"S": [["a@example.com", 1]]}), has_header=False)
    assert (source.header, cells(source)) == (("column_1", "column_2"), [("a@example.com", "1")])


@pytest.mark.parametrize(
    ("rows", "says", "fix"),
    [
        ([], "is empty", "move the sheet"),
        ([["email", "", "n"], ["a@example.com", "x", "y"]], "column 2 has no name", "row 1"),
        ([["email", "email"], ["a@example.com", "x"]], "columns 1 and 2 are both called 'email'", "row 1"),
        ([["email"], ["a@example.com", "x"]], "column 2 has no name", "row 1"),
        ([["e"], ["x" * 32_767]], "", ""),
    ],
)
def test_sheets_that_are_no_list(book, rows, says, fix):
    """Names that do not tell columns apart are refused, and an empty sheet."""
    path = book({"S": rows})
    if not says:
        assert cells(open_file(path)) == [("x" * 32_767,)]
        return
    with pytest.raises(InputError) as caught:
        open_file(path)
    assert says in caught.value.what
    assert caught.value.why
    assert fix in caught.value.fix


def test_what_is_no_workbook(book, write):
    """Damaged, encrypted or something else in a zip archive: each in its own words."""
    data = book({"S": [["email"], ["a@example.com"]]}).read_bytes()
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    numbers = io.BytesIO()
    with zipfile.ZipFile(numbers, "w") as archive:
        archive.writestr("Index/Document.iwa", "x")
    broken = io.BytesIO()
    with zipfile.ZipFile(broken, "w") as archive:
        archive.writestr("xl/workbook.xml", "<")
    for content, says in [
        (data[: len(data) // 2], "cut off or damaged"),
        (zipped.getvalue(), "a Word document"),
        (numbers.getvalue(), "a Numbers document"),
        (broken.getvalue(), "is damaged: it cannot be read as a workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "is damaged: it cannot be read as a workbook"),
    ]:
        with pytest.raises(InputError, match=says) as caught:
            open_file(write(content, "leads.xlsx"))
        assert caught.value.why
        assert caught.value.fix


def test_all_sheets_hidden(book):
    """Nothing is guessed."""
    path = book({"A": [["x"]], "B": [["x"]]}, hidden=["A"])
    data = path.read_bytes()
    assert open_file(path).header == ("x",)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["xl/workbook.xml"] = parts["xl/workbook.xml"].replace(b'state="visible"', b'state="veryHidden"')
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    with pytest.raises(InputError, match="no sheet that is not hidden"):
        open_file(path)


def test_a_workbook_under_another_name(book):
    """Its bytes tell, and that is said."""
    path = book({"S": [["email"], ["a@example.com"]]})
    source = open_file(path.replace(path.with_name("leads.csv")))
    assert source.header == ("email",)
    assert source.notes == ("leads.csv is a workbook, and read as such",)


@pytest.mark.parametrize("bound", ["_MOST_BYTES", "_MOST_UNPACKED"])
def test_what_is_too_large_is_not_unpacked(book, monkeypatch, bound):
    """A sheet is held in memory whole: the file's own size counts, and what its parts unpack to."""
    path = book({"S": [["email"], ["a@example.com"]]})
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(part.file_size for part in archive.infolist())
    size = path.stat().st_size if bound == "_MOST_BYTES" else unpacked
    monkeypatch.setattr(workbook, bound, size)
    assert cells(open_file(path)) == [("a@example.com",)]
    monkeypatch.setattr(workbook, bound, size - 1)
    with pytest.raises(InputError, match="is too large for a workbook") as caught:
        open_file(path)
    assert caught.value.fix.startswith("Save the sheet as CSV")


def test_content_hash(book):
    """Of the bytes and the sheet."""
    path = book({"S": [["email"], ["a@example.com"]]})
    assert open_file(path).content_hash() == open_file(path).content_hash()
    assert open_file(path).content_hash() != open_file(path, has_header=False).content_hash()


def test_the_reader_is_an_extra(book, monkeypatch):
    """Without it the command that installs it is named."""
    path = book({"S": [["email"]]})
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(InputError, match="what reads it is not installed") as caught:
        open_file(path)
    assert caught.value.fix == "pip install 'bulk-runner[xlsx]'"

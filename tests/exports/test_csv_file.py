import csv
import io
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runner.domain.table import Dialect
from runner.errors import StorageFullError, UsageError
from runner.exports import Layout, Line, Written, export_header
from runner.exports import write as write_out
from runner.exports.cells import guarded, plain_text
from runner.sources import open_file
from tests.exports.rows import BREACH, EMAIL, GOOD, INVALID


def write_csv(target, *, header, operations, lines, dialect, **more: Any) -> Written:
    """The rows once, in a layout of all columns."""
    layout = Layout(header=header, operations=operations)
    return write_out(target, lambda: lines, layout=layout, dialect=dialect, **more)


def export(lines: list[Line], *, header: list[str], dialect: Dialect | None = None, **more: Any) -> bytes:
    """What one operation's export writes to a stream."""
    stream = io.BytesIO()
    write_csv(stream, header=header, operations=[EMAIL], lines=lines, dialect=dialect or Dialect(), **more)
    return stream.getvalue()


def test_a_line():
    """The user's cells come first and are not touched; nothing known is empty."""
    lines = [Line(["=1+1", " a,b "], [GOOD]), Line(["", "x"], [INVALID])]
    assert export(lines, header=["id", "@note"]).decode() == (
        "id,@note,defastra_email_risk_score,defastra_email_signals,defastra_email_state,defastra_email_reason,"
        "defastra_email_debited,defastra_email_attempts,defastra_email_checked_at\n"
        '=1+1," a,b ",7,A | B,succeeded,ok,yes,1,2026-11-21T09:00:00.000Z\n'
        ",x,,,invalid,invalid:email,,,\n"
    )


def test_names_that_are_taken():
    """A column never hides another: the user's own of an earlier export, or one of the same name."""
    header = ["acme_breach_names", "acme_breach_state", "acme_breach_state_2"]
    assert export_header(header, [BREACH])[3:] == (
        "acme_breach_names_2",
        "acme_breach_found",
        "acme_breach_state_3",
        "acme_breach_reason",
        "acme_breach_debited",
        "acme_breach_attempts",
        "acme_breach_checked_at",
    )


def test_two_accounts_of_one_provider_have_columns_of_their_own():
    """The second account of an API keeps its base's column names; in one list they are told apart by a number."""
    second = replace(EMAIL, provider="acme")
    names = export_header(["email"], [second, EMAIL])
    assert len(set(names)) == len(names)
    assert {"defastra_email_risk_score", "defastra_email_risk_score_2"} < set(names)


def test_found_stands_where_the_operation_defines_it():
    """`_found` is true, false or, where nothing is known, empty."""
    stream = io.BytesIO()
    lines = [Line([], [GOOD._replace(found=found)]) for found in (True, False, None)]
    write_csv(stream, header=[], operations=[BREACH], lines=lines, dialect=Dialect())
    rows = list(csv.DictReader(io.StringIO(stream.getvalue().decode())))
    assert [row["acme_breach_found"] for row in rows] == ["true", "false", ""]


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        (Dialect(delimiter=";", line_end="\r\n"), b'a;b\r\n"x;y";1,2\r\n'),
        (Dialect(quote_all=True), b'"a","b"\n"x;y","1,2"\n'),
        (Dialect(delimiter="\t", line_end="\r", bom=True), b"\xef\xbb\xbfa\tb\rx;y\t1,2\r"),
        (Dialect(delimiter="|", sep_line=True, line_end="\r\n"), b"sep=|\r\na|b\r\nx;y|1,2\r\n"),
    ],
)
def test_dialects(dialect, expected):
    """Delimiter, line ends, quoting, mark and `sep=` line are those of the input."""
    stream = io.BytesIO()
    written = write_csv(stream, header=["a", "b"], operations=[], lines=[Line(["x;y", "1,2"], [])], dialect=dialect)
    assert stream.getvalue() == expected
    assert (written.path, written.rows, written.replaced) == (None, 1, True)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-5, "-5"),
        (-1e-07, "-1e-07"),
        ("", ""),
        ("=cmd()", "'=cmd()"),
        ("  =cmd()", "'  =cmd()"),
        ("+cmd", "'+cmd"),
        ("-cmd", "'-cmd"),
        ("@sum", "'@sum"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("\nx", "'\nx"),
        ("\0x", "'\ufffdx"),
        ("\uff1dcmd", "'\uff1dcmd"),
        ("\uff0b1", "'\uff0b1"),
        ("\uff0d1", "'\uff0d1"),
        ("\uff20x", "'\uff20x"),
        ("+33639980123", "+33639980123"),
        ("-12.50", "-12.50"),
        ("+336399801231234567", "'+336399801231234567"),
        ("+33 6 39", "'+33 6 39"),
        ("a=b", "a=b"),
        ([], ""),
        (["a", 1, None, True], "a | 1 |  | true"),
        (["=a", "b"], "'=a | b"),
        ([1, [2]], "[1,[2]]"),
        ({"a": "ü", "b": None}, '{"a":"ü","b":null}'),
    ],
)
def test_values_and_the_guard(value, text):
    """What a provider says becomes text that no spreadsheet runs; numbers and phones stay what they are."""
    assert guarded(value) == text


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_guarded_text_starts_harmlessly(value):
    """Nothing but a number ever starts with what a spreadsheet takes for a formula."""
    text = guarded(value)
    assert text.lstrip()[:1] not in {"=", "@", "\uff1d", "\uff20"}
    assert not text.startswith(("\t", "\r", "\n", "\0"))
    if text.lstrip()[:1] in {"+", "-", "\uff0b", "\uff0d"}:
        float(text)
    assert text.removeprefix("'") == plain_text(value).removeprefix("'")


def test_the_guard_can_be_switched_off():
    """`guard=False` writes what was said."""
    line = [Line(["1"], [GOOD._replace(columns={"risk_score": "=1+1"})])]
    assert b",'=1+1," in export(line, header=["id"])
    assert b",=1+1," in export(line, header=["id"], guard=False)


def test_what_cannot_be_written_down():
    """Half a surrogate pair from a provider's JSON does not stop an export."""
    assert b"1,a?b," in export([Line(["1"], [GOOD._replace(columns={"risk_score": "a\ud800b"})])], header=["id"])


_SIGNS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
_CELL = st.text(_SIGNS, max_size=8) | st.sampled_from(
    ["", '"', '""', ",", ";", "\t", "|", "\n", "\r", "\r\n", "=1", "é", " a ", "'", "007", "a\nb", "\ufeff", "sep=;"]
)


@st.composite
def _tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    width = draw(st.integers(1, 4))
    names = _CELL.filter(lambda name: bool(name.strip()) and not name.lower().startswith(("sep=", "\ufeff")))
    header = draw(st.lists(names, min_size=width, max_size=width, unique=True))
    rows = draw(st.lists(st.lists(_CELL, min_size=width, max_size=width), max_size=6))
    return header, rows


@settings(max_examples=300, deadline=None)
@given(
    table=_tables(),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
@example((["a"], [["x\ry"], [""]]), ",", "\n", csv.QUOTE_MINIMAL, "utf-8")
def test_round_trip(tmp_path_factory, table, delimiter, line_end, quoting, encoding):
    """Any table in any dialect comes back cell for cell and row for row, and so does its export."""
    header, rows = table
    folder = tmp_path_factory.mktemp("trip")
    text = io.StringIO(newline="")
    # The csv module leaves a lone CR or LF bare unless its own line end has it.
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator="\r\n")
    for row in [header, *rows]:
        writer.writerow(row)
        end = text.tell()
        text.seek(end - 2)
        text.truncate()
        text.write(line_end)
    (folder / "in.csv").write_bytes(text.getvalue().encode(encoding))

    source = open_file(folder / "in.csv", delimiter=delimiter)
    assert source.header == tuple(header)
    assert [list(row.cells) for row in source.rows()] == rows
    assert source.dialect.line_end == line_end

    lines = (Line(row.cells, [GOOD]) for row in source.rows())
    written = write_csv(
        folder / "out.csv", header=source.header, operations=[EMAIL], lines=lines, dialect=source.dialect
    )
    assert written.rows == len(rows)
    again = open_file(folder / "out.csv", delimiter=delimiter)
    assert again.header == export_header(header, [EMAIL])
    assert [list(row.cells[: len(header)]) for row in again.rows()] == rows
    assert {row.cells[len(header) :][1] for row in again.rows()} <= {"A | B"}


def test_own_columns_are_equal_byte_for_byte(tmp_path):
    """Where the input is written as writers write, each exported line starts with the very bytes of its input line."""
    content = b'\xef\xbb\xbf"id";"note"\r\n"1";"say ""hi"""\r\n"2";" \xc3\xa9 "\r\n'
    (tmp_path / "in.csv").write_bytes(content)
    source = open_file(tmp_path / "in.csv")
    lines = (Line(row.cells, [GOOD]) for row in source.rows())
    write_csv(tmp_path / "out.csv", header=source.header, operations=[EMAIL], lines=lines, dialect=source.dialect)
    ours = (tmp_path / "out.csv").read_bytes().split(b"\r\n")
    assert all(line.startswith(own) for line, own in zip(ours, content.split(b"\r\n"), strict=True))


def write(target: Path, lines: Iterator[Line] | None = None):
    """An export of one row."""
    return write_csv(target, header=["a"], operations=[], lines=lines or iter([Line(["1"], [])]), dialect=Dialect())


def test_a_file_is_replaced_whole(tmp_path):
    """A new file is the owner's alone; one that exists keeps its permissions; nothing is left beside it."""
    target = tmp_path / "out.csv"
    assert write(target).path == target
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    target.chmod(0o644)
    assert write(target).replaced
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert target.read_text() == "a\n1\n"
    assert list(tmp_path.iterdir()) == [target]


def test_a_broken_export_leaves_the_old_file(tmp_path):
    """Whatever stops it half-way, the file that was there stays and nothing is left beside it."""
    target = tmp_path / "out.csv"
    target.write_text("old")

    def lines() -> Iterator[Line]:
        yield Line(["1"], [])
        assert len(list(tmp_path.iterdir())) == 2
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(target, lines())
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_stays_a_link(tmp_path):
    """The file behind a link is replaced, not the link."""
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("real.csv")
    write(tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text() == "a\n1\n"


def test_a_locked_target_gets_a_neighbour(tmp_path, monkeypatch):
    """A file that another program holds is left alone, and the export lies beside it."""
    target = tmp_path / "out.csv"
    target.write_text("open in a spreadsheet")
    replace = Path.replace

    def locked(self: Path, to: Path) -> Path:
        if to == target:
            raise PermissionError(13, "locked")
        return replace(self, to)

    monkeypatch.setattr(Path, "replace", locked)
    written = write(target)
    assert (written.path, written.replaced) == (tmp_path / "out.new.csv", False)
    assert (tmp_path / "out.new.csv").read_text() == "a\n1\n"
    assert target.read_text() == "open in a spreadsheet"


def test_targets_that_are_no_files(tmp_path):
    """A folder is refused, a missing one named; a device is written to and never replaced."""
    with pytest.raises(UsageError, match="is a directory"):
        write(tmp_path)
    with pytest.raises(UsageError, match="could not be written"):
        write(tmp_path / "none" / "out.csv")
    assert write(Path(os.devnull)).rows == 1
    assert Path(os.devnull).is_char_device()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk():
    """A full disk is its own error: nothing more can be stored."""
    with pytest.raises(StorageFullError, match="the disk is full"):
        write(Path("/dev/full"))


def test_a_stream_is_written_as_it_goes():
    """Lines leave in pieces while later ones are still being read; all of them, in order."""
    pieces: list[bytes] = []

    class Stream(io.BytesIO):
        def write(self, data) -> int:
            pieces.append(bytes(data))
            return len(data)

    def lines() -> Iterator[Line]:
        for number in range(2500):
            yield Line([str(number)], [])
            if number == 2000:
                assert len(pieces) == 2

    written = write_csv(Stream(), header=["n"], operations=[], lines=lines(), dialect=Dialect())
    assert written.rows == 2500
    assert b"".join(pieces).split() == [b"n", *(str(number).encode() for number in range(2500))]

import codecs
import csv
import io
import os
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.domain.table import Dialect
from runner.errors import InputError
from runner.sources import Row, Source, open_file


def cells(source: Source) -> list[tuple[str, ...]]:
    return [row.cells for row in source.rows()]


def test_a_plain_list(write):
    """Header, rows with their number and physical line, every value text as written."""
    source = open_file(write('id,note\n007," a, b "\n+1,"two\nlines"\n1.50,\n'))
    assert source.name == "leads"
    assert source.header == ("id", "note")
    assert list(source.rows()) == [
        Row(1, 2, ("007", " a, b ")),
        Row(2, 3, ("+1", "two\nlines")),
        Row(3, 5, ("1.50", "")),
    ]
    assert next(source.rows()).label() == "row 1 (line 2)"
    assert not source.keyed
    assert source.notes == ()


def test_rows_can_be_read_again(write):
    """Every call of `rows` starts from the first row."""
    source = open_file(write("a\n1\n2\n"))
    first = source.rows()
    next(first)
    assert cells(source) == cells(source) == [("1",), ("2",)]


@pytest.mark.parametrize(
    ("content", "encoding", "bom"),
    [
        ("e,n\na,Ä\n".encode(), "utf-8", False),
        ("e,n\na,Ä\n".encode("utf-8-sig"), "utf-8-sig", True),
        ("e,n\na,Ä\n".encode("utf-16"), "utf-16", True),
        (codecs.BOM_UTF16_BE + "e,n\na,Ä\n".encode("utf-16-be"), "utf-16", True),
        ("e,n\na,Ä\n".encode("cp1252"), "cp1252", True),
    ],
)
def test_encodings(write, content, encoding, bom):
    """The mark decides, else UTF-8, else cp1252; an export is marked unless the list was plain UTF-8."""
    source = open_file(write(content))
    assert (source.header, cells(source)) == (("e", "n"), [("a", "Ä")])
    assert source.description["encoding"] == encoding
    assert source.dialect.bom is bom


def test_a_guessed_encoding_is_shown_with_a_sample(write):
    """A person can see at a glance whether the guess is right, and whole values are not shown."""
    source = open_file(write("name\nada\nDonaudampfschifffährt\n".encode("cp1252")))
    (note,) = source.notes
    assert 'line 3 has "ifffährt"' in note
    assert "--encoding" in note


def test_a_given_encoding(write):
    """`--encoding` is taken at its word, and a mark it does not mention is left out all the same."""
    assert cells(open_file(write("n\nŁ\n".encode("cp1250")), encoding="CP1250")) == [("Ł",)]
    assert open_file(write("n\nŁ\n".encode("utf-8-sig")), encoding="utf8").header == ("n",)
    assert open_file(write("n\nŁ\n".encode("utf-16")), encoding="utf-16-le").header == ("n",)
    assert open_file(write("n\nŁ\n".encode("utf-16-le")), encoding="utf-16-le").header == ("n",)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_found(write, delimiter):
    """The delimiter is the one that fits every row; quoted others do not confuse it."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([["a", "b", "c"], ["1", ",;|\t", "x;y"], ["2", "", "p,q"]])
    source = open_file(write(text.getvalue()))
    assert source.dialect.delimiter == delimiter
    assert cells(source) == [("1", ",;|\t", "x;y"), ("2", "", "p,q")]


def test_only_four_delimiters_are_guessed(write):
    """Letters, spaces and colons never separate columns by themselves: a list of one column stays one."""
    assert cells(open_file(write("first name\nAda L:x\nGrace H:y\n"))) == [("Ada L:x",), ("Grace H:y",)]


def test_a_given_delimiter(write):
    """`--delimiter` may be any character, or `tab`."""
    assert open_file(write("a:b\n1:2\n"), delimiter=":").header == ("a", "b")
    assert open_file(write("a\tb,c\n1\t2\n"), delimiter="tab").header == ("a", "b,c")


def test_two_fitting_delimiters_are_asked_about(write):
    """Where two give the same number of columns, nothing is guessed."""
    with pytest.raises(InputError, match="could be separated") as raised:
        open_file(write("a,b;c\n1,2;3\n"))
    assert raised.value.fix == "--delimiter ','\n--delimiter ';'"


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;"])
def test_excels_sep_line(write, line):
    """`sep=` names the delimiter, is no row, and counts as a line."""
    source = open_file(write(f"{line}\r\na;b,c\r\n1;2,3\r\n"))
    assert source.header == ("a", "b,c")
    assert list(source.rows()) == [Row(1, 3, ("1", "2,3"))]
    assert source.dialect == Dialect(delimiter=";", line_end="\r\n", sep_line=True)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
def test_line_ends_and_quoting_are_noticed(write, line_end, quoting):
    """An export can repeat how the list was written."""
    text = io.StringIO()
    csv.writer(text, lineterminator=line_end, quoting=quoting).writerows([["a", "b"], ["1", 'x"y'], ["2", "p,q"]])
    source = open_file(write(text.getvalue().encode()))
    assert source.dialect == Dialect(line_end=line_end, quote_all=quoting == csv.QUOTE_ALL)
    assert Dialect.from_json(source.description["dialect"]) == source.dialect


def test_without_header(write):
    """`--no-header` takes the first line for a row and numbers the columns."""
    source = open_file(write("ada@example.com,1\ngrace@example.com,2\n"), has_header=False)
    assert source.header == ("column_1", "column_2")
    assert next(source.rows()) == Row(1, 1, ("ada@example.com", "1"))


def test_blank_lines(write):
    """Blank lines are no rows; in a list of one column they are empty cells, but for those at the end."""
    assert list(open_file(write("\na,b\n\n1,2\n\n\n3,4\n\n")).rows()) == [Row(1, 4, ("1", "2")), Row(2, 7, ("3", "4"))]
    one = open_file(write("a\n1\n\n\n2\n\n\n"))
    assert list(one.rows()) == [Row(1, 2, ("1",)), Row(2, 3, ("",)), Row(3, 4, ("",)), Row(4, 5, ("2",))]


def test_a_header_alone(write):
    """A list without rows is a list without rows."""
    assert cells(open_file(write("a,b\n"))) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a,a\n1,2\n", "columns 1 and 2 are both called 'a'"),
        ("a,,c\n1,2,3\n", "column 2 has no name"),
        (b"PK\x03\x04 and so on", "a zip archive or workbook that is cut off"),
        (b"\x1f\x8b\x08", "is cut off"),
        (b"SQLite format 3\0", "a SQLite database"),
        ("a\n1\n\0\n", "NUL character on line 3"),
        ("a,b\n1,2\n".encode("utf-16-le"), "NUL character on line 1"),
        (b"a\n\xff\x81\n", "neither UTF-8 nor cp1252"),
        (codecs.BOM_UTF8 + b"a\nb\n\xff\n", "is not utf-8-sig"),
        (b"a\n" + b"x" * 3_000_000, "a line of a megabyte"),
        ("a\n" + "x" * 131_073 + "\n", "line 2 has a value of more than"),
    ],
)
def test_what_is_no_list(write, content, message):
    """Each has its own sentence, with a way out."""
    with pytest.raises(InputError, match=message) as raised:
        cells(open_file(write(content)))
    assert raised.value.why
    assert raised.value.fix


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n3\n", "line 3 has 1 fields, the header has 2"),
        ('a,b\n1,"x\ny"\n3,4,5\n', "line 4 has 3 fields"),
        ('a,b\n1,2\n"3,4\n5,6\n', "a quote that opens in the row on line 3 is never closed"),
        ('a,b\n1,2\n"3"x,4\n', "line 3 is not CSV"),
        ('a,b\n1,"2\n3,"4"\n', "the row on lines 2 to 3 is not CSV"),
    ],
)
def test_broken_rows_are_named_by_their_line(write, content, message):
    """The physical line is what an editor shows, embedded line ends counted; a fix goes with it."""
    source = open_file(write(content))
    with pytest.raises(InputError, match=message) as raised:
        cells(source)
    assert raised.value.fix


def test_an_endless_quote(write):
    """A quote that is never closed in a long file is told by its first line, not by the size of the value."""
    source = open_file(write('a,b\n"1,2\n' + "3,4\n" * 40_000))
    with pytest.raises(InputError, match="opens in the row on line 2 is not closed after"):
        cells(source)


def test_what_is_no_file(write, tmp_path):
    """A missing file, a folder and a pipe are refused without waiting; a link is followed."""
    with pytest.raises(InputError, match="cannot be read"):
        open_file(tmp_path / "none.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InputError, match="is a folder"):
        open_file(tmp_path)
    with pytest.raises(InputError, match="a pipe or a device"):
        open_file(tmp_path / "pipe.csv")
    (tmp_path / "link.csv").symlink_to(write("a\n1\n"))
    assert cells(open_file(tmp_path / "link.csv")) == [("1",)]


@pytest.mark.parametrize("name", ["nope", "base64", "rot13"])
def test_unknown_encodings(write, name):
    """Only codecs of text are encodings."""
    with pytest.raises(InputError, match="unknown encoding"):
        open_file(write("a\n"), encoding=name)


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n"])
def test_unusable_delimiters(write, delimiter):
    """A delimiter is one character that can delimit."""
    with pytest.raises(InputError, match="cannot separate columns"):
        open_file(write("a\n"), delimiter=delimiter)


def test_a_file_that_changes(write):
    """Rows of two versions never mix: a file that grows while it is read, or after it was opened, is refused."""
    path = write("a\n1\n2\n")
    source = open_file(path)
    rows = source.rows()
    next(rows)
    with path.open("a") as stream:
        stream.write("3\n")
    with pytest.raises(InputError, match="changed while it was read"):
        list(rows)
    with pytest.raises(InputError, match="changed while it was read"):
        cells(source)


def test_content_hash(write):
    """Equal for equal content read equally, whatever the file's name; another byte or reading changes it."""
    first = open_file(write("a;b\n1;2\n")).content_hash()
    assert first == open_file(write("a;b\n1;2\n", "other.csv")).content_hash()
    assert first == open_file(write("a;b\n1;2\n"), delimiter=";", encoding="UTF8").content_hash()
    others = [
        open_file(write("a;b\n1;3\n")),
        open_file(write("a;b\n1;2\n"), delimiter=","),
        open_file(write("a;b\n1;2\n"), has_header=False),
    ]
    assert len({first, *(other.content_hash() for other in others)}) == 4


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet='a,;"\n\r\t |=\0ü', max_size=60).map(str.encode))
def test_any_bytes_are_a_list_or_an_error_for_people(tmp_path_factory, content):
    """No file makes anything but rows as wide as the header, numbered in order, or an InputError."""
    path = tmp_path_factory.mktemp("any") / "any.csv"
    path.write_bytes(content)
    try:
        source = open_file(path)
        rows = list(source.rows())
    except InputError:
        return
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    assert {len(row.cells) for row in rows} <= {len(source.header)}


def test_memory_does_not_grow_with_the_file(write):
    """A list of five megabytes needs no more memory than one of two, from opening to the last row."""

    def peak(rows: int) -> int:
        path = write("id,email\n" + "".join(f"{number},someone@example.com\n" for number in range(rows)))
        tracemalloc.start()
        try:
            assert sum(1 for _ in open_file(path).rows()) == rows
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(80_000)  # what is loaded once
    assert peak(200_000) < peak(80_000) + 500_000

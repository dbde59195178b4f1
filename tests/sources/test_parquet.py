"""Parquet files: streamed, and every type as faithful text."""

from __future__ import annotations

import datetime
import decimal
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from runner.errors import InputError
from runner.sources import Row, open_file, records
from tests.sources.exported import exported

Store = Callable[..., Path]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Writes columns as a Parquet file."""

    def store(columns: dict[str, Any], name: str = "leads.parquet", **options: Any) -> Path:
        parquet.write_table(pa.table(columns), tmp_path / name, **options)
        return tmp_path / name

    return store


def test_a_file(store):
    """Columns by name, rows by number; there are no lines."""
    source = open_file(store({"email": ["a@example.com", None], "n": [1, 2]}))
    assert (source.name, source.header, source.notes) == ("leads", ("email", "n"), ())
    assert list(source.rows()) == [Row(1, None, ("a@example.com", "1")), Row(2, None, ("", "2"))]
    assert source.description["kind"] == "parquet"


_AT = datetime.datetime.fromisoformat("2026-11-21T09:05:00.25")


@pytest.mark.parametrize(
    ("values", "kind", "texts"),
    [
        (["007", "", None], pa.string(), ["007", "", ""]),
        ([14155550100, None], pa.int64(), ["14155550100", ""]),
        ([2**64 - 1], pa.uint64(), ["18446744073709551615"]),
        ([14155550100.0, float("nan"), None, 0.1], pa.float64(), ["14155550100", "", "", "0.1"]),
        ([0.1, 3.0, float("nan"), None], pa.float32(), ["0.1", "3", "", ""]),
        ([decimal.Decimal("1.50")], pa.decimal128(10, 2), ["1.50"]),
        ([True, False, None], pa.bool_(), ["true", "false", ""]),
        ([datetime.date(2026, 11, 21)], pa.date32(), ["2026-11-21"]),
        ([_AT], pa.timestamp("us"), ["2026-11-21T09:05:00.250000"]),
        ([_AT], pa.timestamp("ns"), ["2026-11-21T09:05:00.250000"]),
        ([1], pa.timestamp("ns"), ["1970-01-01T00:00:00.000000001"]),
        ([_AT.replace(tzinfo=datetime.UTC)], pa.timestamp("ms", tz="UTC"), ["2026-11-21T09:05:00.250000+00:00"]),
        ([datetime.time(9, 5)], pa.time64("ns"), ["09:05:00"]),
        ([datetime.timedelta(hours=30)], pa.duration("ns"), ["30:00:00"]),
        ([b"\xc3\xa9", b"\xff"], pa.binary(), ["é", "ff"]),
        ([["ü", None]], pa.list_(pa.string()), ['["ü",null]']),
        ([{"a": 1, "d": datetime.date(2026, 1, 2)}], pa.struct({"a": pa.int8(), "d": pa.date32()}),
         ['{"a":1,"d":"2026-01-02"}']),
        ([None, None], pa.null(), ["", ""]),
    ],
)  # fmt: skip
def test_values_as_text(store, values, kind, texts):
    """Whole numbers have no `.0`, what is missing is empty, times are ISO 8601, what is nested is compact JSON."""
    rows = open_file(store({"v": pa.array(values, kind)})).rows()
    assert [row.cells[0] for row in rows] == texts


@pytest.mark.parametrize(
    ("kind", "whole", "fine"),
    [
        (pa.timestamp("ns"), "1970-01-01T00:00:01", "1970-01-01T00:00:01.000000500"),
        (pa.timestamp("ns", tz="Europe/Berlin"), "1970-01-01T01:00:01+01:00", "1970-01-01T01:00:01.000000500+01:00"),
        (pa.timestamp("ns", tz="UTC"), "1970-01-01T00:00:01+00:00", "1970-01-01T00:00:01.000000500+00:00"),
        (pa.time64("ns"), "00:00:01", "00:00:01.000000500"),
        (pa.duration("ns"), "0:00:01", "0:00:01.0000005"),
    ],
    ids=str,
)
def test_a_value_is_the_same_text_whatever_stands_beside_it(store, kind, whole, fine):
    """One that is finer than microseconds changes itself alone; a row is known again by its cells."""
    values = pa.array([10**9, None, 10**9 + 500], kind)
    for column, texts in [(values, [whole, "", fine]), (values[:1], [whole]), (values[2:], [fine])]:
        assert [row.cells[0] for row in open_file(store({"v": column})).rows()] == texts


def test_what_is_finer_than_microseconds_is_after_them_also_before_1970(store):
    """A time that is counted backwards is none in the next microsecond."""
    values = pa.array([-1, -1001], pa.timestamp("ns"))
    texts = ["1969-12-31T23:59:59.999999999", "1969-12-31T23:59:59.999998999"]
    assert [row.cells[0] for row in open_file(store({"v": values})).rows()] == texts


def test_dictionaries_are_their_values(store):
    """How a column is packed is nothing a reader sees."""
    path = store({"v": pa.array(["a", "b", "a"]).dictionary_encode()})
    assert [row.cells for row in open_file(path).rows()] == [("a",), ("b",), ("a",)]


def test_many_row_groups(store):
    """Every row of every group, in order."""
    path = store({"n": list(range(5000))}, row_group_size=700)
    assert [row.cells[0] for row in open_file(path).rows()] == [str(number) for number in range(5000)]


def test_what_is_no_list(store, write):
    """Names that do not tell columns apart, values that no cell holds, and damage."""
    two = parquet_of_two_alike(store)
    whole = store({"email": ["a@example.com"] * 1000}).read_bytes()
    nul = store({"email": ["a@example.com", "x\0"]}, name="nul.parquet")
    for path, says in [
        (two, "columns 1 and 2 are both called 'a'"),
        (nul, "row 2 has a NUL character in 'email'"),
        (write(whole[:-20], "cut.parquet"), "is damaged"),
        (write(b"PAR1" + b"x" * 100 + b"PAR1", "junk.parquet"), "is damaged"),
    ]:
        with pytest.raises(InputError, match=says) as caught:
            list(open_file(path).rows())
        assert caught.value.why
        assert caught.value.fix


_NOT_UTF8 = pa.Array.from_buffers(pa.string(), 1, pa.array([b"ada\xff"], pa.binary()).buffers())


@pytest.mark.parametrize(
    ("kind", "values", "why"),
    [
        (pa.date32(), [0, 10_000_000], "as date32.day. it lies outside the years 1 to 9999"),
        (pa.timestamp("us"), [0, 10**18], "as timestamp.us. it lies outside"),
        (pa.timestamp("s", tz="UTC"), [0, -(10**13)], "lies outside"),
        (pa.duration("s"), [0, 2**62], "longer than any time"),
        (pa.timestamp("us", tz="Mars/Phobos"), [None, 0], "its time zone is not known here: Mars/Phobos"),
        (pa.timestamp("ns", tz="Mars/Phobos"), [None, 1], "its time zone is not known here: Mars/Phobos"),
        (pa.list_(pa.timestamp("ns")), [[0], [1]], "list<.*timestamp.ns.> can be: finer than microseconds"),
        (pa.struct({"d": pa.date32()}), [{"d": 0}, {"d": 10_000_000}], "lies outside"),
        (pa.string(), pa.concat_arrays([pa.array(["ada"]), _NOT_UTF8]), "its bytes are no UTF-8"),
    ],
)
def test_values_that_have_no_text(store, kind, values, why):
    """What no date, no time and no text can be is told by its row and column, and is no damage."""
    column = values if isinstance(values, pa.Array) else pa.array(values, kind)
    path = store({"n": pa.array(range(1002)), "v": pa.concat_arrays([pa.nulls(1000, kind), column])})
    rows = open_file(path).rows()
    with pytest.raises(InputError, match="row 1002 has a value in 'v' that cannot be read") as caught:
        list(rows)
    assert re.search(why, caught.value.why)
    assert caught.value.fix == "Write the column 'v' as text."


def parquet_of_two_alike(store: Store) -> Path:
    path = store({"x": [1]}, name="two.parquet")
    parquet.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), path)
    return path


def test_a_name_that_begins_with_a_mark(store, write):
    """An export of it is marked, so that the name is read again as it was."""
    source = open_file(store({"\ufeffemail": ["a@example.com"]}))
    again = open_file(write(exported(source), "exported.csv"))
    assert (source.dialect.bom, again.header) == (True, ("\ufeffemail",))
    assert not open_file(store({"email": [""]})).dialect.bom


def test_too_many_columns(store, monkeypatch):
    """Nothing is delimited in it."""
    monkeypatch.setattr(records, "MOST_COLUMNS", 2)
    with pytest.raises(InputError, match="has 3 columns") as caught:
        open_file(store({"a": [""], "b": [""], "c": [""]}))
    assert caught.value.fix == "Write it again with the columns that its requests need."


def test_a_file_that_changes(store):
    """Rows of two versions never mix."""
    path = store({"n": list(range(5000))}, row_group_size=700)
    rows = open_file(path).rows()
    next(rows)
    with path.open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(InputError, match="changed while it was read"):
        list(rows)


def test_content_hash(store):
    """Of the bytes, whatever the name."""
    first = open_file(store({"n": [1]})).content_hash()
    assert first == open_file(store({"n": [1]}, name="other.parquet")).content_hash()
    assert first != open_file(store({"n": [2]})).content_hash()


def test_the_reader_is_an_extra(store, monkeypatch):
    """Without it the command that installs it is named."""
    path = store({"n": [1]})
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(InputError, match="what reads it is not installed") as caught:
        open_file(path)
    assert caught.value.fix == "pip install 'bulk-runner[parquet]'"

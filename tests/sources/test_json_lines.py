"""JSON lines: the keys of all lines are the columns, and every value comes out as it was written."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import InputError
from runner.sources import Row, open_file
from tests.sources.exported import exported


def test_objects_become_rows(write):
    """A key that a line has not, and null, are empty; blank lines are none; lines are those of the file."""
    source = open_file(write('{"email":"a@example.com","n":null}\n\n{"tag":"x","email":""}\n', "leads.jsonl"))
    assert source.header == ("email", "n", "tag")
    assert list(source.rows()) == [Row(1, 1, ("a@example.com", "", "")), Row(2, 3, ("", "", "x"))]
    assert (source.name, source.notes, source.keyed) == ("leads", (), False)
    assert source.description["kind"] == "jsonl"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ('"007"', "007"),
        ("14155550100", "14155550100"),
        ("336000000000000000000000001", "336000000000000000000000001"),
        ("3.36E+10", "3.36E+10"),
        ("1.10", "1.10"),
        ("-0", "-0"),
        ("true", "true"),
        ("false", "false"),
        ("null", ""),
        ('"null"', "null"),
        ('"\\u00fc\\ud83d\\ude00"', "ü😀"),
        ('"a\\nb\\t\\"c\\""', 'a\nb\t"c"'),
        ('{"a": [1.0, {"b": null}], "c": "ü"}', '{"a":[1.0,{"b":null}],"c":"ü"}'),
        ("[]", "[]"),
    ],
)
def test_values_keep_what_they_are_written_with(write, value, cell):
    """Numbers their digits, texts their zeros; what is nested is compact JSON."""
    ((row,),) = [[row.cells for row in open_file(write(f'{{"v": {value}}}\n', "leads.ndjson")).rows()]]
    assert row == (cell,)


@pytest.mark.parametrize(
    ("content", "says", "why"),
    [
        ("", "is empty", "no line"),
        ("{}\n{}\n", "is empty", "no line"),
        ('{"a":1}\n{"a":1\n', "line 2 is not a JSON object", "Expecting"),
        ('{"a":1}\n[1]\n', "line 2 is not a JSON object", "an array"),
        ('{"a":1}\n7\n', "line 2 is not a JSON object", "a single value"),
        ('{"a":1} {"a":2}\n', "line 1 is not a JSON object", "Extra data"),
        ('{"a":1,"a":2}\n', "line 1 is not a JSON object", "two keys of the same name"),
        ('{"a":NaN}\n', "line 1 is not a JSON object", "NaN is no JSON"),
        ('{"a":1}\n{"":2}\n', "has no name", "a key of its objects"),
        ('{"a":"\\u0000"}\n', "line 1 has a NUL character in 'a'", "no spreadsheet"),
        ('{"b":1}\n{"a\\ud800":1}\n', "the name of column 2 has half a surrogate pair", "no letter"),
        ('{"a\\u0000":1}\n', "the name of column 1 has a NUL character", "no text has one"),
        ('{"b":1}\n{"a":"\\ud800"}\n', "line 2 has half a surrogate pair in 'a'", "no letter"),
        ('{"a":"' + "x" * 131_073 + '"}\n', "line 1 has more than 131,072 characters in 'a'", "that long"),
        ('{"a":' + "[" * 100_000 + "]" * 100_000 + "}\n", "line 1 is not a JSON object", "nested too deep"),
        ('{"a":1}\n' + "".join(f'{{"k{n}":1}}\n' for n in range(17_000)), "16,385 different keys", "every key"),
    ],
)
def test_what_is_no_list(write, content, says, why):
    """The line is named, and nothing is guessed."""
    with pytest.raises(InputError) as caught:
        list(open_file(write(content, "leads.jsonl")).rows())
    assert says in caught.value.what
    assert why in caught.value.why
    assert caught.value.fix


def test_lines_under_another_name(write):
    """The first line tells; that it is not CSV is said. A named delimiter speaks for CSV, a name for what it is."""
    path = write('{"a":"1"}\n{"b":"2"}\n')
    source = open_file(path)
    assert (source.header, source.notes) == (("a", "b"), ("leads.csv is JSON lines, and read as such",))
    assert open_file(path, delimiter=",").header == ('{"a":"1"}',)
    assert open_file(write('{"a":"1"}\n', "leads.jsonl"), delimiter=";").header == ("a",)


def test_encodings(write):
    """As of CSV: by the mark, else UTF-8, else the guess that is said."""
    assert open_file(write('{"ü":1}\n'.encode("utf-16"), "leads.jsonl")).header == ("ü",)
    assert open_file(write('\ufeff{"ü":1}\n', "leads.jsonl")).header == ("ü",)
    (note,) = open_file(write('{"ü":1}\n'.encode("cp1252"), "leads.jsonl")).notes
    assert "cp1252" in note


def test_a_file_that_changes(write):
    """Lines of two versions never mix."""
    path = write('{"a":1}\n{"a":2}\n', "leads.jsonl")
    rows = open_file(path).rows()
    next(rows)
    path.write_text('{"a":1}\n{"b":2}\n{"c":3}\n')
    with pytest.raises(InputError, match="changed while it was read"):
        list(rows)


def test_content_hash(write):
    """Of the bytes, whatever the name; the same bytes read as CSV are another list."""
    one = open_file(write('{"a":"1"}\n', "one.jsonl"))
    assert one.content_hash() == open_file(write('{"a":"1"}\n', "two.jsonl")).content_hash()
    assert one.content_hash() != open_file(write('{"a":"1"}\n', "two.csv"), delimiter=";").content_hash()


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.dictionaries(_TEXT.filter(str.strip), _TEXT | st.none(), min_size=1), min_size=1, max_size=6))
def test_in_and_out(tmp_path_factory, objects):
    """Whatever texts go in come out of the export, every line of them."""
    path = tmp_path_factory.mktemp("lines") / "leads.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in objects))
    header, *found = csv.reader(io.StringIO(exported(open_file(path)).decode(), newline=""))
    assert header == list(dict.fromkeys(key for one in objects for key in one))
    assert found == [[one.get(key) or "" for key in header] for one in objects]


def test_memory_does_not_grow_with_the_file(write):
    """Twice the lines need no more memory, from opening to the last row."""

    def peak(rows: int) -> int:
        path = write("".join(f'{{"id":{number},"email":"someone@example.com"}}\n' for number in range(rows)), "l.jsonl")
        tracemalloc.start()
        try:
            assert sum(1 for _ in open_file(path).rows()) == rows
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(20_000)
    assert peak(40_000) < peak(20_000) + 500_000

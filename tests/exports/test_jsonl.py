"""JSON lines: own cells as texts under their names, the provider's values as they were typed."""

from __future__ import annotations

import gzip
import io
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.domain.table import Dialect
from runner.errors import UsageError
from runner.exports import Layout, Line, format_of, write
from runner.exports.jsonl import write_jsonl
from tests.exports.rows import BREACH, EMAIL, GOOD, GOOD_VALUES, INVALID


def written(target: Path, lines: list[Line], layout: Layout) -> Any:
    """The rows in a file of the target's format."""
    return write(target, lambda: lines, layout=layout, dialect=Dialect())


def test_a_row_is_an_object(tmp_path):
    """Own cells stay text, numbers and lists stay what they are, what is not known is null; nothing is guarded."""
    lines = [Line(["007", "=1+1"], [GOOD]), Line(["", "x"], [INVALID])]
    written(tmp_path / "out.jsonl", lines, Layout(header=["id", "note"], operations=[EMAIL]))
    first, second = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert first == {"id": "007", "note": "=1+1", **GOOD_VALUES}
    assert list(first) == list(second)
    assert (second["id"], second["defastra_email_risk_score"], second["defastra_email_attempts"]) == ("", None, None)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.tuples(st.text(), _JSON), max_size=5))
def test_values_come_back_as_they_went(rows):
    """Any text and any JSON value, line breaks of every kind among them, is on one line and reads back equal."""
    stream = io.BytesIO()
    lines = [Line([cell], [GOOD._replace(columns={"risk_score": value})]) for cell, value in rows]
    count = write_jsonl(stream, lines, Layout(header=["cell"], operations=[EMAIL]))
    found = [json.loads(line) for line in stream.getvalue().split(b"\n")[:-1]]
    assert count == len(rows) == len(found)
    assert [(row["cell"], row["defastra_email_risk_score"]) for row in found] == rows


def test_every_row_is_written_once():
    """However many are gathered before they are written."""
    stream = io.BytesIO()
    rows = (Line([str(number)], []) for number in range(2_001))
    assert write_jsonl(stream, rows, Layout(header=["n"], operations=[])) == 2_001
    assert stream.getvalue().decode() == "".join(f'{{"n":"{number}"}}\n' for number in range(2_001))


def test_half_a_surrogate_pair_is_an_escape(tmp_path):
    """What UTF-8 cannot hold is kept all the same."""
    lines = [Line(["ü"], [GOOD._replace(columns={"risk_score": "a\ud800b"})])]
    written(tmp_path / "o.jsonl", lines, Layout(header=["id"], operations=[EMAIL]))
    row = json.loads((tmp_path / "o.jsonl").read_bytes())
    assert (row["id"], row["defastra_email_risk_score"]) == ("ü", "a\ud800b")


def test_the_stored_answer_is_a_text(tmp_path):
    """`raw` is a column of each operation; where nothing is kept it is null; bytes that are no text are replaced."""
    lines = [
        Line(["1"], [GOOD._replace(raw=b'{"a": 1}')]),
        Line(["2"], [GOOD._replace(raw=b"\xff{")]),
        Line(["3"], [INVALID]),
    ]
    written(tmp_path / "o.jsonl", lines, Layout(header=["id"], operations=[EMAIL], raw=True))
    found = [json.loads(line)["defastra_email_raw"] for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert found == ['{"a": 1}', "\ufffd{", None]
    stream = io.BytesIO()
    write(stream, lambda: lines[:1], layout=Layout(header=["id"], operations=[EMAIL], raw=True), dialect=Dialect())
    assert stream.getvalue().decode().endswith(',"{""a"": 1}"\n')


def test_columns_are_chosen_and_ordered():
    """By the whole name, or a short one for every operation; each once; own columns among them."""
    layout = Layout(
        header=["id", "state"], operations=[EMAIL, BREACH], chosen=["acme_breach_names", "debited", "state"]
    )
    names = ("acme_breach_names", "defastra_email_debited", "acme_breach_debited", "state")
    assert layout.names() == names
    assert layout.origins() == ("result", "text", "text", "own")
    line = Line(["1", "mine"], [GOOD, GOOD._replace(columns={"names": ["x"]}, found=True)])
    assert layout.values()(line) == [["x"], "yes", "yes", "mine"]
    assert layout.texts(guard=True)(line) == ["x", "yes", "yes", "mine"]
    again = Layout(header=["id"], operations=[EMAIL], chosen=["id", "risk_score", "id", "defastra_email_risk_score"])
    assert again.names() == ("id", "defastra_email_risk_score")


def test_a_column_that_is_not_there_is_told_with_the_nearest():
    """The list of names is that of the header and the short ones."""
    with pytest.raises(UsageError) as refused:
        Layout(header=["id"], operations=[EMAIL], chosen=["risk_scor"]).names()
    assert refused.value.fix == "--columns risk_score"
    assert "id, risk_score, signals, state" in refused.value.why
    with pytest.raises(UsageError, match="no column 'raw'"):
        Layout(header=["id"], operations=[EMAIL], chosen=["raw"]).names()


@pytest.mark.parametrize(("name", "text"), [("o.csv.gz", "id\n1\n"), ("o.jsonl.gz", '{"id":"1"}\n')])
def test_compressed_files(tmp_path, name, text):
    """The same bytes, compressed; twice the same rows make the same file."""
    layout = Layout(header=["id"], operations=[])
    written(tmp_path / name, [Line(["1"], [])], layout)
    content = (tmp_path / name).read_bytes()
    assert gzip.decompress(content).decode() == text
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    written(tmp_path / name, [Line(["1"], [])], layout)
    assert (tmp_path / name).read_bytes() == content


@pytest.mark.parametrize("name", ["o.xlsx", "o.XLS", "o.json", "o.ods", "o.xlsx.gz"])
def test_a_name_that_promises_another_format_is_refused(name):
    """With the name that can be written."""
    with pytest.raises(UsageError, match="would not be what its name says") as refused:
        format_of(Path(name))
    assert refused.value.fix == "-o o.csv"


@pytest.mark.parametrize("name", ["o.txt", "o.tsv", "o", "o.csv", "leads.2026"])
def test_any_other_name_is_csv(name):
    """No ending of ours is no mistake."""
    assert format_of(Path(name)) == "csv"


def test_what_cannot_be_replaced_keeps_its_ending(tmp_path, monkeypatch):
    """The neighbour of a compressed file is one too."""
    target = tmp_path / "o.csv.gz"
    replace = Path.replace

    def locked(self: Path, to: Path) -> Path:
        if to == target:
            raise PermissionError(13, "locked")
        return replace(self, to)

    monkeypatch.setattr(Path, "replace", locked)
    assert written(target, [Line(["1"], [])], Layout(header=["id"], operations=[])).path == tmp_path / "o.new.csv.gz"

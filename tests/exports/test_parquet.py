"""Parquet: own columns as texts, results with the type that all of their values have, in row groups."""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.domain.table import Dialect
from runner.errors import UsageError
from runner.exports import Layout, Line, parquet, write
from runner.exports.kinds import Kind, as_kind, kinds_of
from tests.exports.rows import BREACH, EMAIL, GOOD, GOOD_VALUES, INVALID


def export(target: Path, lines: list[Line], layout: Layout) -> Any:
    """Written by us, read by the library."""
    write(target, lambda: lines, layout=layout, dialect=Dialect())
    return pq.read_table(target)


def scored(*values: Any) -> list[Line]:
    """One row for each value of `risk_score`."""
    return [Line([str(number)], [GOOD._replace(columns={"risk_score": one})]) for number, one in enumerate(values)]


def test_a_table(tmp_path):
    """Cells are texts as they are, unknown is null, the file is the owner's alone."""
    lines = [Line(["007", "=1+1"], [GOOD]), Line(["", "x"], [INVALID])]
    table = export(tmp_path / "o.parquet", lines, Layout(header=["id", "note"], operations=[EMAIL]))
    assert table.to_pylist()[0] == {"id": "007", "note": "=1+1", **GOOD_VALUES}
    assert table.to_pylist()[1]["defastra_email_risk_score"] is None
    assert table.schema.field("defastra_email_attempts").type == pa.int64()
    assert stat.S_IMODE((tmp_path / "o.parquet").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("values", "kind", "read"),
    [
        ((1, None, -2), Kind.WHOLE, [1, None, -2]),
        ((1, 2.5), Kind.REAL, [1.0, 2.5]),
        ((True, None), Kind.FLAG, [True, None]),
        ((True, 1), Kind.TEXT, ["true", "1"]),
        (("a", None), Kind.TEXT, ["a", None]),
        (("a", 1), Kind.TEXT, ["a", "1"]),
        ((["a"], [], None), Kind.TEXTS, [["a"], [], None]),
        (("a\ud800b",), Kind.TEXT, ["a?b"]),
        ((["a\ud800b"],), Kind.TEXTS, [["a?b"]]),
        ((["a", 1], ["b"]), Kind.TEXT, ["a | 1", "b"]),
        (({"a": 1},), Kind.TEXT, ['{"a":1}']),
        ((2**63, 1), Kind.TEXT, [str(2**63), "1"]),
        ((2**60 + 1, 0.5), Kind.TEXT, [str(2**60 + 1), "0.5"]),
        ((None, None), Kind.TEXT, [None, None]),
        ((), Kind.TEXT, []),
    ],
)
def test_a_column_has_the_type_of_all_its_values(tmp_path, values, kind, read):
    """Mixed ones, and numbers that a type could not tell apart, are texts: nothing is rounded."""
    layout = Layout(header=["id"], operations=[EMAIL], chosen=["risk_score"])
    assert kinds_of(layout, scored(*values)) == (kind,)
    table = export(tmp_path / "o.parquet", scored(*values), layout)
    assert table.column("defastra_email_risk_score").to_pylist() == read


def test_types_of_ours_do_not_depend_on_the_rows(tmp_path):
    """`found` is a truth and `attempts` a number, also where nothing is known."""
    layout = Layout(header=[], operations=[BREACH])
    table = export(tmp_path / "o.parquet", [Line([], [INVALID])], layout)
    assert table.schema.field("acme_breach_found").type == pa.bool_()
    assert table.schema.field("acme_breach_attempts").type == pa.int64()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_JSON, max_size=5))
def test_every_mixture_can_be_written(tmp_path_factory, values):
    """Whatever providers send, each value is there as its column's kind says, and null stays null."""
    target = tmp_path_factory.mktemp("p") / "o.parquet"
    layout = Layout(header=["id"], operations=[EMAIL], chosen=["risk_score"])
    (kind,) = kinds_of(layout, scored(*values))
    found = export(target, scored(*values), layout).column(0).to_pylist()
    assert found == [as_kind(value, kind) for value in values]


@pytest.mark.parametrize(("raw", "groups"), [(False, 10), (True, 20)])
def test_row_groups_are_written_as_they_come(tmp_path, monkeypatch, raw, groups):
    """A group is on its way before later rows are read, with stored answers a smaller one; what is read first is only
    looked at for its types."""
    monkeypatch.setattr(parquet, "_GROUP", 10)
    monkeypatch.setattr(parquet, "_GROUP_RAW", 5)
    sizes: list[int] = []
    target = tmp_path / "o.parquet"

    def lines() -> Iterator[Line]:
        for number in range(100):
            sizes.append(sum(path.stat().st_size for path in tmp_path.iterdir()))
            yield Line([str(number)], [GOOD])

    written = write(target, lines, layout=Layout(header=["n"], operations=[EMAIL], raw=raw), dialect=Dialect())
    assert written.rows == 100
    assert pq.ParquetFile(target).metadata.num_row_groups == groups
    assert (sizes[:100], sizes[-1] > sizes[110]) == ([0] * 100, True)


def test_without_the_extra_it_says_how_to_get_it(tmp_path, monkeypatch):
    """Before anything is read or sent."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(UsageError, match="needs an extra") as refused:
        export(tmp_path / "o.parquet", [], Layout(header=["id"], operations=[]))
    assert "bulk-runner[parquet]" in refused.value.fix
    with pytest.raises(UsageError, match="would not be what its name says"):
        export(tmp_path / "o.parquet.gz", [], Layout(header=["id"], operations=[]))

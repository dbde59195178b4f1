"""What is called `.tsv` has tabs, and loads again as it was written."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from runner.domain.table import Dialect
from runner.exports import Layout, Line, write
from runner.sources import open_file
from tests.exports.rows import EMAIL, GOOD


def _written(target: Path, *, dialect: Dialect, header: list[str], cells: list[str], own_only: bool = False) -> None:
    """One row."""
    layout = Layout(header=header, operations=[] if own_only else [EMAIL])
    lines = [Line(cells, [] if own_only else [GOOD])]
    write(target, lambda: lines, layout=layout, dialect=dialect)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["o.tsv", "o.TSV", "o.tsv.gz"])
def test_a_tsv_has_tabs(name: str, delimiter: str, tmp_path: Path) -> None:
    """Whatever separates the columns of the list; its line ends and quoting stay."""
    target = tmp_path / name
    dialect = Dialect(delimiter=delimiter, line_end="\r\n")
    _written(target, dialect=dialect, header=["id", "note"], cells=["1", 'a, "b"\tc'], own_only=True)
    content = target.read_bytes()
    packed = name.endswith(".gz")
    assert (gzip.decompress(content) if packed else content) == b'id\tnote\r\n1\t"a, ""b""\tc"\r\n'


@pytest.mark.parametrize("name", ["o.csv", "o.txt", "o", "o.tsv.csv"])
def test_any_other_name_has_the_lists_delimiter(name: str, tmp_path: Path) -> None:
    """A name promises tabs, or says nothing of them."""
    _written(tmp_path / name, dialect=Dialect(delimiter=";"), header=["id", "note"], cells=["1", "x"], own_only=True)
    assert (tmp_path / name).read_text() == "id;note\n1;x\n"


@pytest.mark.parametrize("own_only", [True, False], ids=["own", "whole"])
@pytest.mark.parametrize(
    ("header", "cells"),
    [
        (["id", "note"], ["1", "a,b;c|d\te\nf"]),
        (["name, first", "email"], ["Lovelace, Ada", "ada@example.com"]),  # would pass for two columns by commas too
        (["a;b;c", "d"], ["1;2;3", "4"]),
        (["email"], ["a,b"]),
        (["a|b", "c"], ["", ""]),
    ],
)
@pytest.mark.parametrize("dialect", [Dialect(), Dialect(delimiter=";", sep_line=True, bom=True)], ids=[",", "sep=;"])
def test_it_loads_again(dialect: Dialect, header: list[str], cells: list[str], own_only: bool, tmp_path: Path) -> None:
    """Without a word about its delimiter."""
    target = tmp_path / "o.tsv"
    _written(target, dialect=dialect, header=header, cells=cells, own_only=own_only)
    again = open_file(target)
    assert again.header[: len(header)] == tuple(header)
    assert [row.cells[: len(header)] for row in again.rows()] == [tuple(cells)]

"""Rows given as mappings: refused is what no CSV file can hold, because an export would have to change it."""

from __future__ import annotations

import csv
import datetime
import math
from typing import Any

import pytest

from runner.errors import InputError
from tests.app.place import Place

EMAIL = ["defastra.email"]
ADDRESS = "a@example.com"


@pytest.mark.parametrize(
    ("note", "what"),
    [
        ("x\0y", "a NUL character"),
        ("x\ud83dy", "half a surrogate pair"),
        ("x" * 131_073, "more than 131,072 characters"),
    ],
    ids=["nul", "surrogate", "long"],
)
def test_a_cell_that_could_not_be_exported_is_refused(place: Place, note: str, what: str) -> None:
    """With its row and its column; nothing is imported."""
    rows = [{"email": ADDRESS, "note": ""}, {"email": ADDRESS, "note": note}]
    with place.runner() as r:
        with pytest.raises(InputError) as refused:
            r.load(rows, EMAIL, batch="given")
        assert refused.value.what == f"rows: row 2 has {what} in 'note'"
        assert refused.value.fix == "Mend the value of 'note' on row 2."
        assert not r.path.exists()


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("no\0te", "the name of column 2 has a NUL character"),
        (" ", "column 2 has no name"),
        (1, "columns 2 and 3 are both called '1'"),
    ],
    ids=["nul", "blank", "alike-as-text"],
)
def test_a_key_that_is_no_name_of_a_column_is_refused(place: Place, name: object, what: str) -> None:
    """The export's header could not say it, or not which column is meant."""
    rows: list[Any] = [{"email": ADDRESS, name: "x", "1": "y"}]  # whoever is not checked gives other keys
    with place.runner() as r, pytest.raises(InputError) as refused:
        r.load(rows, EMAIL, batch="given")
    assert refused.value.what == f"rows: {what}"
    assert "--" not in refused.value.fix


def test_values_that_are_no_text_are_written_as_those_of_a_table(place: Place) -> None:
    """Nothing, and what pandas puts in its place, is an empty cell; a whole number is one, also as a float."""
    values = [None, math.nan, 4.9e12, 2.5, True, datetime.date(2026, 11, 22)]
    with place.runner() as r:
        r.load([{"email": ADDRESS, "note": value} for value in values], EMAIL, batch="given")
        r.export("given", "out.csv")
    with (place.folder / "out.csv").open(encoding="utf-8", newline="") as file:
        notes = [line["note"] for line in csv.DictReader(file)]
    assert notes == ["", "", "4900000000000", "2.5", "true", "2026-11-22"]


def test_every_other_cell_comes_back_as_it_was_given(place: Place) -> None:
    """What is no text as text: a cell never changes after that."""
    notes = ["", " x ", 'a "b"\n\tc', "\u202e\ufffd", "x" * 131_072, "=1+1", 7]
    with place.runner() as r:
        r.load([{"email": ADDRESS, "note": note} for note in notes], EMAIL, batch="given")
        r.export("given", "out.csv")
    with (place.folder / "out.csv").open(encoding="utf-8", newline="") as file:
        assert [line["note"] for line in csv.DictReader(file)] == [str(note) for note in notes]

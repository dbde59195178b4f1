"""The list that the README, the demo and other tests use: these are its counts."""

from collections import Counter
from pathlib import Path

import pytest

from runner.domain.provider import Operation
from runner.inputs import PhoneSummary, Prepared, Refused, check_national, match_columns, preparer
from runner.sources import open_file
from tests.inputs.operations import EMAIL, PHONE

EXAMPLE = Path(__file__).parents[2] / "jobs.example.csv"
RESERVED = ("example.com", "example.org", "example.net", ".example", ".test")


def prepared(operation: Operation, explicit: dict[str, str]) -> list[Prepared | Refused]:
    """Every row's job or refusal."""
    source = open_file(EXAMPLE)
    rows = [row.cells for row in source.rows()]
    matched = match_columns(source.header, rows, [operation], explicit)
    phones = PhoneSummary()
    prepare = preparer(
        operation, matched.of(operation.key), region_column=matched.regions.get(operation.key), phones=phones
    )
    found = [prepare(cells) for cells in rows]
    check_national(phones, column="phone")
    return found


@pytest.mark.parametrize(
    ("operation", "explicit", "requests", "shared", "refused"),
    [
        (EMAIL, {}, 17, 1, {7: "empty", 8: "email"}),
        (PHONE, {}, 15, 2, {6: "no-country", 10: "empty", 15: "phone"}),
        (PHONE, {"region": "country"}, 16, 2, {10: "empty", 15: "phone"}),
    ],
)
def test_counts(operation, explicit, requests, shared, refused):
    """Of 20 rows each distinct value is one request, the rows that share one cost nothing, the refused are named."""
    found = prepared(operation, explicit)
    keys = Counter(each.key for each in found if isinstance(each, Prepared))
    assert len(found) == 20
    assert len(keys) == requests
    assert keys.total() - requests == shared
    assert {number: each.why for number, each in enumerate(found, start=1) if not isinstance(each, Prepared)} == refused


def test_it_holds_what_it_is_to_show():
    """The traps of real lists are in it, and no address could be anybody's."""
    source = open_file(EXAMPLE)
    rows = [dict(zip(source.header, row.cells, strict=True)) for row in source.rows()]
    assert source.header == ("id", "email", "phone", "country", "note")
    assert all(row["id"].startswith("0") for row in rows)
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    assert any("," in row["note"] for row in rows)
    assert any(row["note"].startswith("=") for row in rows)
    assert any(not row["email"].isascii() for row in rows)
    assert all(not row["email"] or row["email"].lower().endswith(RESERVED) or ".." in row["email"] for row in rows)

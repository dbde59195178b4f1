"""Misuse of the library is a UsageError with a way out, before anything is sent."""

from __future__ import annotations

import csv
import inspect
import io
import sqlite3
from collections.abc import Callable, Coroutine
from contextlib import closing
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from runner.app import AsyncRunner, Runner
from runner.errors import InputError, UsageError
from tests.app.place import Place, emails
from tests.app.test_quantities import Count

OPEN = [
    name
    for name, method in inspect.getmembers(Runner, inspect.isfunction)
    if any(one.kind is one.VAR_KEYWORD for one in inspect.signature(method).parameters.values())
]
"""Methods that take keywords without naming each of them: Python refuses none there."""


def test_methods_without_parameters_of_their_own_are_known() -> None:
    """What is held to its keywords below."""
    assert OPEN == ["arun", "arun_all", "check", "run", "run_all"]


@pytest.mark.parametrize("name", OPEN)
@pytest.mark.parametrize(("misspelt", "meant"), [("max_request", "max_requests"), ("regon", "region")])
def test_a_misspelt_keyword_is_refused(place: Place, name: str, misspelt: str, meant: str) -> None:
    """By every method, blocking or awaited, with the name that was meant where it takes it; nothing is sent."""
    place.write_list(emails(2))
    with place.runner() as r:
        r.load("leads.csv", ["defastra.email"])
        given = ["leads"] if name.endswith("_all") else "leads.csv"
        for call in (getattr(r, name), getattr(AsyncRunner(r), name, None)):
            if call is not None:
                with pytest.raises(UsageError, match=f"no keyword {misspelt}") as refused:
                    _settled(call, given, **{misspelt: 1})
                takes_it = name == "check" or meant != "region"
                assert not takes_it or refused.value.fix.startswith(f"{meant}=")
    assert place.values() == []


@pytest.mark.parametrize("value", [2.5, float("nan"), float("inf"), "2", Decimal(2), True])
def test_a_cap_that_is_no_whole_number_is_refused(place: Place, value: Any) -> None:
    """NaN, the empty cell of a table, would cap nothing; what is refused is not kept, and nothing is sent."""
    place.write_list(emails(2))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        for name in ("max_requests", "limit", "in_flight"):
            with pytest.raises(UsageError, match="no whole number"):
                r.run(batch, **{name: value})
        for name in ("max_requests", "in_flight"):
            with pytest.raises(UsageError, match="no whole number"):
                r.tune(batch, **{name: value})
        for look in (r.preflight, r.check_batch):
            with pytest.raises(UsageError, match="no whole number"):
                look(batch, limit=value)
        for write in (partial(r.export, batch, "x.csv"), partial(r.export_table, batch, "x", database=None), r.log):
            with pytest.raises(UsageError, match="no whole number"):
                write(limit=value)
        assert r.preflight(batch).requests == 2
    assert place.values() == []


def test_a_count_of_another_library_is_kept_as_a_number(place: Place) -> None:
    """What numpy and pandas call an integer is one, and can be written into the database."""
    count: Any = Count()
    place.write_list(emails(5))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        assert r.tune(batch, in_flight=count).holds == {"in_flight": 3}
        assert (place.run(r, batch, max_requests=count).sent, r.status(batch).reason) == (3, "max-requests")
        assert r.report(batch, place.folder / "r.html").path is not None
        assert (r.export(batch, "x.csv", limit=count).rows, len(r.log(limit=count).records)) == (3, 3)


def test_rows_are_any_iterable_of_what_has_keys(place: Place) -> None:
    """A generator, a reader of CSV, a view, rows of a database: the same list is the same batch."""
    rows = [{"id": str(number), "email": email} for number, email in enumerate(emails(3), 1)]
    text = io.StringIO("id,email\n" + "".join(f"{row['id']},{row['email']}\n" for row in rows))
    with closing(sqlite3.connect(":memory:")) as crm, place.runner() as r:
        crm.row_factory = sqlite3.Row
        crm.execute("CREATE TABLE people (id, email)")
        crm.executemany("INSERT INTO people VALUES (:id, :email)", rows)
        people: Any = crm.execute("SELECT * FROM people")
        loaded = r.load(rows, ["defastra.email"], batch="crm")
        for same in ((row for row in rows), csv.DictReader(text), people, dict(enumerate(rows)).values()):
            again = r.load(same, "defastra.email", batch="crm")
            assert (again.rows, again.batch, again.created) == (3, loaded.batch, False)
        twice: Any = crm.execute("SELECT email, email FROM people")
        with pytest.raises(InputError, match="both called 'email'"):
            r.load(twice, "defastra.email", batch="twice")


def test_one_text_is_not_taken_letter_by_letter(place: Place) -> None:
    """Wherever several may be named: operations, columns, parameters, batches."""
    place.write_list(emails(2), column="Mail")
    with place.runner() as r:
        r.load("leads.csv", "defastra.email", mapping="email=Mail")
        out = io.StringIO()
        r.export("leads.csv", out, columns="Mail")
        assert out.getvalue().split() == ["Mail", *emails(2)]
        with pytest.raises(UsageError, match="no parameter 'x'"):
            r.load("leads.csv", "defastra.email", params="x=1", new=True)
        assert [result.sent for result in place.run_all(r, "leads.csv", limit=1)] == [1]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"email": "ada@example.com"}, "type dict is no list"),
        (b"email\nada@example.com\n", "type bytes is no list"),
        (io.StringIO("email\nada@example.com\n"), "type StringIO is no list"),
        (5, "type int is no list"),
        ([["ada@example.com"]], "row 1 is of type list"),
        ([{"email": "ada@example.com"}, ("ada@example.com",)], "row 2 is of type tuple"),
        (["ada@example.com"], "row 1 is of type str"),
    ],
)
def test_what_is_no_list_is_refused(place: Place, source: Any, message: str) -> None:
    """With what a list is, by `load` and by `check`."""
    with place.runner() as r:
        for ask in (r.load, r.check):
            with pytest.raises(UsageError, match=message) as refused:
                ask(source, "defastra.email", batch="crm")
            assert "ada@" not in refused.value.what + refused.value.why


def test_what_a_run_or_an_export_cannot_work_with_is_refused(place: Place) -> None:
    """Before anything is sent, written or made."""
    place.write_list(emails(2))
    odd: Any = 5
    with place.runner() as r:
        batch = r.load(Path("leads.csv"), "defastra.email")
        for name in ("on_event", "on_result", "stop"):
            with pytest.raises(UsageError, match=f"{name} cannot be a value of type int"):
                r.run_all([batch], **{name: odd})
        targets: list[Any] = [None, odd, io.BytesIO(), io.BufferedWriter(io.BytesIO())]
        for target in targets:
            for write in (r.export, r.report):
                with pytest.raises(UsageError, match="nothing can be written to a value of type"):
                    write(batch, target)
        for ask in (r.run, r.status, r.preflight):
            with pytest.raises(UsageError, match="a value of type int names no batch"):
                ask(odd)
        with pytest.raises(UsageError, match="no name for a batch: 5"):
            r.load("leads.csv", "defastra.email", batch=odd)
        assert r.status(Path("leads.csv")).batch == batch.batch
    assert place.values() == []


def test_a_blocking_run_where_a_loop_is_at_work(place: Place) -> None:
    """A notebook has one in its thread: it is told what to write instead."""
    place.write_list(emails(2))

    async def cell(r: Runner) -> None:
        r.run("leads.csv")

    with place.runner() as r:
        r.load("leads.csv", "defastra.email")
        with pytest.raises(UsageError, match="event loop is at work") as refused:
            anyio.run(cell, r)
        assert "aopen" in refused.value.fix


def _settled(call: Callable[..., Any], *given: object, **named: object) -> object:
    """What a method answers, awaited where it is to be."""
    if not inspect.iscoroutinefunction(call):
        return call(*given, **named)

    async def awaited() -> object:
        answer: Coroutine[Any, Any, object] = call(*given, **named)
        return await answer

    return anyio.run(awaited)

"""Misuse of the library is a UsageError with a way out, before anything is sent."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from decimal import Decimal
from functools import partial
from typing import Any

import anyio
import pytest

from runner.app import AsyncRunner, Runner
from runner.errors import UsageError
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


def _settled(call: Callable[..., Any], *given: object, **named: object) -> object:
    """What a method answers, awaited where it is to be."""
    if not inspect.iscoroutinefunction(call):
        return call(*given, **named)

    async def awaited() -> object:
        answer: Coroutine[Any, Any, object] = call(*given, **named)
        return await answer

    return anyio.run(awaited)

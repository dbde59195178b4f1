"""Misuse of the library is a UsageError with a way out, before anything is sent."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import pytest

from runner.app import AsyncRunner, Runner
from runner.errors import UsageError
from tests.app.place import Place, emails

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


def _settled(call: Callable[..., Any], *given: object, **named: object) -> object:
    """What a method answers, awaited where it is to be."""
    if not inspect.iscoroutinefunction(call):
        return call(*given, **named)

    async def awaited() -> object:
        answer: Coroutine[Any, Any, object] = call(*given, **named)
        return await answer

    return anyio.run(awaited)

"""Every argument of the library refuses what it does not take: with a way out, before anything is sent or written."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest

import runner
from runner.app import AsyncRunner, Runner
from runner.app.arguments import TAKES, fitting
from runner.app.keywords import RunKeywords
from runner.app.listing import ListKeywords
from runner.errors import UsageError
from tests.app.place import Place, emails

ODD: Any = object()

RIGHT: dict[str, dict[str, Any]] = {
    "check": {"source": "leads.csv", "operations": "defastra.email"},
    "load": {"source": "leads.csv", "operations": "defastra.email"},
    "run_all": {"batches": ["leads"]},
    "arun_all": {"batches": ["leads"]},
    "check_log": {"file": "x.log"},
    "check_output": {"output": "x.csv"},
    "export": {"batch": "leads", "target": "x.csv"},
    "export_table": {"batch": "leads", "table": "x", "database": "sqlite:///x.db"},
    "report": {"batch": "leads", "target": "x.html"},
    "explain": {"batch": "leads", "row": 1},
    "support": {"batch": "leads", "row": 1},
    "resolve": {"batch": "leads", "resolution": "resend"},
    "starter": {"name": "acme"},
    "purge": {"older_than": "30d"},
    **{name: {"batch": "leads"} for name in ("run", "arun", "preflight", "known", "pause", "cancel", "retry")},
}
"""What a method needs beside the argument that is tried."""


def arguments(function: Callable[..., Any]) -> Iterator[str]:
    """Their names, those of open keywords too."""
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            yield from RunKeywords.__annotations__ if name == "options" else ListKeywords.__annotations__
        elif name != "self":
            yield name


EACH = [
    (method, argument)
    for method, function in inspect.getmembers(Runner, inspect.isfunction)
    if not method.startswith("_")
    for argument in arguments(function)
]


@pytest.fixture
def r(place: Place) -> Iterator[Runner]:
    """With a batch that is not begun; afterwards nothing was sent, made or kept."""
    place.write_list(emails(2))
    with place.runner() as r:
        r.load("leads.csv", "defastra.email", batch="leads")
        before = {path.name for path in place.folder.iterdir()}, r._session.find("leads")
        yield r
        assert ({path.name for path in place.folder.iterdir()}, r._session.find("leads")) == before
    assert place.values() == []


def refused(call: Callable[..., Any], *given: Any, **named: Any) -> UsageError:
    """What is said of it, awaited where it is to be."""

    async def awaited() -> None:
        await call(*given, **named)

    with pytest.raises(UsageError) as error:
        anyio.run(awaited) if inspect.iscoroutinefunction(call) else call(*given, **named)
    assert error.value.why
    assert error.value.fix
    return error.value


@pytest.mark.parametrize(("method", "argument"), EACH)
def test_no_argument_takes_just_anything(r: Runner, method: str, argument: str) -> None:
    """An argument that is new is tried here as it is; its method fails at import without a place in the table."""
    refused(getattr(r, method), **{**RIGHT.get(method, {}), argument: ODD})


WRONG: list[tuple[str, str, list[Any]]] = [
    ("run", "output", [5, ["x.csv"], True, b"x.csv", io.StringIO()]),
    *[("run", flag, ["no", 1, 0, None]) for flag in ("follow", "overwrite", "guard")],
    ("run", "to_table", [5, True]),
    ("run", "database", [5]),
    ("run", "stop", ["now"]),
    ("run", "batch", [None, 5]),
    ("run_all", "batches", [None, 5, [5], [None], ["leads", None]]),
    ("load", "mapping", [5, [5], {"email": 5}, {5: "email"}, None, b"email=mail"]),
    ("load", "params", [5, [5], {"label": 5}, None]),
    ("load", "operations", [5, [5], None, iter(["defastra.email"])]),
    *[("load", name, [5]) for name in ("batch", "encoding", "delimiter", "database", "query", "key", "region")],
    *[("load", flag, ["no"]) for flag in ("header", "add", "new")],
    ("export", "only", [5]),
    ("export", "columns", [5, [5], None]),
    ("export", "raw", ["no"]),
    ("export_table", "table", [5, None]),
    ("spend", "since", [5]),
    ("log", "since", [5]),
    ("log", "limit", [None]),
    ("retry", "only", [5, None]),
    ("erase", "match", [5, None]),
    ("provider", "name", [5, None]),
    ("trials", "name", [5]),
    ("starter", "base", [5]),
    ("backup", "target", [5, None]),
    ("explain", "row", [1.5, True, None, [1]]),
    ("resolve", "row", [1.5, True, ["1"], "1"]),
    ("support", "attempt", [1.5, "1", True]),
    *[(method, "batch", [5]) for method in ("pause", "purge", "find", "check_output")],
    ("doctor", "offline", ["no"]),
    ("verify", "on_line", [5, None]),
    ("providers", "on_error", [5]),
    ("check_log", "lists", ["leads.csv", [5]]),
    ("check_output", "output", [5]),
    ("check_profile", "file", [5]),
    ("price", "operation", ["defastra.email"]),
]


@pytest.mark.parametrize(("method", "argument", "values"), WRONG)
def test_what_an_argument_does_not_take_is_refused(r: Runner, method: str, argument: str, values: list[Any]) -> None:
    """By the awaited form too."""
    for value in values:
        named = {**RIGHT.get(method, {}), argument: value}
        refused(getattr(r, method), **named)
        refused(getattr(AsyncRunner(r), method), **named)


def test_an_argument_may_be_given_by_its_place(r: Runner) -> None:
    """It is the same one."""
    assert refused(r.erase, 5).what == "match cannot be a value of type int"
    assert refused(r.provider, 5).fix == 'name="defastra"'
    assert refused(r.load, "leads.csv", [5]).what == "operations cannot be a value of type list of int"
    assert refused(r.retry, "leads", 5).fix == 'only="failed"'


@pytest.mark.parametrize("name", ["path", "config", "env_file", "directory", "environ", "seams"])
def test_what_a_runner_cannot_be_opened_with_is_refused(name: str) -> None:
    """`open` and `aopen`."""

    async def enter(**given: Any) -> None:
        async with runner.aopen(**given):
            pass

    for value in (5, ODD, [5]):
        said = refused(runner.open, **{name: value})
        assert said.what.startswith(f"{name} cannot be a value of type {type(value).__name__}")
        assert said.fix.startswith(f"{name}=")
        refused(enter, **{name: value})


def test_the_value_that_is_refused_is_told_to_nobody(r: Runner) -> None:
    """It may be of a person: its types are."""
    error = refused(r.load, "leads.csv", "defastra.email", mapping={"email": {"ada@example.com": 5}})
    assert error.what == "mapping cannot be a value of type dict of dict"
    assert "ada" not in error.why + error.fix


def test_a_stream_that_is_closed_is_refused(r: Runner) -> None:
    """As a list, and as a place for rows; one that is open for reading takes none either."""
    source, target = io.BytesIO(b"email\nada@example.com\n"), io.StringIO()
    source.close()
    target.close()
    assert "closed" in refused(r.load, source, "defastra.email", batch="x").what
    assert "closed" in refused(r.check, source, "defastra.email", batch="x").what
    for write in (r.export, r.report):
        assert "closed" in refused(write, "leads", target).why


def test_each_argument_is_in_the_table_and_nothing_else() -> None:
    """One that is new has to be put there; one that went leaves it."""
    named = {
        place
        for method in [name for name, _ in inspect.getmembers(Runner, inspect.isfunction)] + ["open"]
        for argument in arguments(getattr(runner if method == "open" else Runner, method))
        for place in (argument, f"{method}.{argument}")
    }
    assert not set(TAKES) - named
    with pytest.raises(KeyError, match="colour"):
        fitting(_new)


def _new(batch: str, *, colour: str) -> None:
    """A method with an argument that nobody thought of."""

"""What users hold on to: the library's names, and the views."""

import ast
import importlib
import inspect
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import fields
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints

import runner
from tests.docs.pages import ROOT

HEAVY = (
    "sqlalchemy",
    "alembic",
    "httpx",
    "httpx2",
    "phonenumbers",
    "pydantic",
    "anyio",
    "cyclopts",
    "rich",
    "jmespath",
)


def test_the_public_names_are_sorted_and_complete():
    """`__all__` is sorted, holds every name that the package offers to type checkers, and each can be had."""
    assert list(runner.__all__) == sorted(runner.__all__)
    tree = ast.parse((ROOT / "runner" / "__init__.py").read_text(encoding="utf-8"))
    imported = {
        name.asname or name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("runner.")
        for name in node.names
    }
    assert imported == set(runner.__all__)
    for name in runner.__all__:
        assert getattr(runner, name) is not None


def test_every_error_is_public():
    """Whoever catches one can name it."""
    errors = importlib.import_module("runner.errors")
    found = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert found <= set(runner.__all__)


def test_importing_costs_nothing():
    """`import runner` loads no library; so does asking for its names without using one."""
    code = f"import sys, runner; dir(runner); sys.exit(str([n for n in {HEAVY!r} if n in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[]"


def test_a_name_that_is_not_public_is_an_attribute_error():
    """A misspelt name is refused as by any module."""
    assert not hasattr(runner, "opne")


def test_every_public_name_is_in_the_page_of_the_library():
    """What can be imported is mentioned where the library is explained."""
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    assert not [name for name in runner.__all__ if f"{name}`" not in page and f"runner.{name}" not in page]
    methods = [name for name in dir(runner.Runner) if not name.startswith("_")]
    assert not [name for name in methods if f"`{name}`" not in page]


def test_whatever_comes_back_can_be_named():
    """Every value that a public method takes or returns, and every field of it, is of a public type."""
    told = {name: getattr(runner, name) for name in runner.__all__}
    names = {**told, "Callable": Callable}
    reached: dict[type, str] = {}
    waiting = [(one, name) for name, one in told.items()]
    while waiting:
        one, where = waiting.pop()
        waiting += [(part, where) for part in get_args(one)]
        kind = get_origin(one) or one
        if inspect.isfunction(kind):
            waiting += [(hint, where) for hint in get_type_hints(kind, localns=names).values()]
        elif inspect.isclass(kind) and kind.__module__.startswith("runner.") and kind not in reached:
            reached[kind] = where
            waiting += _parts_of(kind, names)
    private = {kind: where for kind, where in reached.items() if kind not in told.values()}
    parts_of_a_profile = "runner.domain.provider"  # the page says so
    keywords = {"RunKeywords", "ListKeywords"}  # of `run` and `check`, for type checkers alone
    assert not {
        kind: where
        for kind, where in private.items()
        if kind.__module__ != parts_of_a_profile and kind.__name__ not in keywords
    }


def _parts_of(kind: type, names: dict[str, Any]) -> list[tuple[Any, str]]:
    """The types of a class's public fields, methods and properties, with where each stands."""
    if issubclass(kind, Enum | BaseException):
        return []
    fields = get_type_hints(kind, localns=names).items()
    found = [(hint, f"{kind.__name__}.{name}") for name, hint in fields if not name.startswith("_")]
    for name, member in inspect.getmembers(kind):
        function = member.fget if isinstance(member, property) else member
        if not name.startswith("_") and inspect.isfunction(function):
            hints = get_type_hints(function, localns=names).values()
            found += [(hint, f"{kind.__name__}.{name}") for hint in hints]
    return found


def test_every_public_name_says_what_it_is():
    """A docstring on each, and on each method and property of each: `help` answers."""
    bare = []
    for name in runner.__all__:
        one = getattr(runner, name)
        if not inspect.isclass(one):
            bare += [] if inspect.getdoc(one) else [name]
            continue
        own = one.__doc__ or ""
        if not own or own.startswith(f"{one.__name__}("):  # what a dataclass writes for itself
            bare.append(name)
        members = {key: value for key, value in inspect.getmembers(one) if not key.startswith("_")}
        told = [key for key, value in members.items() if inspect.isfunction(value) or isinstance(value, property)]
        bare += [f"{name}.{key}" for key in told if not inspect.getdoc(members[key])]
    assert not bare


def test_every_event_is_told_with_its_fields():
    """The library's page has a row for each event, and it names what the event has beside batch and time."""
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    for event in get_args(runner.Event):
        (row,) = [line for line in page.splitlines() if line.startswith("| ") and f"`{event.__name__}`" in line]
        told = {field.name for field in fields(event)} - {"batch", "at_us"}
        assert not [name for name in told if f"`{name}`" not in row], event


def test_the_views_are_documented_column_by_column(tmp_path):
    """The page of the database names each column of each public view, and there are five."""
    with runner.open(tmp_path / "x.db", directory=tmp_path, environ={}) as library:
        library.load([{"email": "ada@example.com"}], ["defastra.email"], batch="x")
    page = (ROOT / "docs" / "database.md").read_text(encoding="utf-8")
    with closing(sqlite3.connect(tmp_path / "x.db")) as database:
        views = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'view'")]
        assert len(views) == 5
        for view in views:
            section = page.split(f"## {view}\n", 1)[1].split("\n## ", 1)[0]
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({view})")]
            assert not [column for column in columns if f"`{column}`" not in section], view

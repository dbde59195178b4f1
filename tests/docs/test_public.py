"""What users hold on to: the library's names, and the views."""

import ast
import importlib
import sqlite3
import subprocess
import sys
from contextlib import closing

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

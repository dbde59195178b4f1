"""What each part of the house may know. The import contract itself runs in `make check`; here is what it cannot say."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from runner import errors

RUNNER = Path(__file__).parent.parent / "runner"


def imported(path: Path) -> set[str]:
    """Every module a file imports, at whatever depth in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found.add(node.module or "")
    return found


def files() -> list[Path]:
    """Every module of the package."""
    found = sorted(RUNNER.rglob("*.py"))
    assert len(found) > 50
    return found


@pytest.mark.parametrize("path", sorted((RUNNER / "domain").glob("*.py")), ids=lambda path: path.name)
def test_the_domain_knows_the_standard_library_and_nothing_else(path: Path) -> None:
    """No I/O library, no framework: only stdlib modules, the domain itself and the errors."""
    for module in imported(path):
        top = module.partition(".")[0]
        ours = module == "runner.errors" or module == "runner.domain" or module.startswith("runner.domain.")
        assert ours or top in sys.stdlib_module_names, f"{path.name} imports {module}"
        assert top not in {"asyncio", "os", "socket", "sqlite3", "threading", "time", "random", "subprocess", "logging"}


INNER = {"domain/states.py", "store/jobs.py", "store/sql.py", "store/steering.py", "store/writer.py"}
"""Guards that only a mistake of ours, or a race that another check has seen before, can reach."""


def test_every_error_for_people_says_what_why_and_how_to_mend_it() -> None:
    """Wherever one of our errors is made it has all three parts."""
    ours = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, errors.RunnerError)}
    for path in files():
        name = path.relative_to(RUNNER).as_posix()
        for node in () if name in INNER else ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ours:
                assert {"why", "fix"} <= {given.arg for given in node.keywords}, f"{name}:{node.lineno}"


def test_only_one_file_knows_the_http_library() -> None:
    """httpx and httpx2 are named in transport/client.py alone."""
    users = {
        path.relative_to(RUNNER).as_posix() for path in files() if imported(path) & {"httpx", "httpx2", "httpcore"}
    }
    assert users <= {"transport/client.py"}
    naming = {path.relative_to(RUNNER).as_posix() for path in files() if 'import_module("httpx' in path.read_text()}
    assert naming <= {"transport/client.py"}


def test_only_the_database_adapters_know_sqlalchemy() -> None:
    """The store, the database source, and a database export one day."""
    for path in files():
        tops = {module.partition(".")[0] for module in imported(path)}
        if tops & {"sqlalchemy", "alembic"}:
            name = path.relative_to(RUNNER).as_posix()
            assert name.startswith("store/") or name in {"sources/database.py", "exports/database.py"}, name


def test_nothing_but_the_system_touches_the_world() -> None:
    """Clocks, randomness and signals come through ports: simulations depend on it."""
    for path in files():
        if path.name == "system.py":
            continue
        touched = imported(path) & {"random", "uuid", "secrets", "signal", "time"}
        assert not touched, f"{path.relative_to(RUNNER)} imports {touched}"


def test_no_file_is_too_long() -> None:
    """At most about 300 lines: over it, split by idea."""
    long = {path.name: lines for path in files() if (lines := len(path.read_text("utf-8").splitlines())) > 310}
    assert long == {}

"""The library's face: lazy public names, the awaited form, real HTTP, and what it never does."""

from __future__ import annotations

import inspect
import logging
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

import runner
from runner.app import AsyncRunner, Runner
from runner.domain.provider import Provider
from runner.errors import BatchError, ConfigError
from runner.providers.loader import load
from runner.sandbox.server import serve
from runner.sandbox.world import World
from runner.settings import Secret
from runner.system import SystemClock
from runner.work.tools import http_transport
from tests.app.place import KEY, Place, emails
from tests.sandbox.process import Seeded


def test_every_public_name_is_there_and_lazy() -> None:
    """`import runner` loads no library; each name of `__all__` is found on first use; others are not."""
    heavy = ("sqlalchemy", "httpx", "alembic", "phonenumbers", "pydantic", "anyio", "cyclopts", "rich")
    script = f"import sys, runner; print([name for name in {heavy!r} if name in sys.modules])"
    assert _python(script) == "[]\n"
    assert sorted(runner.__all__) == list(runner.__all__)
    assert all(getattr(runner, name) is not None for name in runner.__all__)
    with pytest.raises(AttributeError, match="no attribute 'opne'"):
        getattr(runner, "opne")  # noqa: B009 - a misspelling is what is tested


def test_watching_does_not_load_the_engine_or_the_wire() -> None:
    """Who only looks does not pay for what runs."""
    heavy = ("httpx", "alembic", "phonenumbers", "email_validator", "aiolimiter", "runner.engine.run")
    script = f"import sys, runner; runner.open; print([name for name in {heavy!r} if name in sys.modules])"
    assert _python(script) == "[]\n"


def _python(script: str) -> str:
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout


def test_the_awaited_form_has_every_method_with_its_arguments() -> None:
    """No twin can be forgotten: names and parameters are compared."""
    own = {"close", "acheck_free", "arun", "arun_all"}  # `aopen` closes; of the others the plain names await here
    for name, method in inspect.getmembers(Runner, inspect.isfunction):
        if name.startswith("_") or name in own:
            continue
        twin = getattr(AsyncRunner, name)
        assert inspect.iscoroutinefunction(twin), name
        assert inspect.signature(twin) == inspect.signature(method), name


def test_the_awaited_form_has_every_property(place: Place) -> None:
    """As they are: nothing is to be waited for."""
    named = [name for name, _ in inspect.getmembers(Runner, lambda one: isinstance(one, property))]
    assert named == ["notices", "path"]
    place.write_list(emails(1))

    async def main() -> None:
        async with runner.aopen(directory=place.folder, environ=place.environ) as r:
            assert not r.path.exists()
            with pytest.raises(BatchError, match="no batch here yet"):
                await r.batches()
            assert not (await r.database_status()).exists
            await r.load("leads.csv", "defastra.email")
            assert r.path == place.folder / "runner.db"
            assert [notice for notice in r.notices if "nothing paid earlier" in notice]

    anyio.run(main)


def test_a_run_over_real_http(tmp_path: Path) -> None:
    """Awaited, on a real loop, writer thread and sockets: the same result as behind the in-process wire."""
    values = emails(30)
    (tmp_path / "leads.csv").write_text("email\n" + "\n".join(values) + "\n")
    world = World(load("defastra", {"limits": []}), randomness=Seeded(3), key=KEY)

    async def main() -> runner.RunResult:
        async with serve(world, clock=SystemClock()) as url:
            settings = f'[providers.defastra]\nlimits = []\nhttp = {{ base_url = "{url}" }}\n'
            (tmp_path / "runner.toml").write_text(settings)
            environ = {"DEFASTRA_API_KEY": KEY}
            async with runner.aopen(directory=tmp_path, environ=environ) as r:
                batch = await r.load("leads.csv", ["defastra.email"])
                return await r.run(batch, output="auto")

    result = anyio.run(main)
    assert (result.exit_code, result.sent, result.charged) == (0, 30, 30)
    assert sorted(entry.value for entry in world.books.entries) == sorted(values)
    assert len((tmp_path / "leads-defastra-email.csv").read_text().splitlines()) == 31


def test_slow_lanes_take_fresh_connections() -> None:
    """Defastra allows two requests a second: no idle close can put a paid request in doubt."""
    provider = load("defastra")
    wire = http_transport(provider, Secret(KEY))
    request = wire.prepare(provider.operations["email"], {"email": "ada@example.com"}, attempt_id="a" * 16)
    assert ("connection", "close") in request.headers
    assert KEY not in repr(wire)
    assert KEY not in repr(request)


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_the_http_library_is_a_setting(tmp_path: Path, library: str) -> None:
    """RUNNER_HTTP, or `[run] http`, chooses it; another word is refused."""
    with runner.open(tmp_path / "runner.db", environ={"RUNNER_HTTP": library}, directory=tmp_path) as r:
        r.load([{"email": "ada@example.com"}], ["defastra.email"], batch="one")
        wire = r._session.tools().transport(load("defastra"), Secret(KEY))
    assert f"HttpTransport {library} " in repr(wire)
    with pytest.raises(ConfigError, match="mistake"):
        runner.open(directory=tmp_path, environ={"RUNNER_HTTP": "curl"})


def test_it_prints_nothing_and_touches_no_process_state(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    """No output, no signal handler, no logging handler; a stray .env is not read."""
    (place.folder / ".env").write_text("RUNNER_MAX_WAIT=nonsense\n")
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    logs = list(logging.getLogger().handlers)
    place.write_list(emails(2))
    with place.runner() as r:
        assert place.run(r, r.load("leads.csv", ["defastra.email"]), output="auto").exit_code == 0
    assert capfd.readouterr() == ("", "")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert logging.getLogger().handlers == logs


def test_the_key_is_nowhere_on_disk(place: Place) -> None:
    """Neither in the database, nor in its log, nor in the export."""
    place.write_list(emails(3))
    with place.runner() as r:
        place.run(r, r.load("leads.csv", ["defastra.email"]), output="auto")
    for path in place.folder.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path


def test_providers_come_with_this_folders_overrides(place: Place) -> None:
    """By name, all, and with a mistake in the settings told with its key."""
    with place.runner() as r:
        assert [one.name for one in r.providers()] == ["defastra", "defendis", "dfirlab"]
        found: Provider = r.provider("defastra")
        assert [limit.at_most for limit in found.limits] == [1000]
    (place.folder / "runner.toml").write_text("[providers.defastar]\nlimits = []\n")
    with place.runner() as r, pytest.raises(runner.ConfigError) as caught:
        r.providers()
    assert "did you mean `providers.defastra`?" in caught.value.why


def test_the_database_is_shown_upgraded_and_copied(place: Place) -> None:
    """Before it is there, after, and never over another file."""
    place.write_list(emails(2))
    with place.runner() as r:
        assert not r.database_status().exists
        with pytest.raises(runner.BatchError):
            r.upgrade()
        r.load("leads.csv", ["defastra.email"])
        assert "nothing paid earlier is known here" in r.notices[0]
        status = r.upgrade()
        assert (status.exists, status.batches, status.revision) == (True, 1, status.newest)
        assert r.backup("copy.db") == place.folder / "copy.db"
        with pytest.raises(runner.BatchError):
            r.backup("copy.db")
    with place.runner("copy.db") as copy:
        assert copy.status().rows == 2
        assert copy.notices == ()


def test_spending_by_what_there_is_not_is_refused(place: Place) -> None:
    """With the words that there are."""
    place.write_list(emails(1))
    with place.runner() as r:
        r.load("leads.csv", ["defastra.email"])
        with pytest.raises(runner.UsageError) as caught:
            r.spend(by="week")
    assert "day, batch, operation" in caught.value.why

"""The composition root and the library: settings -> store, transports, lanes, a run. Nothing is created at import.

    with runner.open("runner.db") as r:
        batch = r.load("leads.csv", ["defastra.email"])
        result = r.run(batch, max_requests=500, on_event=print)
        r.export(batch, "leads.out.csv")

It never prints, prompts, handles signals or configures logging. A halt is a result; exceptions are for misuse.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio.to_thread

from runner.app.arguments import fitting
from runner.app.awaited import AsyncRunner
from runner.app.library import Runner
from runner.app.watching import BatchLike
from runner.settings import read_settings
from runner.work.draining import finished
from runner.work.session import Session
from runner.work.tools import Seams

__all__ = ["AsyncRunner", "BatchLike", "Runner", "Seams", "aopen", "open"]


@fitting
def open(  # noqa: A001 - the library reads `runner.open(...)`
    path: str | Path | None = None,
    *,
    config: str | Path | None = None,
    env_file: str | Path | None = None,
    directory: str | Path | None = None,
    environ: Mapping[str, str] | None = None,
    seams: Seams | None = None,
) -> Runner:
    """A Runner on a database; None: RUNNER_DB, `[run] db`, else runner.db beside the nearest runner.toml.

    `config` replaces both settings files. `directory` (default: the current one) is where the search starts; `environ`
    (default: the process's) is where variables are read. ConfigError: the settings are wrong.
    """
    settings = read_settings(
        directory=Path(directory or Path.cwd()),
        environ=os.environ if environ is None else environ,
        database=path,
        config=config,
        env_file=env_file,
    )
    return Runner(Session(settings, seams or Seams()))


@asynccontextmanager
async def aopen(
    path: str | Path | None = None,
    *,
    config: str | Path | None = None,
    env_file: str | Path | None = None,
    directory: str | Path | None = None,
    environ: Mapping[str, str] | None = None,
    seams: Seams | None = None,
) -> AsyncIterator[AsyncRunner]:
    """`open`, awaited: `async with runner.aopen(...) as r: await r.run(...)`. Same arguments and errors.

    Leaving it asks runs that are at work to stop, and waits for them.
    """
    blocking = open(path, config=config, env_file=env_file, directory=directory, environ=environ, seams=seams)
    try:
        yield AsyncRunner(blocking)
    finally:
        await finished(partial(anyio.to_thread.run_sync, blocking.close))

"""The composition root and the library: settings -> store, transports, lanes, a run. Nothing is created at import.

    with runner.open("runner.db") as r:
        batch = r.load("leads.csv", ["defastra.email"])
        result = r.run(batch, max_requests=500, on_event=print)
        r.export(batch, "leads.out.csv")

It never prints, prompts, handles signals or configures logging. A halt is a result; exceptions are for misuse.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TextIO, TypeVar

from runner.domain.model import InDoubtPolicy, Resolution
from runner.domain.provider import Provider
from runner.engine.ports import Observer
from runner.work.results import (
    BatchStatus,
    DatabaseStatus,
    Doubt,
    Exported,
    JobStory,
    Loaded,
    Preflight,
    RunResult,
    Steered,
)

BatchLike = str | Loaded
"""A batch's name, a unique prefix of it, the input file it came from, or what `load` returned."""


P = ParamSpec("P")
T = TypeVar("T")


def _driven(method: Callable[Concatenate[Runner, P], Awaitable[T]]) -> Callable[Concatenate[Runner, P], T]:
    """The blocking form of an async method: its own event loop for the time of the call."""
    raise NotImplementedError


def _awaited(method: Callable[Concatenate[Runner, P], T]) -> Callable[Concatenate[AsyncRunner, P], Awaitable[T]]:
    """The awaited form of a blocking method: in a thread, so that the loop goes on."""
    raise NotImplementedError


class Runner:
    """An open database with its settings. A context manager; every method may raise a RunnerError.

    `notices` are sentences for people that a front end should show once (a new database, a readable env file).
    """

    notices: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        """Itself: the database is opened by the first method that needs it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the database."""
        self.close()

    def close(self) -> None:
        """Close the database; calling it again does nothing."""
        raise NotImplementedError

    # --- rows in ---------------------------------------------------------------------------------------------------

    def load(
        self,
        source: str | Path | Sequence[Mapping[str, object]] | None,
        operations: Sequence[str] = (),
        *,
        batch: str | None = None,
        mapping: Sequence[str] | Mapping[str, str] = (),
        params: Sequence[str] | Mapping[str, str] = (),
        region: str | None = None,
        query: str | None = None,
        database: str | None = None,
        key: str | None = None,
        encoding: str | None = None,
        delimiter: str | None = None,
        header: bool = True,
        add: bool = False,
        new: bool = False,
        max_invalid: float | str | None = None,
    ) -> Loaded:
        """Import a list, or find the batch it already is. Sends nothing.

        `source`: a CSV file, or rows as mappings (then `batch` names them), or None with `query` (a table or SELECT:
        `--from`), `database` (a URL or a `[sources.NAME]`: `--source`) and `key` (a column). `operations` default to
        `[run] operations`. `mapping`: "[PROVIDER.OP:]PARAM=COLUMN" texts or a mapping; `params`: "PARAM=VALUE"
        likewise. `max_invalid`: share of refused cells, 0.5 or "50%".
        InputError: unreadable, wrong or unmatched columns. BatchError: changed while unfinished (fix: add / new).
        """
        raise NotImplementedError

    def find(self, batch: str | None = None) -> str:
        """The full name of a batch by name, unique prefix or input file; None: the one last worked on. BatchError."""
        raise NotImplementedError

    # --- sending ---------------------------------------------------------------------------------------------------

    def preflight(self, batch: BatchLike) -> Preflight:
        """What `run` would send now: requests, price, time at the limits, keys, values answered earlier."""
        raise NotImplementedError

    async def arun(
        self,
        batch: BatchLike,
        *,
        max_requests: int | None = None,
        max_spend: Decimal | int | str | Sequence[str] | Mapping[str, Decimal] | None = None,
        in_doubt: InDoubtPolicy | str | None = None,
        rate: str | None = None,
        in_flight: int | None = None,
        limit: int | None = None,
        max_wait: float | str | None = None,
        max_failed: float | str | None = None,
        wait: float | str | None = None,
        output: str | Path | None = None,
        overwrite: bool = False,
        guard: bool = True,
        on_event: Observer | None = None,
        stop: Any = None,
    ) -> RunResult:
        """Work on a batch until it is done, halted, parked, capped or stopped.

        `max_requests`, `max_spend` ("12.5", "defastra=12.5", several of those), `in_doubt`, `rate` ("30/min"),
        `in_flight` and `output` are kept with the batch; None keeps the last value. `max_wait`, `wait`: seconds or
        "15m". `max_failed`: 0.1 or "10%". `output`: None writes nothing, "auto" the kept target or `<batch>.csv` beside
        the list, "none" nothing from now on, "-" is left to the caller (`result.target`), else a path.
        `stop`: the engine's StopSignal; set it to drain. ConfigError: a key is missing. BusyError: database or account
        in use. BatchError: paused by a person, cancelled, or a cap without a price.
        """
        raise NotImplementedError

    run = _driven(arun)

    # --- rows out --------------------------------------------------------------------------------------------------

    def export(
        self,
        batch: BatchLike,
        target: str | Path | TextIO,
        *,
        only: str | None = None,
        columns: Sequence[str] = (),
        guard: bool = True,
        overwrite: bool = False,
    ) -> Exported:
        """Write the rows with their answers as CSV; `target` is a path or an open text stream.

        `only`: succeeded, failed (invalid rows included; own columns only, so that it loads again), in_doubt, queued,
        invalid. `columns`: these result columns only. BatchError: the target exists and was not written by this batch.
        """
        raise NotImplementedError

    # --- watching --------------------------------------------------------------------------------------------------

    def status(self, batch: BatchLike | None = None) -> BatchStatus:
        """One batch; None: the one last worked on."""
        raise NotImplementedError

    def batches(self) -> list[BatchStatus]:
        """All batches, the one last worked on first."""
        raise NotImplementedError

    def explain(self, batch: BatchLike, row: int | str) -> list[JobStory]:
        """Every request of a row (its number) or of a value (text), one entry for each row x operation."""
        raise NotImplementedError

    def doubts(self, batch: BatchLike | None = None) -> list[Doubt]:
        """Requests in doubt, with the evidence to look for at the provider."""
        raise NotImplementedError

    def doubt_text(self, batch: BatchLike | None = None) -> str:
        """The sentences for people about requests in doubt; empty when there are none."""
        raise NotImplementedError

    # --- steering --------------------------------------------------------------------------------------------------

    def pause(self, batch: BatchLike) -> Steered:
        """Stop sending until `resume`."""
        raise NotImplementedError

    def resume(self, batch: BatchLike | None = None) -> Steered:
        """Lift a pause; `next` is the command that starts a run."""
        raise NotImplementedError

    def cancel(self, batch: BatchLike) -> Steered:
        """Give the batch up: what is queued is never sent; answers stay."""
        raise NotImplementedError

    def retry(self, batch: BatchLike, only: str = "failed") -> Steered:
        """Queue failures again, final ones included: "failed" or "failed:RULE"."""
        raise NotImplementedError

    def resolve(self, batch: BatchLike, resolution: Resolution | str, *, row: int | None = None) -> Steered:
        """Say what became of a row's request in doubt, or of all (row=None): charged, not-charged or resend."""
        raise NotImplementedError

    # --- providers -------------------------------------------------------------------------------------------------

    def providers(self) -> list[Provider]:
        """Shipped providers with this folder's overrides, and those of `[providers]`, by name."""
        raise NotImplementedError

    def provider(self, name: str) -> Provider:
        """One provider by name, or a profile file. ProfileError, ConfigError."""
        raise NotImplementedError

    # --- the database ----------------------------------------------------------------------------------------------

    @property
    def path(self) -> Path:
        """The database file."""
        raise NotImplementedError

    def database_status(self) -> DatabaseStatus:
        """The file and its schema, read without changing it."""
        raise NotImplementedError

    def upgrade(self) -> DatabaseStatus:
        """Bring the file to this version's schema; a copy is kept beside it."""
        raise NotImplementedError

    def backup(self, target: str | Path) -> Path:
        """Write a consistent copy, readable by its owner only. BatchError: the target exists."""
        raise NotImplementedError


class AsyncRunner:
    """A Runner whose every method is awaited; same names, arguments, answers and errors. Made by `aopen`."""

    def __init__(self, blocking: Runner) -> None:
        self.blocking = blocking


def open(  # noqa: A001 - the library reads `runner.open(...)`
    path: str | Path | None = None,
    *,
    config: str | Path | None = None,
    env_file: str | Path | None = None,
    directory: str | Path | None = None,
    environ: Mapping[str, str] | None = None,
    transport: Callable[[Provider], Any] | None = None,
) -> Runner:
    """A Runner on a database; None: RUNNER_DB, `[run] db`, else runner.db beside the nearest runner.toml.

    `config` replaces both settings files. `directory` (default: the current one) is where the search starts; `environ`
    (default: the process's) is where variables are read. `transport` builds another wire for a provider (tests).
    """
    raise NotImplementedError


def aopen(path: str | Path | None = None) -> AbstractAsyncContextManager[AsyncRunner]:
    """`open`, awaited: takes the same arguments; `async with runner.aopen(...) as r: await r.run(...)`."""
    raise NotImplementedError

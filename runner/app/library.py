"""`Runner`: everything the library can do, one method each. The command line is its first user."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, Unpack

from runner.app.ahead import Ahead
from runner.app.arguments import fitted
from runner.app.keywords import RunKeywords, refuse_unknown
from runner.app.listing import ListKeywords, Pairs, list_request
from runner.app.out import Out
from runner.app.upkeep import Upkeep
from runner.app.watching import BatchLike
from runner.domain.model import Resolution
from runner.engine.stop import StopSignal
from runner.settings import SpendCap
from runner.settings.home import at_home
from runner.store.links import is_run_here
from runner.work.aim import aimed
from runner.work.bridge import driven
from runner.work.lists import Given
from runner.work.results import Loaded, RunResult, Steered, Tuned
from runner.work.steer import Steer, parse_resolution


@fitted
class Runner(Ahead, Out, Upkeep):
    """A database with its settings. A context manager; every method may raise a RunnerError. Made by `open`."""

    def __enter__(self) -> Self:
        """Itself: the database is opened by the first method that needs it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """As `close`."""
        self.close()

    def close(self) -> None:
        """Close the database; calling it again does nothing.

        Runs that are at work in other threads are asked to stop, and waited for: at most a provider's timeout.
        UsageError: one is at work in the event loop of this thread; the database stays open.
        """
        self._session.close()

    @property
    def path(self) -> Path:
        """The database file."""
        return self._session.path

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences for people that a front end shows once: a new database, an env file that others can read."""
        session = self._session
        return tuple(aimed(notice, session.settings.flags) for notice in session.notices)

    # --- rows in, sending ------------------------------------------------------------------------------------------

    def load(
        self,
        source: str | Path | Given | BinaryIO | None,
        operations: str | Sequence[str] = (),
        *,
        batch: str | None = None,
        mapping: Pairs = (),
        params: Pairs = (),
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

        `source`: a file (CSV, JSON lines, a workbook, Parquet; gzip too), or a stream of such bytes or rows as mappings
        (any iterable; then `batch` names them), or None with `query` (a table or SELECT:
        `--from`), `database` (a URL or a `[sources.NAME]`: `--source`) and `key` (a column). `operations` default to
        `[run] operations`. `mapping`: "[PROVIDER.OP:]PARAM=COLUMN" texts or a mapping; `params`: "PARAM=VALUE"
        likewise. `max_invalid`: share of refused cells, 0.5 or "50%".
        InputError: unreadable, wrong or unmatched columns. BatchError: changed while unfinished (fix: add / new).
        """
        from runner.work.load import load  # only who loads pays for it

        listed = ListKeywords(
            batch=batch,
            mapping=mapping,
            params=params,
            region=region,
            query=query,
            database=database,
            key=key,
            encoding=encoding,
            delimiter=delimiter,
            header=header,
            add=add,
            new=new,
            max_invalid=max_invalid,
        )
        request = list_request(self._session.settings, source, operations, listed)
        return load(request, self._session)

    async def arun(self, batch: BatchLike, **options: Unpack[RunKeywords]) -> RunResult:
        """Work on a batch until it is done, halted, parked, capped or stopped.

        `max_requests`, `max_spend` ("12.5", "defastra=12.5", several of those), `in_doubt`, `rate` ("30/min"; "none"
        takes it back), `in_flight` and `output` are kept with the batch; None keeps the last value. `max_wait`, `wait`:
        seconds or "15m". `max_failed`: 0.1 or "10%". `until` ("07:00", local time, the next one), `for_` ("2h", once it
        is at work): nothing new leaves then, and a little before it nothing that might not be answered in time. `reuse`
        ("30d"): values never sent yet are given the answer of another batch that is no older, and are not sent.
        `follow`: with nothing left to send it waits for more, until something ends it: rows that `load` adds meanwhile,
        and new ones in the table that it was loaded from, looked for every `poll` (seconds or "60s").
        `output`: None writes nothing, "auto" the kept target or `<batch>.csv` beside the list, "none" nothing from now
        on, "-" is left to the caller (`result.target`), else a path.
        `to_table`: each row is inserted or updated in this table of `database` (a URL or a `[sources.NAME]`; default:
        where the list is) a moment after it is settled; kept with the batch; "none" ends it.
        `stop`: set it, from any thread, to drain; a cancellation does the same, then goes on its way. A batch that is
        cancelled, paused by a person or parked is left as it is. ConfigError: a key is missing. BusyError: database or
        account in use. UsageError: a cap that cannot hold. StoreError: the database failed; what was in flight is in
        doubt.
        """
        results = await self.arun_all([batch], **options)
        return results[0]

    async def arun_all(
        self,
        batches: BatchLike | Sequence[BatchLike],
        *,
        on_result: Callable[[RunResult], None] | None = None,
        **options: Unpack[RunKeywords],
    ) -> list[RunResult]:
        """Work on several batches side by side: those that ask the same provider take turns, request by request.

        Keywords as those of `run`; each of them holds for every batch alone. `output`: None, "auto" or "none".
        `on_result` is told of each batch as soon as it has ended. The results come in the order of `batches`.
        UsageError: a batch is named twice, or one file is to take the rows of several.
        """
        from runner.work.caps import Wanted  # the engine is imported by who runs, not by who looks
        from runner.work.draining import drained
        from runner.work.receipts import Delivery, run_and_deliver

        refuse_unknown(options, RunKeywords.__annotations__)
        infos = [self._info(batch) for batch in ([batches] if isinstance(batches, BatchLike) else batches)]
        wanted = Wanted.parse(
            max_requests=options.get("max_requests"),
            max_spend=options.get("max_spend"),
            in_doubt=options.get("in_doubt"),
            rate=options.get("rate"),
            in_flight=options.get("in_flight"),
            limit=options.get("limit"),
            reuse=options.get("reuse"),
            max_wait=options.get("max_wait"),
            max_failed=options.get("max_failed"),
            until=options.get("until"),
            for_=options.get("for_"),
            follow=options.get("follow", False),
            poll=options.get("poll"),
        )
        delivery = Delivery(
            output=options.get("output"),
            overwrite=options.get("overwrite", False),
            guard=options.get("guard", True),
            to_table=options.get("to_table"),
            database=options.get("database"),
        )
        stop = options.get("stop") or StopSignal()
        with self._session.under_way.run(stop):
            work = partial(
                run_and_deliver,
                infos,
                wanted,
                delivery,
                tools=self._session.tools(write=True),
                wait=options.get("wait"),
                observer=options.get("on_event"),
                stop=stop,
                on_result=on_result,
            )
            return await drained(work, stop)

    async def acheck_free(self) -> None:
        """BusyError: a run is at work on this database, and `run` would be refused."""
        from runner.work.run import refuse_beside

        await refuse_beside(self._session.settings.database, clock=self._session.clock)

    def check_log(
        self, file: str | Path, *, lists: Sequence[str | Path] = (), output: str | Path | None = None
    ) -> None:
        """UsageError: lines of a log would spoil a list or an output of a batch that is here, or what the work needs.
        `lists`: what else will be read; `output`: as `run` takes it. Nothing is made."""
        from runner.work.outputs import settle_given
        from runner.work.replaceable import check_log

        session = self._session
        directory = session.settings.directory
        check_log(
            directory / at_home(file),
            lists=[directory / at_home(one) for one in lists],
            output=settle_given(output, directory),
            settings=session.settings,
            profiles=session.profiles,
            batches=session.batches,
        )

    def check_output(
        self,
        output: str | Path | None,
        *,
        lists: Sequence[str | Path] = (),
        batch: str | None = None,
        overwrite: bool = False,
    ) -> None:
        """What `run` would refuse of an `output`, as far as it can be told before its list is loaded. `lists`: files
        that will be read; `batch`: the name that is given. BatchError; UsageError: a format that cannot be written."""
        from runner.work.outputs import settle_given
        from runner.work.replaceable import check_output

        session = self._session
        directory = session.settings.directory
        target = settle_given(output, directory)
        if target is None:
            return
        check_output(
            target,
            lists=[directory / at_home(one) for one in lists],
            batch=batch,
            overwrite=overwrite,
            settings=session.settings,
            batches=session.batches,
        )

    check_free = driven(acheck_free)
    run = driven(arun)
    run_all = driven(arun_all)

    # --- steering --------------------------------------------------------------------------------------------------

    def pause(self, batch: BatchLike) -> Steered:
        """Stop sending until `resume`."""
        return self._steer(stops=True).pause(self._info(batch))

    def resume(self, batch: BatchLike | None = None) -> Steered:
        """Lift a pause; `next` is the command that starts a run."""
        return self._steer().resume(self._info(batch))

    def cancel(self, batch: BatchLike) -> Steered:
        """Give the batch up: what is queued is never sent; answers stay."""
        return self._steer(stops=True).cancel(self._info(batch))

    def retry(self, batch: BatchLike, only: str = "failed") -> Steered:
        """Queue failures again, final ones included: "failed" or "failed:RULE". `paid`: what was charged for them."""
        return self._steer().retry(self._info(batch), only)

    def tune(
        self,
        batch: BatchLike | None = None,
        *,
        rate: str | None = None,
        in_flight: int | None = None,
        max_requests: int | None = None,
        max_spend: SpendCap | None = None,
    ) -> Tuned:
        """Change limits that are kept with the batch; a run at work goes by them within a second. `rate`: "30/min", or
        "none" for as fast as the provider allows. UsageError: they cannot hold. BatchError: the batch is over."""
        from runner.work.tune import tune  # it needs the engine, as a run does

        info, tools = self._info(batch), self._session.tools(write=True)
        return tune(info, rate=rate, in_flight=in_flight, max_requests=max_requests, max_spend=max_spend, tools=tools)

    def resolve(
        self,
        batch: BatchLike,
        resolution: Resolution | str,
        *,
        row: int | Sequence[int] | None = None,
        provider: str | None = None,
    ) -> Steered:
        """Say what became of the requests in doubt of a row or several, or of all (row=None), at one provider or all:
        charged, not-charged or resend. BatchError: nothing of one of these rows is in doubt; nothing is changed."""
        rows = [row] if isinstance(row, int) else row
        return self._steer().resolve(self._info(batch), parse_resolution(resolution), rows=rows, provider=provider)

    def _steer(self, *, stops: bool = False) -> Steer:
        """`stops`: what stops a run at work is let through, whatever other name its file has."""
        session = self._session
        return Steer(
            session.store(write=not (stops and is_run_here(session.path))),
            session.profiles,
            prices=session.prices,
            clock=session.clock,
            flags=session.settings.typed,
        )

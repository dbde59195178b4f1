"""What a Runner writes: a batch's rows with their answers, into files, streams and tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from runner.app.listing import several
from runner.app.watching import BatchLike, Watching
from runner.settings import parse_whole
from runner.work.results import Exported

if TYPE_CHECKING:
    from runner.work.report import Reported


class Out(Watching):
    """Rows out. Every method may raise a RunnerError."""

    def export(
        self,
        batch: BatchLike,
        target: str | Path | TextIO,
        *,
        only: str | None = None,
        columns: str | Sequence[str] = (),
        raw: bool = False,
        limit: int | None = None,
        guard: bool = True,
        overwrite: bool = False,
    ) -> Exported:
        """Write the rows with their answers; `target` is a path, whose ending says the format, or an open text stream.

        `only`: succeeded, failed (invalid rows included, those in doubt not; own columns only, so that it loads again),
        in_doubt, queued, cancelled, invalid; "failed:RULE", "invalid:WHY". `columns`: these alone, in this order, of
        the whole header, or "risk_score" for every operation. `raw`: a column with each operation's last answer.
        `limit`: at most so many rows. UsageError: no such state, column or format. BatchError: the target exists and
        was not written by this batch.
        """
        from runner.work.deliver import export  # only who writes pays for it
        from runner.work.shape import Shape

        shape = Shape(only=only, columns=several(columns), raw=raw, limit=_rows(limit), guard=guard)
        return export(
            self._info(batch), target, shape=shape, overwrite=overwrite, tools=self._session.tools(write=True)
        )

    def report(self, batch: BatchLike | None, target: str | Path | TextIO, *, overwrite: bool = False) -> Reported:
        """Write a batch (None: the one last worked on) as one page of HTML that loads nothing: totals, money, pace,
        waits, failures with what to do, runs, settings. `target`: a path, or an open text stream. Works beside a run.

        BatchError: the target exists and was not written by this batch.
        """
        from runner.work.report import report

        return report(self._info(batch), target, overwrite=overwrite, tools=self._session.tools(write=True))

    def export_table(
        self,
        batch: BatchLike,
        table: str,
        *,
        database: str | None,
        only: str | None = None,
        columns: str | Sequence[str] = (),
        raw: bool = False,
        limit: int | None = None,
        overwrite: bool = False,
    ) -> Exported:
        """Insert the rows with their answers into a table, or update them by their key: the batch's key column, or the
        number of a file's row. `database`: a URL or a `[sources.NAME]`; the others as at `export`.

        The table is made if it is not there, and never altered. 1,000 rows are a transaction; done again it changes
        nothing. UsageError: it lacks columns, or the database fails. BatchError: another batch wrote rows by number.
        """
        from runner.work.shape import Shape
        from runner.work.tables import export_table

        shape = Shape(only=only, columns=several(columns), raw=raw, limit=_rows(limit))
        tools = self._session.tools(write=True)
        return export_table(self._info(batch), table, source=database, shape=shape, overwrite=overwrite, tools=tools)


def _rows(limit: int | None) -> int | None:
    return None if limit is None else parse_whole(limit, name="--limit")

"""`log`: what happened, as people read it. One sentence for each event; the newest is last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from runner.cli.options import Common, Switch, whole
from runner.cli.render import table
from runner.cli.terminal import Screen
from runner.cli.text import local_time, offset
from runner.work.event_words import sentence

if TYPE_CHECKING:
    from runner.work.records import Record


def log(
    batch: Annotated[
        str | None, Parameter(help="Its name, the beginning of it, or its input file (default: all batches).")
    ] = None,
    /,
    *,
    since: Annotated[
        str | None, Parameter(help="2h, 7d, or a local date or time such as 2026-11-20.", show_default=False)
    ] = None,
    limit: Annotated[int, Parameter(help="At most so many lines, the newest.", converter=whole(200))] = 200,
    json: Annotated[Switch, Parameter(help="One JSON object a line: the columns of v_events.")] = False,
    common: Common | None = None,
) -> int:
    """Show what happened, the newest last: runs, waits, halts, and what you decided. Works beside a run.

    Times are local.
    """
    from runner.work.records import record_json

    screen = Screen()
    with (common or Common()).open() as library:
        name = None if batch is None else library.find(batch)
        found = library.log(name, since=since, limit=limit)
    if json:
        for record in found.records:
            screen.json(record_json(record))
    elif found.records:
        screen.data(log_text(found.records))
    else:
        screen.say("nothing happened" + (f" since {since}" if since else ""))
    if found.more:
        screen.say(f"older lines are left out: --limit {10 * limit} shows more")
    return 0


def log_text(records: Sequence[Record]) -> str:
    """The lines in columns; the date stands alone, with the clock's offset from UTC, where one of them changes."""
    days = [f"{local_time(record.at_us)[:10]} {offset(record.at_us)}" for record in records]
    rows = [
        (f"  {local_time(record.at_us)[11:]}", record.handle or "", record.provider or "", sentence(record))
        for record in records
    ]
    lines = table(rows).splitlines()
    shown: list[str] = []
    before = ""
    for day, line in zip(days, lines, strict=True):
        shown += [line] if day == before else [day, line]
        before = day
    return "\n".join(shown)

"""`export`: the rows with their answers, at any time."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from runner.cli.options import Common, Switch, Texts
from runner.cli.render import near
from runner.cli.steer import LastBatch
from runner.cli.terminal import Screen
from runner.cli.text import count


def export(
    batch: LastBatch = None,
    /,
    *,
    output: Annotated[
        str,
        Parameter(
            name="-o",
            help="The file to write, as its ending says: .csv, .jsonl (.gz behind packs them), .parquet; - for stdout.",
            allow_leading_hyphen=True,
        ),
    ],
    only: Annotated[
        str | None,
        Parameter(
            help="Rows in this state: succeeded, failed[:RULE], in_doubt, queued, cancelled, invalid[:WHY]. `failed` "
            "loads again as it is."
        ),
    ] = None,
    columns: Annotated[
        Texts, Parameter(help="These columns only, yours and results, in this order; with commas, or several times.")
    ] = (),
    raw: Annotated[Switch, Parameter(help="Add a column with each operation's last answer, as it was stored.")] = False,
    limit: Annotated[int | None, Parameter(help="At most N rows, the first.", show_default=False)] = None,
    no_guard: Annotated[
        Switch, Parameter(help="Leave the provider's texts as they are, even if they look like formulas.")
    ] = False,
    overwrite: Annotated[Switch, Parameter(help="Replace a file that this batch did not write.")] = False,
    common: Common | None = None,
) -> int:
    """Write a batch's rows with their answers: your own columns as they were, in order, then the answers."""
    screen = Screen()
    with (common or Common()).open() as library:
        name = library.find(batch)
        target = sys.stdout if output == "-" else output
        names = [column.strip() for text in columns for column in text.split(",") if column.strip()]
        written = library.export(
            name,
            target,
            only=only,
            columns=names,
            raw=raw,
            limit=limit,
            guard=not no_guard,
            overwrite=overwrite,
        )
        if written.path is not None:
            screen.say(f"{written.batch}: {count(written.rows, 'row')} written to {near(written.path)}")
            if written.diverted:
                screen.say(f"  note      {output} could not be replaced: is it open in another program?")
    return 0

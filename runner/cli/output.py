"""`export`: the rows with their answers, at any time."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from runner.cli.options import Common, Switch, Text, Texts, refuse_password, whole
from runner.cli.render import near
from runner.cli.steer import LastBatch
from runner.cli.terminal import Screen
from runner.cli.text import count
from runner.errors import UsageError


def export(
    batch: LastBatch = None,
    /,
    *,
    output: Annotated[
        Text,
        Parameter(
            name="-o",
            help="The file to write, as its ending says: .csv, .tsv, .jsonl (.gz behind packs them), .parquet; - for "
            "stdout.",
            allow_leading_hyphen=True,
        ),
    ] = None,
    to_table: Annotated[Text, Parameter(help="Instead of a file: insert or update the rows in this table.")] = None,
    source: Annotated[Text, Parameter(help="The database of --to-table: a name in [sources], or a URL.")] = None,
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
    limit: Annotated[
        int | None, Parameter(help="At most N rows, the first.", show_default=False, converter=whole(500))
    ] = None,
    no_guard: Annotated[
        Switch, Parameter(help="Leave the provider's texts as they are, even if they look like formulas.")
    ] = False,
    overwrite: Annotated[Switch, Parameter(help="Replace a file that this batch did not write.")] = False,
    common: Common | None = None,
) -> int:
    """Write a batch's rows with their answers: your own columns as they were, in order, then the answers."""
    screen = Screen()
    names = [column.strip() for text in columns for column in text.split(",") if column.strip()]
    refuse_password(source, flag="--source")
    if (output is None) == (to_table is None) or (source is not None and to_table is None):
        raise UsageError(
            "an export goes to a file, or to a table",
            why="Name one of the two; --source goes with --to-table only.",
            fix="-o leads.out.csv, or --to-table leads --source crm",
        )
    with (common or Common()).open() as library:
        name = library.find(batch)
        if to_table is not None:
            done = library.export_table(
                name, to_table, database=source, only=only, columns=names, raw=raw, limit=limit, overwrite=overwrite
            )
            screen.say(f"{done.batch}: {count(done.rows, 'row')} written to the table {to_table}")
            return 0
        target = sys.stdout if output in (None, "-") else output
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

"""`report`: a batch as one page, for who was not there."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from runner.cli.options import Common, Switch, Text
from runner.cli.render import near
from runner.cli.steer import LastBatch
from runner.cli.terminal import Screen
from runner.cli.text import number
from runner.errors import UsageError


def report(
    batch: LastBatch = None,
    /,
    *,
    output: Annotated[
        Text,
        Parameter(name="-o", help="The file to write, such as report.html; - for stdout.", allow_leading_hyphen=True),
    ] = None,
    overwrite: Annotated[Switch, Parameter(help="Replace a file that this batch did not write.")] = False,
    common: Common | None = None,
) -> int:
    """Write a batch as one page of HTML: totals, money, pace, waits, failures with what to do, runs, settings.

    The file loads nothing and runs no script. It works beside a run.
    """
    if output is None:
        raise UsageError("a report goes to a file", why="none is named", fix="-o report.html")
    screen = Screen()
    with (common or Common()).open() as library:
        name = library.find(batch)
        written = library.report(name, sys.stdout if output == "-" else output, overwrite=overwrite)
        if written.path is not None:
            size = f"{number(-(-written.size_bytes // 1_000))} kB"
            screen.say(f"{written.batch}: report written to {near(written.path)}, {size}")
            if written.diverted:
                screen.say(f"  note      {output} could not be replaced: is it open in another program?")
    return 0

"""`check`: what would be sent, at what price, in what time. Sends nothing."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import Annotated, Any

from cyclopts import Parameter

from runner.cli.ahead import preflight_text
from runner.cli.options import CAPS, INPUT, Common, Limit, MaxRequests, MaxSpend, Rate, Reuse, Rows, Switch, Text
from runner.cli.render import next_text
from runner.cli.targets import FileOrBatch, known_batch, named_list, names_list
from runner.cli.terminal import Screen
from runner.cli.text import clean
from runner.domain.typed import as_file


@Parameter(name="*", group=CAPS)
@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Those limits of a run that change what it would send, or when it would be done."""

    max_spend: MaxSpend = ()
    max_requests: MaxRequests = None
    rate: Rate = None
    limit: Limit = None
    reuse: Reuse = None
    until: Annotated[
        Text, Parameter(help="HH:MM, local time: count the nights, each from the time of day it is now until then.")
    ] = None

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of `Runner.check`."""
        return {
            "max_spend": self.max_spend or None,
            "max_requests": self.max_requests,
            "rate": self.rate,
            "limit": self.limit,
            "reuse": self.reuse,
            "until": self.until,
        }


def check(
    target: FileOrBatch = None,
    /,
    *,
    rows: Rows | None = None,
    max_invalid: Annotated[
        Text,
        Parameter(help="Refuse a list when more than this share of its cells is unusable (default: 50%).", group=INPUT),
    ] = None,
    bounds: Bounds | None = None,
    json: Annotated[Switch, Parameter(help="One JSON object on one line.")] = False,
    common: Common | None = None,
) -> int:
    """Say what `run` would send: rows, refused cells, shared values, requests, price, time, nights. Sends nothing.

    The list is read as `load` reads it, and no database is made or changed. What was paid for already is said.

    Exit codes: 0 it can be sent; 2 it cannot, and why: a key is missing, the list is wrong, it changed, it is paused.
    """
    from runner.work.check import as_json

    screen, flags, limits = Screen(), rows or Rows(), bounds or Bounds()
    with (common or Common()).open() as library:
        if flags.given() or max_invalid is not None or names_list(target):
            asked = flags.arguments() | {"max_invalid": max_invalid} | limits.arguments()
            found = library.check(named_list(target), **asked)
        else:
            found = library.check_batch(known_batch(library, target), **limits.arguments())
        for notice in library.notices:
            screen.say(clean(notice))
    if json:
        screen.json(as_json(found))
    else:
        screen.data(preflight_text(found.plan, found.nights))
        if not found.problems and found.plan.requests:
            screen.say(_next(target, flags, limits, common or Common()))
    for problem in found.problems:
        screen.error(problem)
    return 2 if found.problems else 0


def _next(target: str | None, rows: Rows, bounds: Bounds, common: Common) -> str:
    """The command that sends what was checked."""
    if replace(rows, operations=()) != Rows() or bounds != Bounds():
        return next_text("", "`run` in place of `check` sends them, with the same options")
    asked = [word for operation in rows.operations for word in ("-p", as_file(operation))]
    return next_text(
        shlex.join(["runner", "run", *([as_file(target)] if target else []), *asked, *common.words()]), "sends them"
    )

"""`db status|upgrade|backup|verify|purge|erase`: the database file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from runner.cli.options import Common, Switch
from runner.cli.privacy import erased_text, purged_text
from runner.cli.render import facts
from runner.cli.terminal import Screen, can_ask
from runner.cli.text import number, shorten
from runner.cli.verified import verified_end, verified_text

if TYPE_CHECKING:
    from runner.work.database import DatabaseStatus


def status(*, common: Common | None = None) -> int:
    """Show where the database is, how large, and whether its schema is this version's. Changes nothing."""
    with (common or Common()).open() as library:
        Screen().data(_text(library.database_status(), common or Common()))
    return 0


def upgrade(*, common: Common | None = None) -> int:
    """Bring the database to this version's schema; a copy of the old file is kept beside it."""
    with (common or Common()).open() as library:
        Screen().data(_text(library.upgrade(), common or Common()))
    return 0


def backup(
    target: Annotated[str, Parameter(help="The file to write; it must not be there yet.")],
    /,
    *,
    common: Common | None = None,
) -> int:
    """Write a consistent copy of the database, readable by you only. A run at work is not disturbed."""
    with (common or Common()).open() as library:
        Screen().say(f"copied to {library.backup(target)}")
    return 0


def verify(
    *,
    json: Annotated[Switch, Parameter(help="One JSON object: every check, and what was found, with its ids.")] = False,
    common: Common | None = None,
) -> int:
    """Check everything a database can show: rows, sums, charges, the record of requests. Changes nothing.

    Works beside a run. Exit codes: 0 everything holds; 2 not a runner database, or not of this version; 3 violations.
    """
    from runner.work.verify import as_json

    screen = Screen()
    with (common or Common()).open() as library:
        found = library.verify(on_line=(lambda _: None) if json else (lambda line: screen.data(verified_text(line))))
    if json:
        screen.json(as_json(found))
    else:
        screen.data(verified_end(found))
    return found.exit_code


def purge(
    batch: Annotated[str | None, Parameter(help="Only this batch (default: every batch).")] = None,
    /,
    *,
    older_than: Annotated[str, Parameter(help="How long a batch must have been over, e.g. 30d.")],
    common: Common | None = None,
) -> int:
    """Remove the stored answers and the events of batches that are over. Outcomes, requests and amounts stay.

    Refused beside a run. The file is written anew, which takes as much room again on the disk.
    """
    screen, flags = Screen(), common or Common()
    with flags.open() as library:
        if not _agreed(screen, flags, f"Remove stored answers older than {older_than} from {library.path} for good?"):
            return 5
        screen.data(purged_text(library.purge(older_than, batch=batch)))
    return 0


def erase(
    *,
    match: Annotated[
        str,
        Parameter(
            help="Whom: an e-mail address, or a phone number with its country; - reads it from stdin, so that no shell "
            "keeps it.",
            allow_leading_hyphen=True,
        ),
    ],
    common: Common | None = None,
) -> int:
    """Erase one person from every batch: rows, requests, answers, keys. Sums still hold; says what it cannot reach.

    Refused beside a run. The file is written anew, which takes as much room again on the disk.
    """
    screen, flags = Screen(), common or Common()
    value = sys.stdin.readline().strip() if match == "-" else match
    with flags.open() as library:
        if not _agreed(screen, flags, f"Erase {shorten(value)} from {library.path} for good?"):
            return 5
        screen.data(erased_text(library.erase(value)))
    return 0


def _agreed(screen: Screen, flags: Common, question: str) -> bool:
    if flags.yes or not can_ask() or screen.ask(question):
        return True
    screen.say("nothing was changed")
    return False


def _text(found: DatabaseStatus, common: Common) -> str:
    if not found.exists:
        return f"{found.path}: not there yet; the first load or run makes it"
    current = found.revision == found.newest
    return "\n".join(
        [
            f"{found.path}",
            facts(
                [
                    ("size", f"{number(round(found.size_bytes / 1_000_000, 1))} MB"),
                    ("batches", number(found.batches)),
                    ("schema", f"{found.revision}{', the newest' if current else f'; the newest is {found.newest}'}"),
                    ("next", "" if current else common.aim(_next(found))),
                ]
            ),
        ]
    )


def _next(found: DatabaseStatus) -> str:
    newer = (found.revision or "") > found.newest  # revisions are numbered 0001, 0002, ...
    return "pip install --upgrade bulk-runner   (a newer version wrote the file)" if newer else "runner db upgrade"

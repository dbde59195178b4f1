"""`load` and `run`: from a list to requests to a file."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from runner.cli.options import CAPS, INPUT, OUTPUT, Common, Rows, Switch, Text, Texts
from runner.cli.progress import ProgressMode
from runner.cli.render import ended_text, known_text, loaded_text, preflight_text
from runner.cli.terminal import Screen, can_ask
from runner.cli.text import clean, count, listed
from runner.domain.model import InDoubtPolicy
from runner.errors import BatchError, InputError, StorageFullError, UsageError

if TYPE_CHECKING:
    from runner.app import Runner
    from runner.work.results import Preflight

File = Annotated[str | None, Parameter(help="A CSV file, unless --from is given.")]
FileOrBatch = Annotated[
    str | None,
    Parameter(
        name="FILE|BATCH", help="A CSV file, or a batch by its name or the beginning of it (default: the last one)."
    ),
]


@Parameter(name="*", group=CAPS)
@dataclass(frozen=True, kw_only=True)
class Caps:
    """Where a run stops by itself, and how fast it may go."""

    max_spend: Annotated[
        Texts, Parameter(help="[PROVIDER=]X: never owe more than X of the provider's unit for this batch.")
    ] = ()
    max_requests: Annotated[
        int | None, Parameter(help="Never make more than N requests for this batch.", show_default=False)
    ] = None
    in_doubt: Annotated[
        InDoubtPolicy | None,
        Parameter(
            help="What becomes of requests sent and never answered: hold (first default) or resend-once.",
            show_default=False,
        ),
    ] = None
    rate: Annotated[Text, Parameter(help="N/s, N/min or N/h: slower than the provider allows.")] = None
    in_flight: Annotated[
        int | None, Parameter(help="Requests on the way at once, per provider.", show_default=False)
    ] = None
    limit: Annotated[int | None, Parameter(help="Work on at most N values in this run.", show_default=False)] = None
    max_wait: Annotated[
        Text, Parameter(help="End with exit 6 when a provider asks for a longer wait (default: 15m).")
    ] = None
    wait: Annotated[Text, Parameter(help="Queue this long behind another run, e.g. 2h, instead of exit 7.")] = None
    max_failed: Annotated[
        Text, Parameter(help="Halt when more than this share of ended requests failed, e.g. 10%.")
    ] = None

    def bounds(self) -> dict[str, Any]:
        """Keyword arguments of `Runner.preflight`."""
        return {
            "max_spend": self.max_spend or None,
            "max_requests": self.max_requests,
            "rate": self.rate,
            "limit": self.limit,
        }

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of `Runner.run`."""
        return self.bounds() | {
            "in_doubt": self.in_doubt,
            "in_flight": self.in_flight,
            "max_wait": self.max_wait,
            "wait": self.wait,
            "max_failed": self.max_failed,
        }


@Parameter(name="*", group=OUTPUT)
@dataclass(frozen=True, kw_only=True)
class Output:
    """Where the rows go, and what is said meanwhile."""

    output: Annotated[
        Text,
        Parameter(
            name="-o",
            help="The file to write (default: BATCH.csv beside the list); none, or - for stdout.",
            allow_leading_hyphen=True,
        ),
    ] = None
    overwrite: Annotated[Switch, Parameter(help="Replace a file that this batch did not write.")] = False
    no_guard: Annotated[
        Switch, Parameter(help="Leave the provider's texts as they are, even if they look like formulas.")
    ] = False
    progress: Annotated[ProgressMode, Parameter(help="What is shown while it works.")] = ProgressMode.AUTO
    json: Annotated[Switch, Parameter(help="At the end, one JSON object on one line of stdout.")] = False
    quiet: Annotated[Switch, Parameter(name="-q", help="Show nothing but errors and halts.")] = False
    verbose: Annotated[
        Switch, Parameter(name="-v", help="Show each request, and the trace of an unexpected error.")
    ] = False
    log_file: Annotated[Text, Parameter(help="Append a record of each request to this file.")] = None


def load(file: File = None, /, *, rows: Rows | None = None, common: Common | None = None) -> int:
    """Import a list and send nothing: columns are found, cells checked, equal values put together."""
    screen = Screen()
    flags = rows or Rows()
    with (common or Common()).open() as library:
        if file is None and flags.from_ is None:
            raise UsageError(
                "nothing to load",
                why="neither a file nor --from was given",
                fix="runner load leads.csv -p defastra.email",
            )
        loaded = library.load(file, **flags.arguments())
        _tell_notices(library, screen)
        screen.say(loaded_text(loaded))
    return 0


def run(
    target: FileOrBatch = None,
    /,
    *,
    rows: Rows | None = None,
    max_invalid: Annotated[
        Text,
        Parameter(help="Refuse a list when more than this share of its cells is unusable (default: 50%).", group=INPUT),
    ] = None,
    caps: Caps | None = None,
    output: Output | None = None,
    common: Common | None = None,
) -> int:
    """Import a list if it is new, send what is due, and write the rows with their answers. The same command continues.

    Exit codes: 0 done; 1 unexpected error; 2 usage or input wrong, nothing sent; 3 done, some failed or in doubt;
    4 halted, a person must act; 5 stopped by a limit of yours or paused; 6 waits for the provider's reset;
    7 another run is at work; 130 and 143 interrupted, drained and saved.
    """
    from runner.cli.logs import logging_to

    shown, flags, limits = output or Output(), common or Common(), caps or Caps()
    if shown.json and shown.output == "-":
        raise UsageError("--json and -o - both want stdout", why="only one can have it", fix="-o FILE, or no --json")
    screen = Screen(quiet=shown.quiet)
    with logging_to(shown.log_file, verbose=shown.verbose), flags.open() as library:
        batch, told = _batch(library, screen, target, rows or Rows(), max_invalid)
        try:
            plan = library.preflight(batch, **limits.bounds())
            if not _agreed(screen, plan, yes=flags.yes, told=told):
                return _declined(library, screen, batch, json=shown.json)
            return _work(library, screen, plan, limits, shown)
        except StorageFullError as error:  # a halt: what is stored still says how the batch stands
            screen.error(error)
            if shown.json:
                _print_status(library, screen, batch)
            return error.exit_code


def _batch(
    library: Runner, screen: Screen, target: str | None, rows: Rows, max_invalid: str | None
) -> tuple[str, bool]:
    """The batch's name, and whether its list was shown just now."""
    # A file is always read again: a list that changed must not be mistaken for the one that was imported.
    if rows.given() or max_invalid is not None or (target is not None and Path(target).is_file()):
        loaded = library.load(target, **rows.arguments(), max_invalid=max_invalid)
        _tell_notices(library, screen)
        if loaded.created or loaded.added_rows:
            screen.say(loaded_text(loaded))
            return loaded.batch, True
        for notice in loaded.notices:
            screen.say(clean(notice))
        return loaded.batch, False
    batch = _known(library, target)
    _tell_notices(library, screen)
    if target is None:
        screen.say(f"{batch}: the batch last worked on")
    return batch, False


def _known(library: Runner, target: str | None) -> str:
    try:
        return library.find(target)
    except BatchError as error:
        if target is None or not Path(target).suffix:
            raise
        raise InputError(  # whoever writes an ending means a file
            f"there is no file {target}, and no batch of that name",
            why="A list is read where it lies; a batch is known by its name, or by the file it came from.",
            fix=f"ls {Path(target).parent}   (the files there), or runner status   (the batches here)",
        ) from error


def _tell_notices(library: Runner, screen: Screen) -> None:
    for notice in library.notices:
        screen.say(clean(notice))


def _agreed(screen: Screen, plan: Preflight, *, yes: bool, told: bool) -> bool:
    """Show what is about to be paid for; on a terminal ask once before the first request of a batch.

    `told`: the list and its columns are on the screen already.
    """
    ready = all(lane.key_present for lane in plan.lanes)  # a missing key is an error in a moment: nothing to agree to
    if plan.first_time and plan.at_most and ready and can_ask():
        screen.say(preflight_text(plan, with_list=not told))
        who = listed(lane.title for lane in plan.lanes)
        return yes or screen.ask(f"Send {'up to ' if plan.caps else ''}{count(plan.at_most, 'request')} to {who}?")
    for sentence in known_text(plan) if plan.requests else ():
        screen.say(sentence)
    return True


def _declined(library: Runner, screen: Screen, batch: str, *, json: bool) -> int:
    screen.say("nothing was sent; the same command asks again")
    if json:
        _print_status(library, screen, batch)
    return 5


def _work(library: Runner, screen: Screen, plan: Preflight, limits: Caps, shown: Output) -> int:
    from runner.cli.supervise import supervise

    result = supervise(
        library,
        screen,
        plan.batch,
        due=plan.requests,
        mode=ProgressMode.PLAIN if shown.verbose and shown.progress is ProgressMode.AUTO else shown.progress,
        arguments=limits.arguments()
        | {"output": shown.output or "auto", "overwrite": shown.overwrite, "guard": not shown.no_guard},
        to_stdout=None if shown.json else sys.stdout,
    )
    if result.exit_code == 4:
        screen.quiet = False  # whoever asked for quiet still wants to know that nothing goes on without them
    screen.say(ended_text(result, library.doubt_text(result.batch)))
    if shown.json:
        from runner.work.status import as_json

        screen.json(as_json(result.status))
    return result.exit_code


def _print_status(library: Runner, screen: Screen, batch: str) -> None:
    from runner.work.status import as_json

    screen.json(as_json(library.status(batch)))

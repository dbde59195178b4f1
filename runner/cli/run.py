"""`run`: from lists to requests to files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from os.path import samestat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from runner.cli.ahead import changed_text, known_text, preflight_text
from runner.cli.notices import tell_notices
from runner.cli.options import INPUT, STDIN, Common, Rows, Switch, Text, refuse_password
from runner.cli.progress import ProgressMode
from runner.cli.render import ended_text, go_on_text, loaded_text
from runner.cli.targets import known_batch, named_list, names_list
from runner.cli.terminal import Screen, can_ask
from runner.cli.text import clean, count, listed
from runner.cli.work import Caps, Output
from runner.errors import StorageFullError, UsageError
from runner.work.state_words import state_text

if TYPE_CHECKING:
    from runner.app import Runner
    from runner.work.outlook import Preflight
    from runner.work.results import Loaded, RunResult

Targets = Annotated[
    str,
    Parameter(
        name="FILE|BATCH",
        help="Lists (- is stdin), or batches by their names or the beginnings of them (default: the last one). Several "
        "are worked on side by side.",
    ),
]


def run(
    *targets: Targets,
    rows: Rows | None = None,
    max_invalid: Annotated[
        Text,
        Parameter(help="Refuse a list when more than this share of its cells is unusable (default: 50%).", group=INPUT),
    ] = None,
    all_: Annotated[
        Switch,
        Parameter(name="--all", help="Every batch that is not over, side by side: they take turns.", group=INPUT),
    ] = False,
    follow: Annotated[
        Switch,
        Parameter(
            help="Wait for more when all is sent: rows that `load` adds meanwhile, and new ones in the table.",
            group=INPUT,
        ),
    ] = False,
    poll: Annotated[
        Text, Parameter(help="How often --follow looks at the table (default: 60s; 1s at the most).", group=INPUT)
    ] = None,
    caps: Caps | None = None,
    output: Output | None = None,
    common: Common | None = None,
) -> int:
    """Import a list if it is new, send what is due, and write the rows with their answers. The same command continues.

    Several batches take turns, request by request: a short list does not wait for a long one.

    Exit codes: 0 done; 1 unexpected error; 2 usage or input wrong, nothing sent; 3 done, some failed or in doubt;
    4 halted, a person must act; 5 stopped by a limit of yours or paused; 6 waits for the provider's reset;
    7 another run is at work; 130 and 143 interrupted, drained and saved.
    """
    shown, flags, limits, given = output or Output(), common or Common(), caps or Caps(), rows or Rows()
    table, given = _table(shown, given)
    _check(targets, every=all_, rows=given, max_invalid=max_invalid, shown=shown)
    _check_following(follow, every=all_)
    screen = Screen(quiet=shown.quiet)
    with flags.open() as library, _logging(library, targets, shown):
        unshown: dict[str, Loaded] = {}
        if limits.wait is None:
            # Beside a run on this database nothing is loaded: a batch that nobody asked for twice would stay.
            library.check_free()
        if all_:
            tell_notices(library, screen, set())
            batches = _every(library, shown)
        else:
            _check_output(library, targets, given, shown)
            batches, unshown = _batches(library, screen, targets, given, max_invalid)
        if not batches:
            return _nothing(screen, json=shown.json)
        try:
            plans = [library.preflight(batch, **limits.bounds()) for batch in batches]
            if not _agreed(screen, plans, unshown, yes=flags.yes):
                return _declined(library, screen, batches, json=shown.json)
            arguments = limits.arguments() | table | {"follow": follow, "poll": poll}
            return _work(library, screen, plans, arguments, shown)
        except StorageFullError as error:  # a halt: what is stored still says how the batches stand
            screen.error(error)
            _tell_halted(library, screen, batches)
            if shown.json:
                _print_status(library, screen, batches)
            return error.exit_code


def _check(targets: Sequence[str], *, every: bool, rows: Rows, max_invalid: str | None, shown: Output) -> None:
    """UsageError for flags that cannot go together."""
    if shown.json and _is_stdout(shown.output):
        raise UsageError("--json and -o - both want stdout", why="only one can have it", fix="-o FILE, or no --json")
    if every and (targets or rows.given() or max_invalid is not None):
        raise UsageError(
            "--all takes the batches that are there",
            why="a list to read, or flags that say how, were given beside it",
            fix="runner run --all, or: runner run leads.csv -p defastra.email",
        )
    if len(targets) > 1 and (rows.batch is not None or rows.from_ is not None):
        flag = "--batch" if rows.batch is not None else "--from"
        raise UsageError(f"{flag} speaks of one batch", why=f"{len(targets)} were named", fix="one command for each")


def _check_output(library: Runner, targets: Sequence[str], rows: Rows, shown: Output) -> None:
    """Before a list is loaded: a batch whose output cannot be written would stay. BatchError, UsageError."""
    lists = [target for target in targets if names_list(target)]
    if lists or rows.from_ is not None:
        library.check_output(
            shown.output, lists=[one for one in lists if one != STDIN], batch=rows.batch, overwrite=shown.overwrite
        )


@contextmanager
def _logging(library: Runner, targets: Sequence[str], shown: Output) -> Iterator[None]:
    """While inside, records go where they are wanted. UsageError before anything is made: they would spoil a file."""
    from runner.cli.logs import logging_to

    if shown.log_file is not None:
        # A batch by its name, too: a file that is called so would be taken for a list by the next command.
        library.check_log(shown.log_file, lists=[one for one in targets if one != STDIN], output=shown.output)
    with logging_to(shown.log_file, verbose=shown.verbose):
        yield


def _is_stdout(output: str | None) -> bool:
    """Whether rows would go where the JSON goes, by whatever name: /dev/stdout too."""
    with suppress(OSError, ValueError, AttributeError):  # not there; no stdout, or one without a file
        if output is not None and output not in ("-", os.devnull):  # where nothing is read, nothing is mixed
            return samestat(Path(output).stat(), os.fstat(sys.stdout.fileno()))
    return output == "-"


def _table(shown: Output, rows: Rows) -> tuple[dict[str, Any], Rows]:
    """What `Runner.run` is told of --to-table, and the flags that are left for the list: --source speaks of both."""
    if shown.to_table is None:
        return {}, rows
    refuse_password(rows.source, flag="--source")
    told = {"to_table": shown.to_table, "database": rows.source}
    return told, rows if rows.from_ is not None else replace(rows, source=None)


def _check_following(follow: bool, *, every: bool) -> None:
    if follow and every:
        raise UsageError(
            "--follow takes batches by name",
            why="--all means those that are not over, and a batch that is followed is never over",
            fix="runner run leads --follow",
        )


def _batches(
    library: Runner, screen: Screen, targets: Sequence[str], rows: Rows, max_invalid: str | None
) -> tuple[list[str], dict[str, Loaded]]:
    """The batches' names, each once, and what was imported just now and is still to be shown."""
    found: dict[str, Loaded | None] = {}
    said: set[str] = set()
    for target in targets or (None,):
        name, unshown = _batch(library, screen, target, rows, max_invalid, said)
        found[name] = unshown or found.get(name)
    return list(found), {name: unshown for name, unshown in found.items() if unshown is not None}


def _every(library: Runner, shown: Output) -> list[str]:
    """Those that can go on; and those whose last run was cut off before it had written their rows."""
    going_on = library.unfinished()
    unwritten = [] if shown.output == "none" else [name for name in library.unwritten() if name not in going_on]
    return [*unwritten, *going_on]


def _batch(
    library: Runner, screen: Screen, target: str | None, rows: Rows, max_invalid: str | None, said: set[str]
) -> tuple[str, Loaded | None]:
    """The batch's name, and what was imported just now unless it was shown: a question would show it again. `said`:
    notices that were told."""
    # A file is always read again: a list that changed must not be mistaken for the one that was imported.
    if rows.given() or max_invalid is not None or names_list(target):
        loaded = library.load(named_list(target), **rows.arguments(), max_invalid=max_invalid)
        tell_notices(library, screen, said)
        if loaded.created or loaded.added_rows:
            if can_ask():
                return loaded.batch, loaded
            screen.say(loaded_text(loaded))
            return loaded.batch, None
        for notice in loaded.notices:
            screen.say(clean(notice))
        return loaded.batch, None
    batch = known_batch(library, target)
    tell_notices(library, screen, said)
    if target is None:
        screen.say(f"{batch}: the batch last worked on")
    return batch, None


def _agreed(screen: Screen, plans: Sequence[Preflight], unshown: Mapping[str, Loaded], *, yes: bool) -> bool:
    """Show what is about to be paid for, as `check` does; on a terminal ask once before the first request of a batch.

    `unshown`: what was imported just now, by batch.
    """
    for plan in plans:
        if not _is_to_be_asked(plan):
            if plan.batch in unshown:
                screen.say(loaded_text(unshown[plan.batch]))
            known = plan.known if plan.requests or plan.reused else ()
            for sentence in (*known_text(known), *changed_text(plan.changed)):
                screen.say(sentence)
    asked = [plan for plan in plans if _is_to_be_asked(plan)]
    if not asked:
        return True
    for plan in asked:
        loaded = unshown.get(plan.batch)
        screen.say(preflight_text(replace(plan, notices=loaded.notices if loaded else ())))
    who = listed(dict.fromkeys(lane.title for plan in asked for lane in plan.lanes))
    most = sum(plan.at_most for plan in asked)
    capped = "up to " if any(plan.caps for plan in asked) else ""
    return yes or screen.ask(f"Send {capped}{count(most, 'request')} to {who}?")


def _is_to_be_asked(plan: Preflight) -> bool:
    ready = all(lane.key_present for lane in plan.lanes)  # a missing key is an error in a moment: nothing to agree to
    return plan.first_time and bool(plan.at_most) and ready and can_ask()


def _declined(library: Runner, screen: Screen, batches: Sequence[str], *, json: bool) -> int:
    screen.say("nothing was sent; the same command asks again")
    if json:
        _print_status(library, screen, batches)
    return 5


def _nothing(screen: Screen, *, json: bool) -> int:
    screen.say("nothing to do: every batch here is over")
    if json:
        screen.json({"schema": 1, "batches": []})
    return 0


def _work(library: Runner, screen: Screen, plans: Sequence[Preflight], arguments: dict[str, Any], shown: Output) -> int:
    from runner.cli.supervise import supervise
    from runner.work.status import as_json, worst_exit

    results = supervise(
        library,
        screen,
        plans,
        mode=ProgressMode.PLAIN if shown.verbose and shown.progress is ProgressMode.AUTO else shown.progress,
        arguments=arguments
        | {"output": shown.output or "auto", "overwrite": shown.overwrite, "guard": not shown.no_guard},
        to_stdout=None if shown.json else sys.stdout,
    )
    for result in results:
        _tell_end(library, screen, result)
    if shown.json:
        _print_all(screen, [as_json(result.status, result.receipt) for result in results])
    return worst_exit(result.exit_code for result in results)


def _tell_end(library: Runner, screen: Screen, result: RunResult) -> None:
    quiet = screen.quiet
    if result.exit_code == 4:
        screen.quiet = False  # whoever asked for quiet still wants to know that nothing goes on without them
    screen.say(ended_text(result, library.doubt_text(result.batch)))
    screen.quiet = quiet


def _tell_halted(library: Runner, screen: Screen, batches: Sequence[str]) -> None:
    """Below the error that ended a run: how each batch stands, and what comes next."""
    screen.quiet = False
    for batch in batches:
        status = library.status(batch)
        screen.say(f"{status.batch}: {state_text(status)}\n{go_on_text(status)}")


def _print_status(library: Runner, screen: Screen, batches: Sequence[str]) -> None:
    from runner.work.status import as_json

    _print_all(screen, [as_json(library.status(batch)) for batch in batches])


def _print_all(screen: Screen, statuses: Sequence[dict[str, object]]) -> None:
    """The object of `status --json` of one batch; several are in one object, on one line all the same."""
    screen.json(statuses[0] if len(statuses) == 1 else {"schema": 1, "batches": list(statuses)})

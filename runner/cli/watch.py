"""`status`, `explain`, and `runner` alone: nothing here changes anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from runner.cli.look import Look
from runner.cli.options import Common, Switch, whole
from runner.cli.render import batches_text, next_text, overview_next, status_text
from runner.cli.terminal import Screen
from runner.domain.states import BatchState
from runner.domain.typed import typed_file, typed_name
from runner.errors import BatchError

if TYPE_CHECKING:
    from runner.app import Runner
    from runner.work.results import JobStory
    from runner.work.support import SupportRequest


_OVER = (BatchState.COMPLETED, BatchState.CANCELLED)


def home(common: Common | None = None) -> int:
    """This folder's batches and the next command; a folder without any is told how to begin."""
    screen, flags = Screen(), common or Common()
    with flags.open() as library:
        batches = library.batches() if library.database_status().exists else []
        if not batches:
            screen.data("no batches here yet")
            for command, why in _beginnings(library):
                screen.data(next_text(flags.aim(command), why))
            return 0
        screen.data(batches_text(batches))
        screen.data(flags.aim(overview_next(batches)))
    return 0


def _beginnings(library: Runner) -> Iterator[tuple[str, str]]:
    """What one may do where nothing was done yet, and what for: `init` only where it has not been."""
    from runner.work.setup import lists_in

    set_up = any(place.role == "file" and place.found for place in library.places())
    asked = any(setting.name == "run.operations" and setting.value for setting in library.settings()) if set_up else ""
    lists = lists_in(Path.cwd())
    named = f"{typed_file(lists[0]) if len(lists) == 1 else 'leads.csv'}{'' if asked else ' -p defastra.email'}"
    yield "runner demo", "see it work on a small list; costs nothing"
    if set_up:
        yield f"runner check {named}", "what it would send and cost; sends nothing"
    else:
        yield "runner init", "your provider, its key, and what it costs"
    yield f"runner run {named}", "your own list"


def status(
    batch: Annotated[str | None, Parameter(help="Its name, the beginning of it, or its input file.")] = None,
    /,
    *,
    watch: Annotated[Switch, Parameter(help="Look again every second, until everything is over or Ctrl-C.")] = False,
    json: Annotated[Switch, Parameter(help="One JSON object on one line; with --watch whenever it changes.")] = False,
    common: Common | None = None,
) -> int:
    """Show what a batch did, what it cost, what it waits for, and the next command; without BATCH, all of them."""
    from runner.cli.notices import tell_notices

    screen, flags = Screen(), common or Common()
    with flags.open() as library:
        name = None if batch is None else library.find(batch)
        first = _look(library, name, flags)
        tell_notices(library, screen, set())
        if watch:
            from runner.cli.watching import follow

            return follow(lambda: _look(library, name, flags), screen, json=json)
        if json:
            screen.json(first.value)
        else:
            screen.data(first.text)
    return 0


def _look(library: Runner, name: str | None, flags: Common) -> Look:
    """How a batch stands, or (None) all of them."""
    from runner.work.status import as_json

    if name is not None:
        found = [library.status(name)]
    else:
        found = library.batches() if library.database_status().exists else []
    if len(found) == 1:
        text = status_text(found[0])
    elif found:
        text = f"{batches_text(found)}\n{flags.aim(overview_next(found))}"
    else:
        text = "no batches here yet"
    objects = [as_json(one) for one in found]
    return Look(
        text=text,
        value=objects[0] if name is not None else {"schema": 1, "batches": objects},
        fingerprint=[replace(one, eta_us=None) for one in found],
        over=all(one.state in _OVER for one in found),
    )


def explain(
    batch: Annotated[str, Parameter(help="Its name, the beginning of it, or its input file.")],
    row: Annotated[str, Parameter(help="A row's number (the first row is 1), or the value that was sent.")],
    /,
    *,
    attempt: Annotated[
        int | None,
        Parameter(help="This request of the row alone, by its number.", show_default=False, converter=whole(1)),
    ] = None,
    support: Annotated[
        Switch, Parameter(help="What the provider's support asks for about the last request, ready for a mail.")
    ] = False,
    json: Annotated[Switch, Parameter(help="One JSON object on one line.")] = False,
    common: Common | None = None,
) -> int:
    """Show each request made for a row or value: when, what was sent, what came back, the rule, the cost, what is next.

    Personal values are shortened. Rows that share a value share its requests.
    """
    from runner.cli.evidence import stories_json, story_text

    wanted = int(row) if row.isascii() and row.isdigit() and len(row) < 9 else row
    screen = Screen()
    with (common or Common()).open() as library:
        name = library.find(batch)
        if support:
            _show_support(screen, library.support(name, wanted, attempt=attempt), json=json)
            return 0
        stories = [_only(story, attempt) for story in library.explain(name, wanted)]
        if not stories:
            raise BatchError(
                f"nothing in {name} fits what you asked for",
                why="no row has that number, and no row's value is that",
                fix=f"runner status {typed_name(name)}   (how many rows it has)",
            )
        if attempt is not None and not any(story.attempts for story in stories):
            raise BatchError(
                f"{name} has no request {attempt} of that row",
                why="the requests of a row are numbered from 1, for each operation",
                fix="the same command without --attempt: it shows all of them",
            )
        if json:
            screen.json(stories_json(stories))
        else:
            screen.data("\n".join(map(story_text, stories)))
    return 0


def _only(story: JobStory, attempt: int | None) -> JobStory:
    """The story with this request alone; None: with all of them."""
    if attempt is None:
        return story
    return replace(story, attempts=tuple(one for one in story.attempts if one.number == attempt))


def _show_support(screen: Screen, requests: list[SupportRequest], *, json: bool) -> None:
    from runner.cli.evidence import support_text

    if json:
        from runner.work.support import support_json

        screen.json(support_json(requests))
    else:
        screen.data("\n\n\n".join(map(support_text, requests)))

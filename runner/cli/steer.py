"""`pause`, `resume`, `cancel`, `tune`, `retry`, `doubt`: wishes, written for the run at work or carried out at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from runner.cli.evidence import doubts_json, doubts_text, resolved_json
from runner.cli.options import Common, InFlight, MaxRequests, MaxSpend, Switch, Texts
from runner.cli.render import facts, go_on_text, next_text
from runner.cli.terminal import Screen, can_ask
from runner.cli.text import count, redact
from runner.cli.tuned import tuned_text
from runner.domain.model import Resolution
from runner.domain.states import JobState
from runner.domain.typed import typed_name
from runner.errors import UsageError
from runner.work.money_words import booked_lines, cut_off_text, paid_text

if TYPE_CHECKING:
    from runner.app import Runner
    from runner.work.results import BatchStatus, Steered

Batch = Annotated[str, Parameter(help="Its name, the beginning of it, or its input file.")]
LastBatch = Annotated[
    str | None, Parameter(help="Its name, the beginning of it, or its input file (default: the one last worked on).")
]


def _report(screen: Screen, steered: Steered, *, done: str, wished: str) -> int:
    screen.say(f"{steered.batch}: {done if steered.at_once else wished}")
    if steered.next is not None:
        screen.say(next_text(steered.next.command, steered.next.why))
    return 0


_WISHED = "asked of the run at work, which sees it within a second"


def pause(batch: LastBatch = None, /, *, common: Common | None = None) -> int:
    """Stop sending for a batch until `runner resume`. Requests on the way are answered and stored."""
    with (common or Common()).open() as library:
        return _report(Screen(), library.pause(library.find(batch)), done="paused", wished=f"pause {_WISHED}")


def resume(batch: LastBatch = None, /, *, common: Common | None = None) -> int:
    """Lift a pause. Starts nothing by itself: the next command is printed."""
    with (common or Common()).open() as library:
        return _report(Screen(), library.resume(library.find(batch)), done="resumed", wished=f"resume {_WISHED}")


def cancel(batch: Batch, /, *, common: Common | None = None) -> int:
    """Give a batch up for good: what waits is never sent; what was answered stays and can be exported."""
    flags = common or Common()
    with flags.open() as library:
        name = library.find(batch)
        screen = Screen()
        if can_ask() and not flags.yes and not screen.ask(f"Give up {name} for good?"):
            screen.say("nothing was changed")
            return 0
        return _report(screen, library.cancel(name), done="cancelled", wished=f"cancel {_WISHED}")


def tune(
    batch: LastBatch = None,
    /,
    *,
    rate: Annotated[
        str | None,
        Parameter(help="N/s, N/min or N/h: slower than the provider allows; none takes it back.", show_default=False),
    ] = None,
    in_flight: InFlight = None,
    max_spend: MaxSpend = (),
    max_requests: MaxRequests = None,
    common: Common | None = None,
) -> int:
    """Change limits that are kept with a batch. A run at work goes by them within a second."""
    with (common or Common()).open() as library:
        tuned = library.tune(
            library.find(batch),
            rate=rate,
            in_flight=in_flight,
            max_requests=max_requests,
            max_spend=max_spend or None,
        )
        Screen().say(tuned_text(tuned))
    return 0


def retry(
    batch: Batch,
    /,
    *,
    only: Annotated[str, Parameter(help="failed, or failed:RULE for the failures of one rule.")] = "failed",
    common: Common | None = None,
) -> int:
    """Queue failed rows again, final failures included. Starts nothing by itself: the next command is printed."""
    with (common or Common()).open() as library:
        steered = library.retry(library.find(batch), only)
        done = f"{count(steered.changed, 'request')} queued again"
        screen = Screen()
        code = _report(screen, steered, done=done, wished=done)
        if steered.paid is not None:
            screen.say(facts([("paid", paid_text(steered.paid))]))
        return code


def doubt_list(
    batch: Annotated[
        str | None, Parameter(help="Its name, the beginning of it, or its input file (default: all batches).")
    ] = None,
    /,
    *,
    json: Annotated[Switch, Parameter(help="One JSON object on one line.")] = False,
    common: Common | None = None,
) -> int:
    """List requests that were sent and never answered: what is known of each, the label to look for in the provider's
    dashboard, and what its wallet says; without BATCH, those of all batches."""
    screen = Screen()
    with (common or Common()).open() as library:
        if batch is not None:
            names = [library.find(batch)]
        else:
            names = [status.batch for status in library.batches()] or [library.find()]
        if json:
            found = [_doubts_object(library, name) for name in names]
            screen.json(found[0] if batch is not None else {"schema": 1, "batches": found})
            return 0
        listed = [name for name in names if _list_doubts(library, screen, name, named=bool(names[1:]))]
        for name in [] if listed else names:
            screen.say(f"{name}: nothing is in doubt{_settled_text(library.status(name))}")
    return 0


def _doubts_object(library: Runner, name: str) -> dict[str, Any]:
    doubts = library.doubts(name)
    return doubts_json(name, doubts, library.wallet_says(name) if doubts else [])


def _list_doubts(library: Runner, screen: Screen, name: str, *, named: bool) -> bool:
    """Whether there are any."""
    doubts = library.doubts(name)
    if doubts:
        if named:
            screen.data(name)
        screen.data(doubts_text(doubts))
        for sentence in library.wallet_says(name):
            screen.data(sentence)
        screen.say(library.doubt_text(name))
    return bool(doubts)


def _settled_text(status: BatchStatus) -> str:
    """Of requests whose charge nobody knows and nobody has to decide: on the way at a crash, sent again, given up."""
    told = cut_off_text(status)
    settled = status.receipt.in_doubt - status.on_the_way
    if not settled:
        return f"; {told}" if told else ""
    word = f" that waits for your word; {count(settled, 'request')} may have been charged all the same"
    return f"{word}; {told}" if told else word


_ASKED = {
    Resolution.CHARGED: "They count as charged, for good, and are not sent again. Go on?",
    Resolution.NOT_CHARGED: "They are sent again; one that was charged after all is charged twice. Go on?",
    Resolution.RESEND: "They are sent again and may be charged twice. Go on?",
}


def doubt_resolve(
    batch: Batch,
    /,
    *,
    as_: Annotated[
        Resolution,
        Parameter(
            name="--as", help="charged: counts as paid and lost; not-charged: sent again; resend: sent again, marked."
        ),
    ],
    row: Annotated[Texts, Parameter(help="The row of one request; several: --row 3,9 or --row 3 --row 9.")] = (),
    all_: Annotated[Switch, Parameter(name="--all", help="Every request in doubt of the batch.")] = False,
    provider: Annotated[
        str | None, Parameter(help="Those at this provider alone, by its name.", show_default=False)
    ] = None,
    json: Annotated[Switch, Parameter(help="One JSON object on one line.")] = False,
    common: Common | None = None,
) -> int:
    """Say what became of requests in doubt, after a look into the provider's dashboard. Each decision is recorded."""
    if bool(row) == all_:
        raise UsageError(
            "say which requests are meant: --row N, or --all",
            why="both were given" if all_ else "neither was given",
            fix=f"runner doubt list {typed_name(batch)}",
        )
    rows, flags = _row_numbers(row), common or Common()
    with flags.open() as library:
        screen = Screen()
        name = library.find(batch)
        asks = (all_ or as_ is Resolution.RESEND) and can_ask() and not flags.yes
        if asks and not screen.ask(_ASKED[as_]):
            screen.say("nothing was changed")
            return 0
        before = library.status(name)  # what the ledger says without this word
        steered = library.resolve(name, as_, row=rows or None, provider=provider)
        done = f"{count(steered.changed, 'request')} resolved as {as_}"
        code = _report(screen, steered, done=done, wished=done)
        after = library.status(name)
        screen.say(facts(_resolved(before, after, as_)))
        if steered.next is None and steered.at_once:
            screen.say(go_on_text(after))
        if json:
            screen.json(resolved_json(steered, before, after, as_))
        return code


def _row_numbers(given: tuple[str, ...]) -> list[int]:
    """`--row 3,9` and `--row 3 --row 9` are the same."""
    words = [word.strip() for one in given for word in one.split(",")]
    wrong = next((word for word in words if not (word.isascii() and word.isdigit() and len(word) < 19)), None)
    if wrong is not None:
        raise UsageError(f"no row {redact(wrong)}", why="rows have numbers, the first one is 1", fix="--row 3,9")
    return [int(word) for word in words]


def _resolved(before: BatchStatus, after: BatchStatus, resolution: Resolution) -> list[tuple[str, str]]:
    """What a word on doubts came to: what it booked, what is left, and what a file that was written says."""
    left = after.outcomes[JobState.IN_DOUBT]
    return [
        *(booked_lines(before, after) if resolution is Resolution.CHARGED else []),
        ("left", f"{count(left, 'request')} in doubt" if left else ""),
        ("file", "one that was written before still says in_doubt, until the next run or export"),
    ]

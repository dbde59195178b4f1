"""Why rows have no answer, each with examples and the command that goes on from there."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from runner.domain.personal import shorten, shown_name
from runner.domain.states import BatchState
from runner.exports.page import Block, Column, Inline, Kind, Table, Text, Tone
from runner.store.causes import Example, Failures
from runner.transport.files import CHANGED
from runner.work.choices import MEANS
from runner.work.money import number
from runner.work.report.scene import Scene
from runner.work.standing import beside
from runner.work.support import Veil, described
from runner.work.words import count, row_name

CAUSES = 20
"""That are told one by one, the most frequent: a page has to hold them."""

VALUE = 60
"""Characters of a value: enough to find it again."""


def failures(scene: Scene) -> Iterator[Block]:
    """Failed requests by the rule that decided."""
    found = scene.figures.causes.failures
    if not found:
        return
    for one in found[:CAUSES]:
        yield Table(
            caption=f"{_words(one.reason)}: {count(one.jobs, 'request')} of {one.operation} failed, {_paid(one)}",
            columns=(Column(name="Row", kind=Kind.SHORT), Column(name="Value", kind=Kind.SHORT), Column(name="Answer")),
            lines=tuple(_line(scene, one.operation, example) for example in one.examples),
            note=_first(len(one.examples), one.jobs),
        )
        if parts := _again(scene, one):
            yield Text(parts=parts)
    if len(found) > CAUSES:
        yield Text(parts=(f"And {count(len(found) - CAUSES, 'rarer cause')}.",))


def _paid(one: Failures) -> str:
    charged = f"{number(one.charged)} charged" if one.charged else "none charged"
    return f"{charged}, {number(one.perhaps)} perhaps charged" if one.perhaps else charged


def _again(scene: Scene, one: Failures) -> tuple[Inline, ...]:
    """What has them sent again; nothing where the batch was given up."""
    if scene.status.state is BatchState.CANCELLED:
        return ()
    if one.reason == CHANGED:
        file = quote(f"{beside(scene.info)}changed.csv")
        export = scene.command("export", f"-o {file} --only failed:{CHANGED}")
        return ("Their files changed. Put them back, then ", scene.command("run"), "; or take them as a list: ", export)
    if one.open == one.jobs:
        return ("The same command tries them again: ", scene.command("run"))
    again = scene.command("retry", f"--only {quote(f'failed:{one.reason}')}")
    paid = " What was charged may be charged again." if one.charged or one.perhaps else ""
    return ("Once the cause is gone: ", again, f" queues them again.{paid}")


def _line(scene: Scene, operation: str, example: Example) -> tuple[Inline, ...]:
    provider, _ = described(scene.info, operation, scene.tools)
    history = scene.moment.reports.history(scene.info.id, example.row)
    veil = Veil.over(scene.info, history, operation, provider=provider, tools=scene.tools)
    status = f"HTTP {example.http_status}" if example.http_status else "no answer"
    words = [veil(text) for text in (example.code, example.message) if text]
    return row_name(example.row, example.line), _value(example), " ".join([status, *words])


def doubts(scene: Scene) -> Iterator[Block]:
    """Requests that nobody knows the charge of."""
    found = scene.figures.causes.doubts
    if not found:
        return
    many = sum(one.jobs for one in found)
    told = "1 request was sent and may have been charged. It is not sent again by itself."
    if many > 1:
        told = f"{number(many)} requests were sent and may have been charged. They are not sent again by themselves."
    yield Text(parts=(told,), tone=Tone.DOUBT)
    for one in found:
        yield Table(
            caption=f"{one.operation}: {count(one.jobs, 'request')}",
            columns=(
                Column(name="Row", kind=Kind.SHORT),
                Column(name="Value", kind=Kind.SHORT),
                Column(name="Sent", kind=Kind.SHORT),
            ),
            lines=tuple(
                (
                    row_name(example.row, example.line),
                    _value(example),
                    scene.at(example.sent_us) if example.sent_us else "",
                )
                for example in one.examples
            ),
            note=_first(len(one.examples), one.jobs),
        )
    yield Text(parts=("Look for them at the provider: ", scene.command("doubt list"), " shows each. Then say, one of:"))
    providers = list(dict.fromkeys(one.operation.partition(".")[0] for one in found))
    for provider in providers:  # what is true of one provider's requests need not be of another's
        which = f"--all --provider {provider}" if len(providers) > 1 else "--all"
        for word, means in MEANS.items():
            yield Text(parts=(scene.command("doubt resolve", f"{which} --as {word}"), f" {means}"))


def refusals(scene: Scene) -> Iterator[Block]:
    """Cells that were never sent, by reason."""
    found = scene.figures.causes.refusals
    if not found:
        return
    yield Table(
        caption="Cells that cannot be sent; they cost nothing",
        columns=(
            Column(name="Reason", kind=Kind.SHORT),
            Column(name="Operation", kind=Kind.SHORT),
            Column(name="Cells", kind=Kind.FIGURE),
            Column(name="For example"),
        ),
        lines=tuple(
            (
                f"invalid:{one.why}",
                one.operation,
                number(one.cells),
                "; ".join(f"{row_name(example.row, example.line)}: {_value(example)}" for example in one.examples),
            )
            for one in found[:CAUSES]
        ),
    )
    file = quote(f"{beside(scene.info)}{scene.info.name}.invalid.csv")
    yield Text(parts=("Their rows, to be corrected: ", scene.command("export", f"-o {file} --only invalid")))


def _value(example: Example) -> str:
    value = shorten(example.value) or "empty"
    return value if len(value) <= VALUE else f"{value[:VALUE]}…"


def _first(shown: int, many: int) -> str:
    return "" if shown == many else f"The first {shown} of {number(many)}."


def _words(reason: str) -> str:
    return shown_name(reason)

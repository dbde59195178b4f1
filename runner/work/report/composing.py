"""The page from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator

from runner.domain.model import Debited
from runner.domain.personal import clean
from runner.domain.states import BatchState, JobState
from runner.exports.page import Advice, Block, Command, Facts, Page, Section, Text, Tone
from runner.store.values import BatchInfo
from runner.work.money import costs_text, number
from runner.work.report.causes import doubts, failures, refusals
from runner.work.report.ledger import money, requests
from runner.work.report.past import happened, runs
from runner.work.report.pictures import pace, timeline
from runner.work.report.scene import Scene
from runner.work.report.setup import settings
from runner.work.results import BatchStatus
from runner.work.standing import standing
from runner.work.state_words import halted, meaning, state_text
from runner.work.status import CUT_OFF
from runner.work.tools import Tools
from runner.work.words import count, listed, moment, release


def compose(info: BatchInfo, tools: Tools) -> Page:
    """All of it from one snapshot."""
    now_us, prices = tools.clock.now_us(), tools.prices
    with tools.store.snapshot() as at:
        status = standing(
            info,
            store=at,
            profiles=tools.profiles,
            defaults=tools.settings.run,
            prices=prices,
            now_us=now_us,
            flags=tools.settings.typed,
            daily=tools.settings.daily_cap,
        )
        working = status.state is BatchState.RUNNING and status.reason != CUT_OFF
        stored = at.reports.status(info.id)
        scene = Scene(
            info=stored.batch,
            status=status,
            stored=stored,
            figures=at.figures(info.id, until_us=now_us if working else None),
            moment=at,
            tools=tools,
            now_us=now_us,
        )
        return Page(
            title=clean(info.name),
            state=_state(status),
            tone=_tone(status),
            lead=tuple(_lead(scene)),
            sections=tuple(_sections(scene)),
            foot=_foot(scene),
        )


def _sections(scene: Scene) -> Iterator[Section]:
    made = (
        ("requests", "Requests", requests),
        ("money", "Money", money),
        ("pace", "Pace", pace),
        ("time", "Waits and halts", timeline),
        ("failed", "Failed", failures),
        ("doubt", "In doubt", doubts),
        ("refused", "Refused cells", refusals),
        ("runs", "Runs", runs),
        ("log", "What happened", happened),
        ("settings", "Settings", settings),
    )
    for key, title, part in made:
        if blocks := tuple(part(scene)):
            yield Section(key=key, title=title, blocks=blocks)


def _state(status: BatchStatus) -> str:
    text = state_text(status)
    outcomes = status.outcomes
    bad = [f"{number(outcomes[state])} {name}" for state, name in _BAD.items() if outcomes[state]]
    return f"{text[:1].upper()}{text[1:]}" + (f": {', '.join(bad)}" if bad else "")


_BAD = {JobState.FAILED: "failed", JobState.IN_DOUBT: "in doubt"}


def _tone(status: BatchStatus) -> Tone:
    if status.state is BatchState.HALTED:
        return Tone.BAD
    if status.outcomes[JobState.IN_DOUBT]:
        return Tone.DOUBT
    if status.state is BatchState.COMPLETED:
        return Tone.BAD if status.outcomes[JobState.FAILED] else Tone.GOOD
    return Tone.WAIT


def _lead(scene: Scene) -> Iterator[Block]:
    status = scene.status
    about = f"{scene.source}, {count(status.rows, 'row')}, {listed(status.operations)}"
    yield Text(parts=(f"{about}; loaded {scene.at(status.created_us)}.",))
    for halt in status.halts:
        told = f"Halted: {halted(halt)}."
        means = f" {_sentence(meaning(halt.reason))} Nothing waiting was failed or charged for it. "
        yield Text(parts=(told, means, Advice(text=halt.advice or "")), tone=Tone.BAD)
    yield Text(parts=("Next: ", Command(text=status.next.command), f" {status.next.why}"))
    outcomes = status.outcomes
    waiting = outcomes[JobState.QUEUED] + outcomes[JobState.RUNNING]
    pairs = [
        ("Answered", number(outcomes[JobState.SUCCEEDED])),
        ("Failed", number(outcomes[JobState.FAILED])),
        ("In doubt", number(outcomes[JobState.IN_DOUBT])),
        ("Waiting", number(waiting)),
        ("Requests sent", number(status.attempts)),
        ("Charged", costs_text(status.charged)),
    ]
    if status.eta_us:
        pairs.append(("Ready by about", scene.at(status.eta_us)))
    yield Facts(pairs=tuple((name, (text,)) for name, text in pairs), large=True)
    if status.debited[Debited.UNKNOWN]:
        perhaps = costs_text(status.perhaps_charged, nothing="")
        more = f": up to {perhaps} more" if perhaps else ""
        yield Text(parts=(f"The charge of {count(status.debited[Debited.UNKNOWN], 'request')} is not known{more}.",))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _foot(scene: Scene) -> str:
    return (
        f"Made by runner {release()} at {moment(scene.now_us)}; all times are {scene.zone}. This file loads "
        "nothing and runs nothing. E-mails and phones are shortened; domains and the provider's words are in it."
    )

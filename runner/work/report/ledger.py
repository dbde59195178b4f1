"""Requests by how they ended, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from runner.domain.model import MILLION
from runner.domain.states import JobState
from runner.exports.page import Block, Column, Facts, Kind, Part, Shares, Table, Text, Tone
from runner.work.money import costs_text, number, plural
from runner.work.money_words import saved_text, today_text, twice_text, unknown_text, wallet_text
from runner.work.report.scene import Scene
from runner.work.results import Wallet
from runner.work.words import count

WALLETS = 20
"""Runs whose wallets are told one by one, the newest."""

_NAMES = (
    (JobState.SUCCEEDED, "answered", Tone.GOOD),
    (JobState.FAILED, "failed", Tone.BAD),
    (JobState.IN_DOUBT, "in doubt", Tone.DOUBT),
    (JobState.RUNNING, "taken up", Tone.WAIT),  # by a run: some on the way, most waiting for the limits
    (JobState.QUEUED, "waiting", Tone.WAIT),
    (JobState.CANCELLED, "cancelled", Tone.PLAIN),
)


def requests(scene: Scene) -> Iterator[Block]:
    """What became of the rows: one request for each distinct value of an operation."""
    status = scene.status
    shown = [(state, name, tone) for state, name, tone in _NAMES if status.outcomes[state]]
    parts = tuple(Part(name=name, figure=status.outcomes[state], tone=tone) for state, name, tone in shown)
    if parts:
        yield Shares(title=f"{count(status.jobs, 'value')} to ask about", parts=parts)
    else:
        yield Text(parts=("Nothing of this list can be sent.",))
    if len(scene.stored.jobs) > 1:
        yield Table(
            caption="By operation",
            columns=(
                Column(name="Operation", kind=Kind.SHORT),
                *_figures(*(name.capitalize() for _, name, _ in shown)),
            ),
            lines=tuple(
                (key, *(number(counts[state]) for state, _, _ in shown)) for key, counts in scene.stored.jobs.items()
            ),
        )
    if status.not_sent:
        yield Text(parts=(f"{count(status.not_sent, 'cell')} refused before anything was sent; they cost nothing.",))


def money(scene: Scene) -> Iterator[Block]:
    """The receipt: by operation, what was saved, caps, and what the wallets say."""
    status, prices = scene.status, scene.tools.prices
    if not scene.stored.ledger:
        yield Text(parts=("Nothing was sent, nothing was charged.",))
    else:
        yield Table(
            caption="What was sent, and what it cost",
            columns=(
                Column(name="Operation", kind=Kind.SHORT),
                *_figures("Sent", "Charged", "Not charged", "In doubt", "Cost", "Perhaps more"),
            ),
            lines=tuple(
                (
                    line.operation,
                    number(line.requests),
                    number(line.yes),
                    number(line.no),
                    number(line.unknown + line.open),
                    costs_text([prices.cost(line.provider, line.unit, line.debited)]),
                    costs_text([prices.cost(line.provider, line.unit, line.in_doubt + line.held)]),
                )
                for line in scene.stored.ledger
            ),
        )
    told = [
        ("Charged in all", costs_text(status.charged)),
        ("Saved", saved_text(status)),
        ("Perhaps twice", twice_text(status)),
        ("Not known", unknown_text(status)),
        *(("Cap", text) for text in _caps(scene)),
        *(("Today", today_text(one)) for one in status.today),
    ]
    yield Facts(pairs=tuple((name, (text,)) for name, text in told if text))
    if status.wallets:
        yield _wallets(scene, status.wallets[-WALLETS:])


def _caps(scene: Scene) -> Iterator[str]:
    """Caps that are kept with the batch, and how much of each is used."""
    kept = scene.info.settings
    if cap := kept.get("max_requests"):
        yield f"{number(scene.status.attempts)} of --max-requests {number(cap)}"
    spend: dict[str, Any] = kept.get("max_spend") or {}
    for provider, amount in spend.items():
        lines = [line for line in scene.stored.ledger if provider in ("", line.provider)]
        used = Decimal(sum(line.debited + line.in_doubt + line.held for line in lines)) / MILLION
        unit = f" {plural(lines[0].unit, used)}" if lines else ""
        flag = f"{provider}=" if provider else ""
        yield f"{number(used)}{unit} of --max-spend {flag}{number(Decimal(amount) / MILLION)}"


def _figures(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name=name, kind=Kind.FIGURE) for name in names)


def _wallets(scene: Scene, wallets: tuple[Wallet, ...]) -> Table:
    return Table(
        caption="What the providers said was left",
        columns=(
            Column(name="Run", kind=Kind.FIGURE),
            Column(name="Provider", kind=Kind.SHORT),
            *_figures("Before", "Topped up", "Answers account for", "After"),
            Column(name="It says"),
        ),
        lines=tuple(
            (
                str(one.run),
                one.title,
                number(one.opening),
                number(one.topped_up),
                number(one.debited),
                number(one.closing),
                wallet_text(
                    "It",
                    unit=one.unit,
                    fall=one.fall,
                    debited=one.debited,
                    in_doubt=one.in_doubt,
                    admitted=one.admitted,
                ),
            )
            for one in wallets
        ),
        note=f"The newest {WALLETS}." if len(scene.status.wallets) > WALLETS else "",
    )

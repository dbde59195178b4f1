"""What requests cost, what was saved, and what the wallets say of it, in words."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from runner.domain.model import Debited
from runner.domain.states import JobState
from runner.work.money import Cost, costs_text, number, plural
from runner.work.results import BatchStatus, Paid, Receipt, Today, Wallet
from runner.work.status import CUT_OFF
from runner.work.words import count

if TYPE_CHECKING:
    from runner.work.records import Record

_NOTHING: Final = Decimal(0)


def charged_texts(status: BatchStatus, run: Receipt | None = None) -> list[str]:
    """What the requests cost: `15 checks in all, up to 2 checks more in doubt`; `5 checks now, 20 checks in all` where
    earlier runs had their share. Of several providers one text each, in the order of the batch's operations. `run`: of
    the one that just ended."""
    providers = list(dict.fromkeys(operation.partition(".")[0] for operation in status.operations))
    if len(providers) < 2:
        return [_charged_text(status.charged, status.perhaps_charged, None if run is None else run.cost)]
    return [
        f"{name}: "
        + _charged_text(
            _at(name, status.charged), _at(name, status.perhaps_charged), None if run is None else _at(name, run.cost)
        )
        for name in providers
    ]


def _at(provider: str, costs: Iterable[Cost]) -> list[Cost]:
    return [cost for cost in costs if cost.provider == provider]


def _charged_text(charged: Iterable[Cost], perhaps: Iterable[Cost], run: Iterable[Cost] | None) -> str:
    doubtful = costs_text(perhaps, nothing="")
    more = f", up to {doubtful} more in doubt" if doubtful else ""
    in_all = costs_text(charged)
    now = in_all if run is None else costs_text(run)
    return f"{f'{now} now, ' if now != in_all else ''}{in_all} in all{more}"


def saved_text(status: BatchStatus) -> str:
    """What was not asked twice: `3 requests, 3 checks: rows with a value that another row has`."""
    saved = [
        (status.duplicates, "rows with a value that another row has"),
        (status.reused, "values that another batch has the answer to"),
    ]
    return "; ".join(
        f"{', '.join(filter(None, [count(one.requests, 'request'), costs_text(one.cost, nothing='')]))}: {why}"
        for one, why in saved
        if one.requests
    )


def wallet_texts(wallets: Iterable[Wallet]) -> list[str]:
    """What the wallets did that the answers do not say: differences, top-ups. Nothing of those that agree."""
    texts = []
    for one in wallets:
        if one.topped_up:
            texts.append(f"{one.title}'s was topped up by at least {_units(one.topped_up, one.unit)}")
        if one.difference:
            name = f"{one.title}'s"
            texts.append(
                wallet_text(
                    name,
                    unit=one.unit,
                    fall=one.fall,
                    debited=one.debited,
                    in_doubt=one.in_doubt,
                    admitted=one.admitted,
                )
            )
    return texts


def booked_lines(before: BatchStatus, after: BatchStatus) -> list[tuple[str, str]]:
    """What calling doubts charged did to the ledger, and what the wallets say against it: labels and sentences."""
    booked = {unit: amount - before.spent.get(unit, _NOTHING) for unit, amount in after.spent.items()}
    sums = [_units(amount, unit) for unit, amount in sorted(booked.items()) if amount]
    lines = [("booked", f"{', '.join(sums)}: the highest price that each may have had")] if sums else []
    return lines + [("wallet", text) for text in wallet_texts(one for one in after.wallets if one.admitted)]


def paid_text(paid: Paid) -> str:
    """What was charged before for requests that are sent again: `8 were charged already, 8 checks (0.16 EUR); ...`."""
    known = [
        (paid.charged, "charged already", costs_text(paid.cost, nothing="")),
        (paid.perhaps, "perhaps charged already", costs_text(paid.doubtful, nothing="")),
    ]
    told = [
        f"{number(many)} {'was' if many == 1 else 'were'} {what}{f', {cost}' if cost else ''}"
        for many, what, cost in known
        if many
    ]
    return f"{' and '.join(told)}; sent again, they may be charged again"


def today_text(today: Today) -> str:
    """What its account's day had room for: `defastra: 50 of 50 checks of max_spend_per_day, 45 by other batches`."""
    others = today.used - today.used_here
    by = f", {number(others)} by other batches" if others else ""
    return f"{today.provider}: {number(today.used)} of {_units(today.cap, today.unit)} of max_spend_per_day{by}"


def sent_text(status: BatchStatus) -> str:
    """The requests by what is known of their charge: `52 (47 charged, 3 not charged, 2 in doubt)`."""
    debited = status.debited
    detail = f"{number(debited[Debited.YES])} charged, {number(debited[Debited.NO])} not charged"
    doubtful = debited[Debited.UNKNOWN] - status.on_the_way
    unknown = f", {number(doubtful)} in doubt" if doubtful else ""
    way = f", {number(status.on_the_way)} on the way" if status.on_the_way else ""
    return f"{number(status.attempts)} ({detail}{unknown}{way})"


def cut_off_text(status: BatchStatus) -> str:
    """What was on the way when a run was cut off, and what becomes of it; empty while a run is at work."""
    many = status.on_the_way
    if not many or status.reason != CUT_OFF:
        return ""
    was, them = ("1 request was", "it") if many == 1 else (f"{number(many)} requests were", "them")
    cost = costs_text(status.way_cost, nothing="")
    most = f", up to {cost}" if cost else ""
    return f"{was} on the way{most}; the next run puts {them} in doubt, or sends {them} again where that is safe"


def twice_text(status: BatchStatus) -> str:
    """What may have been paid twice: `8 requests may have been paid twice, up to 8 checks (0.16 EUR) too much`."""
    if not status.twice:
        return ""
    cost = costs_text(status.twice_cost, nothing="")
    return f"{count(status.twice, 'request')} may have been paid twice{f', up to {cost} too much' if cost else ''}"


def unknown_text(status: BatchStatus) -> str:
    """Requests in doubt about which nobody has to decide any more: to be sent again, sent again, or given up."""
    many = status.debited[Debited.UNKNOWN] - status.on_the_way - status.outcomes[JobState.IN_DOUBT]
    if many <= 0:
        return ""
    waiting = min(status.to_resend, many)
    over = many - waiting
    told = [_doubted(over, "was", "were") + " sent again, or given up"] if over else []
    told += [_doubted(waiting, "is", "are") + " to be sent again"] if waiting else []
    its = "its charge stays" if many == 1 else "their charges stay"
    return f"{', '.join(told)}: {its} unknown"


def _doubted(many: int, is_: str, are: str) -> str:
    return f"1 request in doubt {is_}" if many == 1 else f"{number(many)} requests in doubt {are}"


def wallet_text(
    wallet: str, *, unit: str, fall: Decimal, debited: Decimal, in_doubt: Decimal, admitted: Decimal = _NOTHING
) -> str:
    """What a difference may come from. `wallet`: "Defastra's wallet"; `fall`: what it lost, top-ups left out;
    `debited`: what the answers account for, and `admitted`: the part of it that is a person's word; `in_doubt`: what
    may have been charged beside that."""
    more = fall - debited
    moved = f"{wallet} {'fell' if fall >= 0 else 'grew'} by {_units(abs(fall), unit)}"
    if not more:
        return f"{moved}, as the answers say"
    word = f" and your word for {number(admitted)}" if admitted else ""
    told = f"{moved}, the answers account for {number(debited - admitted)}{word}"
    if more < 0:
        less = f"{number(-more)} fewer {_were(-more)} charged"
        if admitted:
            return f"{told}: {less}; what you called charged was not, or cost less than the price it is booked at"
        return f"{told}: {less}, or it was topped up, or it counts something else than {plural(unit, 2)}"
    charged = f"{told}: {number(more)} more {_were(more)} charged"
    if not in_doubt:
        return f"{charged}; something else uses this key, or a request was charged twice"
    if more <= in_doubt:
        return f"{charged}; perhaps what is in doubt was charged, or something else uses this key"
    return f"{charged}; only {number(in_doubt)} can be what is in doubt, so something else uses this key"


def _units(amount: Decimal, unit: str) -> str:
    return f"{number(amount)} {plural(unit, amount)}"


def _were(amount: Decimal) -> str:
    return "was" if amount == 1 else "were"


def balance_sentence(record: Record) -> str:
    """An event `balance.differs`: what the wallet did over a run."""
    detail = record.detail
    fall = detail["opening"] + detail.get("topped_up", 0) - detail["closing"]
    return wallet_text(
        f"{record.title or record.provider}'s wallet",
        unit=str(detail["unit"]),
        fall=Decimal(str(fall)),
        debited=Decimal(str(detail["debited"])),
        in_doubt=Decimal(str(detail["in_doubt"])),
    )


def units_of(record: Record, name: str) -> str:
    """A figure of an event in its unit: "12 checks"."""
    return f"{number(record.detail[name])} {plural(str(record.detail['unit']), record.detail[name])}"

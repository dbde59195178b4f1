"""Requests that were sent and never answered: the evidence, and the sentences shown about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from runner.domain.personal import conceal
from runner.domain.provider import Provider
from runner.store.store import Store
from runner.store.values import DIED, AttemptView, BatchInfo
from runner.store.values import Doubt as StoredDoubt
from runner.work.choices import choices
from runner.work.explain import attempt_story
from runner.work.money import Prices, costs_text, number, plural
from runner.work.profiles import Profiles
from runner.work.results import Doubt, Wallet
from runner.work.standing import short_name
from runner.work.support import carries_id, described
from runner.work.tools import Tools

_WELL: Final = range(200, 300)
_NOTHING_CAME: Final = "without an answer"
_CUT_OFF: Final = "on the way when a run was cut off"


def doubts(info: BatchInfo, *, tools: Tools) -> list[Doubt]:
    """Every request whose charge nobody knows, by row."""
    waiting = tools.store.reports.doubts(info.id)
    carried = {key: carries_id(*described(info, key, tools)) for key in dict.fromkeys(one.operation for one in waiting)}
    return [
        _doubt(info, one, attempt, tools.prices, carried=carried[one.operation])
        for one in waiting
        for attempt in one.attempts
    ]


def _doubt(info: BatchInfo, one: StoredDoubt, attempt: AttemptView, prices: Prices, *, carried: bool) -> Doubt:
    return Doubt(
        batch=info.name,
        row=one.rows[0],
        line=one.line,
        rows=one.rows,
        operation=one.operation,
        provider=one.operation.partition(".")[0],
        value=one.value,
        attempt=attempt_story(attempt, lambda text: conceal(text, [one.value]), prices, carried=carried),
    )


def wallet_says(doubts: Iterable[Doubt], wallets: Iterable[Wallet]) -> list[str]:
    """What the wallets say of these requests, a sentence for each run and provider whose balances speak of them."""
    waiting = list(doubts)
    return [
        f"{text}."
        for wallet in wallets
        if any(_is_within(one, wallet) for one in waiting)
        if (text := _verdict(wallet)) is not None
    ]


def _is_within(doubt: Doubt, wallet: Wallet) -> bool:
    return doubt.provider == wallet.provider and wallet.first_us <= doubt.attempt.opened_us < wallet.until_us


def _verdict(wallet: Wallet) -> str | None:
    many = wallet.doubts
    these = "the request in doubt" if many == 1 else f"the {many} requests in doubt"
    more = f"{number(wallet.difference)} {plural(wallet.unit, wallet.difference)}"
    fell = f"{wallet.title}'s wallet fell by {more} more than its answers account for"
    if wallet.difference == 0:
        they = "was" if many == 1 else "were"
        agrees = f"{wallet.title}'s wallet fell by what its answers account for and no more"
        return f"{agrees}: {these} {they} probably not charged" if wallet.tells_innocence else None
    if not wallet.tells or wallet.difference < 0 or not wallet.in_doubt:
        return None
    if wallet.difference == wallet.in_doubt:
        return f"{fell}, which is what {these} may have cost: probably charged"
    if wallet.difference < wallet.in_doubt:
        return f"{fell}: of {these} some were probably charged"
    return f"{fell}, which is more than {these} may have cost: something else uses this key as well"


def doubt_text(info: BatchInfo, *, store: Store, profiles: Profiles, prices: Prices, flags: str = "") -> str:
    """The sentences shown about requests in doubt, one paragraph for each provider; empty when there are none."""
    providers = profiles.by_provider(profiles.of_batch(info.operations, info.source), info.source)
    waiting = store.reports.doubts(info.id)
    of = {name: [one for one in waiting if one.operation.startswith(f"{name}.")] for name in providers}
    doubted = [name for name, mine in of.items() if mine]
    name = short_name(info, store)
    return "\n".join(
        # What is true of one provider's requests need not be of another's.
        _paragraph(
            name, flags, providers[one], of[one], prices, which=f"--all --provider {one}" if doubted[1:] else "--all"
        )
        for one in doubted
    )


def _paragraph(
    name: str, flags: str, provider: Provider, waiting: list[StoredDoubt], prices: Prices, *, which: str
) -> str:
    many, batch = len(waiting), f"{name}{flags}"
    costs = [prices.cost(provider.name, each.unit, each.amount) for one in waiting for each in one.attempts]
    them, their, these = ("It is", "its", "it") if many == 1 else ("They are", "their", "them")
    known = costs_text(costs, nothing="")
    charge = f"up to {known}" if known else f"for {these}"
    carried = all(provider.carries_id(provider.operations[one.operation.partition(".")[2]]) for one in waiting)
    sign = ("label" if carried else "time") + ("" if many == 1 else "s")
    seen = _row_to_see(waiting)
    evidence = f" See what came back: runner explain {name} {seen}{flags} --support." if seen else ""
    told = (
        f"{_what_came(waiting)} {provider.title} may have charged {charge}. "
        f"{them} not sent again by {'itself' if many == 1 else 'themselves'}.{evidence} "
        f"Look for {their} {sign} in its dashboard (runner doubt list {batch}), then say what you found, one of:"
    )
    return "\n".join([told, *choices(batch, which)])


def _what_came(waiting: list[StoredDoubt]) -> str:
    """What happened to these requests, counted by kind where it is not the same for all."""
    kinds = Counter(_kind(one) for one in waiting)
    one = len(waiting) == 1
    what = "1 request was" if one else f"{len(waiting)} requests were"
    if kinds.keys() == {_NOTHING_CAME}:
        return f"{what} sent but the line broke before the answer."
    if kinds.keys() == {_CUT_OFF}:
        return f"{what} on the way when a run was cut off."
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items(), key=_order))
    return f"{what} sent, and nothing says whether {'it was' if one else 'they were'} charged: {told}."


def _kind(doubt: StoredDoubt) -> str:
    last = doubt.attempts[-1] if doubt.attempts else None
    if last is None or last.detail == DIED or last.closed_us is None:
        return _CUT_OFF
    if last.status is None:
        return _NOTHING_CAME
    # The second may be a paid answer: somebody should read it.
    return f"with HTTP {last.status}{' that could not be read' if last.status in _WELL else ''}"


def _order(counted: tuple[str, int]) -> tuple[bool, bool, str]:
    kind, _ = counted
    return kind != _NOTHING_CAME, kind != _CUT_OFF, kind


def _row_to_see(waiting: list[StoredDoubt]) -> int | None:
    """A row of which something came back, before all one that may be a paid answer."""
    answered = [(last.status not in _WELL, one.rows[0]) for one in waiting for last in one.attempts[-1:] if last.status]
    return min(answered)[1] if answered else None

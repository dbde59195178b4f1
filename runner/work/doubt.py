"""Requests that were sent and never answered: the evidence, and the sentences shown about them."""

from __future__ import annotations

from collections.abc import Iterable

from runner.domain.personal import conceal
from runner.domain.provider import Provider
from runner.store.store import Store
from runner.store.values import AttemptView, BatchInfo
from runner.store.values import Doubt as StoredDoubt
from runner.work.explain import attempt_story
from runner.work.money import Prices, costs_text, number, plural
from runner.work.profiles import Profiles
from runner.work.results import Doubt, Wallet
from runner.work.standing import short_name
from runner.work.support import carries_id, described
from runner.work.tools import Tools


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
    batch = f"{short_name(info, store)}{flags}"
    return "\n".join(
        # What is true of one provider's requests need not be of another's.
        _paragraph(
            batch, providers[name], of[name], prices, which=f"--all --provider {name}" if doubted[1:] else "--all"
        )
        for name in doubted
    )


def _paragraph(batch: str, provider: Provider, waiting: list[StoredDoubt], prices: Prices, *, which: str) -> str:
    many = len(waiting)
    costs = [prices.cost(provider.name, each.unit, each.amount) for one in waiting for each in one.attempts]
    what = "1 request was" if many == 1 else f"{many} requests were"
    them, their, these = ("It is", "its", "it") if many == 1 else ("They are", "their", "them")
    known = costs_text(costs, nothing="")
    charge = f"up to {known}" if known else f"for {these}"
    carried = all(provider.carries_id(provider.operations[one.operation.partition(".")[2]]) for one in waiting)
    sign = ("label" if carried else "time") + ("" if many == 1 else "s")
    return (
        f"{what} sent but the line broke before the answer. {provider.title} may have charged {charge}. "
        f"{them} not sent again by {'itself' if many == 1 else 'themselves'}. "
        f"Look for {their} {sign} in its dashboard (runner doubt list {batch}), then: "
        f"runner doubt resolve {batch} {which} --as charged|not-charged|resend"
    )

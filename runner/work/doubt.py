"""Requests that were sent and never answered: the evidence, and the sentences shown about them."""

from __future__ import annotations

from runner.domain.personal import conceal
from runner.domain.provider import Provider
from runner.store.store import Store
from runner.store.values import AttemptView, BatchInfo
from runner.store.values import Doubt as StoredDoubt
from runner.work.explain import attempt_story
from runner.work.money import Prices, costs_text
from runner.work.profiles import Profiles
from runner.work.results import Doubt
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
        line=None,
        operation=one.operation,
        provider=one.operation.partition(".")[0],
        value=one.value,
        attempt=attempt_story(attempt, lambda text: conceal(text, [one.value]), prices, carried=carried),
    )


def doubt_text(info: BatchInfo, *, store: Store, profiles: Profiles, prices: Prices, flags: str = "") -> str:
    """The sentences shown about requests in doubt, one paragraph for each provider; empty when there are none."""
    providers = profiles.by_provider(profiles.of_batch(info.operations, info.source), info.source)
    waiting = store.reports.doubts(info.id)
    paragraphs = []
    for name, provider in providers.items():
        mine = [one for one in waiting if one.operation.startswith(f"{name}.")]
        if mine:
            paragraphs.append(_paragraph(f"{short_name(info, store)}{flags}", provider, mine, prices))
    return "\n".join(paragraphs)


def _paragraph(batch: str, provider: Provider, waiting: list[StoredDoubt], prices: Prices) -> str:
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
        f"runner doubt resolve {batch} --all --as charged|not-charged|resend"
    )

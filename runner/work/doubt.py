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


def doubts(info: BatchInfo, *, store: Store, prices: Prices) -> list[Doubt]:
    """Every request whose charge nobody knows, by row."""
    return [_doubt(info, one, attempt, prices) for one in store.reports.doubts(info.id) for attempt in one.attempts]


def _doubt(info: BatchInfo, one: StoredDoubt, attempt: AttemptView, prices: Prices) -> Doubt:
    return Doubt(
        batch=info.name,
        row=one.rows[0],
        line=None,
        operation=one.operation,
        provider=one.operation.partition(".")[0],
        value=one.value,
        attempt=attempt_story(attempt, lambda text: conceal(text, [one.value]), prices),
    )


def doubt_text(info: BatchInfo, *, store: Store, profiles: Profiles, prices: Prices) -> str:
    """The sentences shown about requests in doubt, one paragraph for each provider; empty when there are none."""
    providers = profiles.by_provider(profiles.of_batch(info.operations, info.source), info.source)
    waiting = store.reports.doubts(info.id)
    paragraphs = []
    for name, provider in providers.items():
        mine = [one for one in waiting if one.operation.startswith(f"{name}.")]
        if mine:
            paragraphs.append(_paragraph(short_name(info, store), provider, mine, prices))
    return "\n".join(paragraphs)


def _paragraph(batch: str, provider: Provider, waiting: list[StoredDoubt], prices: Prices) -> str:
    many = len(waiting)
    costs = [prices.cost(provider.name, each.unit, each.amount) for one in waiting for each in one.attempts]
    what = "1 request was" if many == 1 else f"{many} requests were"
    charge = costs_text(costs, nothing="them")
    them, their = ("It is", "its label") if many == 1 else ("They are", "their labels")
    return (
        f"{what} sent but the line broke before the answer. {provider.title} may have charged up to {charge}. "
        f"{them} not sent again by {'itself' if many == 1 else 'themselves'}. "
        f"Look for {their} in its dashboard (runner doubt list {batch}), then: "
        f"runner doubt resolve {batch} --all --as charged|not-charged|resend"
    )

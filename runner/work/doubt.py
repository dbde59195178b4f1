"""Requests that were sent and never answered: the evidence, and the sentences shown about them."""

from __future__ import annotations

from decimal import Decimal

from runner.domain.model import MILLION
from runner.domain.personal import conceal
from runner.store.store import Store
from runner.store.values import AttemptView, BatchInfo
from runner.store.values import Doubt as StoredDoubt
from runner.work.explain import attempt_story
from runner.work.profiles import Profiles
from runner.work.results import Doubt
from runner.work.standing import short_name


def doubts(info: BatchInfo, *, store: Store) -> list[Doubt]:
    """Every request whose charge nobody knows, by row."""
    return [_doubt(info, one, attempt) for one in store.reports.doubts(info.id) for attempt in one.attempts]


def _doubt(info: BatchInfo, one: StoredDoubt, attempt: AttemptView) -> Doubt:
    return Doubt(
        batch=info.name,
        row=one.rows[0],
        line=None,
        operation=one.operation,
        provider=one.operation.partition(".")[0],
        value=one.value,
        attempt=attempt_story(attempt, lambda text: conceal(text, [one.value])),
    )


def doubt_text(info: BatchInfo, *, store: Store, profiles: Profiles) -> str:
    """The sentences shown about requests in doubt, one paragraph for each provider; empty when there are none."""
    providers = profiles.by_provider(profiles.of_batch(info.operations, info.source), info.source)
    waiting = store.reports.doubts(info.id)
    paragraphs = []
    for name, provider in providers.items():
        mine = [one for one in waiting if one.operation.startswith(f"{name}.")]
        if mine:
            paragraphs.append(_paragraph(short_name(info, store), provider.title, mine))
    return "\n".join(paragraphs)


def _paragraph(batch: str, title: str, waiting: list[StoredDoubt]) -> str:
    many = len(waiting)
    amount = sum((Decimal(attempt.amount) for one in waiting for attempt in one.attempts), Decimal(0)) / MILLION
    unit = next((attempt.unit for one in waiting for attempt in one.attempts), "request")
    what = "1 request was" if many == 1 else f"{many} requests were"
    charge = f"{amount.normalize():f} {unit}{'' if amount == 1 else 's'}" if amount else "them"
    them, their = ("It is", "its label") if many == 1 else ("They are", "their labels")
    return (
        f"{what} sent but the line broke before the answer. {title} may have charged up to {charge}. "
        f"{them} not sent again by {'itself' if many == 1 else 'themselves'}. "
        f"Look for {their} in its dashboard (runner doubt list {batch}), then: "
        f"runner doubt resolve {batch} --all --as charged|not-charged|resend"
    )

"""From what the store knows of a batch to what a person is shown of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal
from pathlib import Path

from runner.domain.model import MILLION, Debited
from runner.domain.states import BatchState, JobState
from runner.domain.typed import typed_name
from runner.engine.ports import LaneReport
from runner.errors import UsageError
from runner.settings import RunDefaults
from runner.store.locks import is_locked
from runner.store.snapshot import Readable
from runner.store.store import Store
from runner.store.values import BatchInfo, Wish
from runner.store.values import BatchStatus as StoredStatus
from runner.work.money import Prices
from runner.work.naming import handle
from runner.work.next_step import MAX_REQUESTS, MAX_SPEND, Again, Used, next_step
from runner.work.outputs import AUTO, NONE, settle_target
from runner.work.profiles import Profiles
from runner.work.ready import ready_us
from runner.work.reread import lacking
from runner.work.results import BatchStatus, Halt, LaneStatus
from runner.work.status import CUT_OFF, PERSON, RESET, exit_code
from runner.work.sums import batch_receipt, duplicates, reused, wallets
from runner.work.today import DailyCap, today_of

HALTED_LANE = "halted"


def standing(
    info: BatchInfo,
    *,
    store: Readable,
    profiles: Profiles,
    prices: Prices,
    defaults: RunDefaults,
    now_us: int,
    flags: str = "",
    names: Collection[str] | None = None,
    daily: DailyCap = lambda _: None,
) -> BatchStatus:
    """One batch as it stands now; one snapshot, whose cost does not grow with the batch. `defaults`:
    what holds where nothing is kept with it; `names`: those of all batches, where they are known already; `daily`: what
    a provider's account may spend in a day."""
    status = store.reports.status(info.id)
    info = status.batch
    outcomes = status.by_state
    reason = _reason(info, store)
    twice = store.forecast.paid_twice(info.id)
    today = today_of(info, daily, store=store, profiles=profiles, now_us=now_us)
    eta_us = None
    if info.state is BatchState.RUNNING and reason != CUT_OFF:
        eta_us = ready_us(status, profiles=profiles, defaults=defaults, daily=daily, today=today, now_us=now_us)
    return BatchStatus(
        batch=info.name,
        handle=_handle(info, store, names),
        state=info.state,
        reason=reason,
        resume_at_us=info.resume_at_us,
        rows=info.rows,
        jobs=sum(outcomes.values()),
        outcomes=outcomes,
        by_provider=_by_provider(status),
        not_sent=info.refused,
        attempts=sum(line.requests for line in status.ledger),
        debited={
            Debited.YES: sum(line.yes for line in status.ledger),
            Debited.NO: sum(line.no for line in status.ledger),
            Debited.UNKNOWN: sum(line.unknown + line.open for line in status.ledger),
        },
        spent=_by_unit((line.unit, line.debited) for line in status.ledger),
        held=_by_unit((line.unit, line.held) for line in status.ledger),
        in_doubt_amount=_by_unit((line.unit, line.in_doubt) for line in status.ledger),
        charged=tuple(prices.cost(line.provider, line.unit, line.debited) for line in status.ledger),
        perhaps_charged=tuple(prices.cost(line.provider, line.unit, line.in_doubt) for line in status.ledger),
        on_the_way=sum(line.open for line in status.ledger),
        way_cost=tuple(prices.cost(line.provider, line.unit, line.held) for line in status.ledger),
        to_resend=store.forecast.to_resend(info.id),
        twice=sum(one.jobs for one in twice),
        twice_cost=tuple(prices.cost(one.provider, one.unit, one.amount) for one in twice),
        receipt=batch_receipt(status, prices),
        duplicates=duplicates(status, prices),
        reused=reused(status, prices, store.forecast.usual_charges() if status.reused else {}),
        wallets=wallets(store.reports.balances(info.id), info, profiles),
        lanes=tuple(_lane(report) for report in status.lanes),
        halts=tuple(_halt(report) for report in status.lanes if report.state == HALTED_LANE),
        eta_us=eta_us,
        next=next_step(
            info.name,
            info.state,
            reason,
            outcomes,
            info.settings,
            beside=beside(info),
            flags=flags,
            again=_again(info, status),
            used=_used(status, profiles, reason),
        ),
        exit_code=exit_code(info.state, reason, outcomes),
        operations=info.operations,
        source=_source(info),
        created_us=info.created_us,
        today=today,
    )


def _used(status: StoredStatus, profiles: Profiles, reason: str | None) -> Used:
    """The prices stand in profile files, which are read only where a higher cap is proposed."""
    owed: dict[str, int] = {}
    for line in status.ledger:
        owed[line.provider] = owed.get(line.provider, 0) + line.debited + line.in_doubt + line.held
    price = _prices(status.batch, profiles) if reason in (MAX_SPEND, MAX_REQUESTS) else {}
    return Used(requests=sum(line.requests for line in status.ledger), owed=owed, price=price)


def _prices(info: BatchInfo, profiles: Profiles) -> dict[str, int]:
    """The most that one request may cost, by provider; nothing without their profiles."""
    try:
        operations = profiles.of_batch(info.operations, info.source)
    except UsageError:
        return {}
    prices: dict[str, int] = {}
    for operation in operations.values():
        prices[operation.provider] = max(operation.hold, prices.get(operation.provider, 0))
    return prices


def _again(info: BatchInfo, status: StoredStatus) -> Again:
    several = len(info.operations) > 1
    return Again(
        paid=status.failed_paid,
        refused=info.refused,
        answered=several and bool(status.by_state.get(JobState.SUCCEEDED)),
        country=lacking(info, beside=beside(info)),
    )


def _by_provider(status: StoredStatus) -> dict[str, dict[JobState, int]]:
    sums: dict[str, dict[JobState, int]] = {}
    for operation, counts in status.jobs.items():
        mine = sums.setdefault(operation.partition(".")[0], dict.fromkeys(JobState, 0))
        for state, figure in counts.items():
            mine[state] += figure
    return sums


def unfinished(store: Store) -> list[str]:
    """The batches that a run could go on with, the oldest first. One whose list was not read to its end is none."""
    return [info.name for info in reversed(store.reports.batches()) if _could_go_on(info, store)]


def unwritten(store: Store) -> list[str]:
    """The completed batches with a file to write that was not written since: a crash, or a full disk, came between."""
    names = store.forecast.unwritten()
    return [
        info.name
        for info in reversed(store.reports.batches())
        if info.name in names and settle_target(info, AUTO, Path()) != NONE
    ]


def _could_go_on(info: BatchInfo, store: Store) -> bool:
    if info.state is BatchState.COMPLETED:
        return store.reports.status(info.id).unfinished > 0
    return info.state not in (BatchState.LOADING, BatchState.CANCELLED)


def short_name(info: BatchInfo, store: Readable) -> str:
    """How a person may name the batch today, as one types it."""
    return typed_name(_handle(info, store, None))


def _handle(info: BatchInfo, store: Readable, names: Collection[str] | None) -> str:
    # Not what a file here is called: a command would take that file.
    short = handle(info.name, (other.name for other in store.reports.batches()) if names is None else names)
    return info.name if Path(short).exists() else short


def _reason(info: BatchInfo, store: Readable) -> str | None:
    if is_paused_by_person(info):
        return PERSON
    dead = info.state is BatchState.RUNNING and not is_locked(store.path)
    return CUT_OFF if dead else info.reason


def parked_until(info: BatchInfo, now_us: int) -> int | None:
    """When a batch that waits for its provider may go on; None: it does not wait."""
    parked = info.state is BatchState.PAUSED and info.reason == RESET
    return info.resume_at_us if parked and info.resume_at_us is not None and now_us < info.resume_at_us else None


def is_paused_by_person(info: BatchInfo) -> bool:
    """Paused by hand, or a pause was asked for while nothing was at work: only `resume` ends it."""
    if info.state is BatchState.PAUSED and info.reason == PERSON:
        return True
    at_rest = info.state in (BatchState.READY, BatchState.PAUSED, BatchState.HALTED)
    return at_rest and info.requested_state == Wish.PAUSE


def _by_unit(pairs: Iterable[tuple[str, int]]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for unit, amount in pairs:
        sums[unit] = sums.get(unit, Decimal(0)) + Decimal(amount) / MILLION
    return sums


def _lane(report: LaneReport) -> LaneStatus:
    return LaneStatus(
        provider=report.provider,
        state=report.state,
        reason=report.reason,
        until_us=report.until_us,
        rate=report.rate,
        in_flight=report.in_flight,
    )


def _halt(report: LaneReport) -> Halt:
    return Halt(
        provider=report.provider,
        reason=report.reason or HALTED_LANE,
        code=report.code,
        message=report.message,
        advice=report.advice,
        at_us=report.at_us,
    )


def _source(info: BatchInfo) -> str:
    source = info.source
    return str(source.get("path") or source.get("table") or source.get("stream") or source.get("kind", ""))


def beside(info: BatchInfo) -> str:
    """The folder of the batch's list as one types it here: "" or "lists/"; a list without a file is here."""
    path, here = info.source.get("path"), Path.cwd()
    if not path or Path(path).parent == here:
        return ""
    folder = Path(path).parent
    return f"{folder.relative_to(here) if folder.is_relative_to(here) else folder}/"

"""What a run would do now, told before it does it: requests, price, time at the limits, keys, answers paid earlier."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from runner.domain.backoff import utc_day
from runner.domain.model import MILLION, Amount, InDoubtPolicy
from runner.domain.provider import Operation, Provider
from runner.domain.states import BatchState, JobState
from runner.engine.ports import RunOptions
from runner.settings import Keys, Settings
from runner.store.store import Store
from runner.store.values import BatchInfo, BatchStatus
from runner.work.caps import Wanted, run_options
from runner.work.days import courses_of, room_for, through, without_end
from runner.work.flag_words import spend_flags
from runner.work.known import known_answers
from runner.work.limits import seconds_at_limits, windows_of
from runner.work.money import Prices, number, plural
from runner.work.outlook import PLACES, Asked, Day, Lane, Preflight, RowPlace
from runner.work.pricing import asks, decimal
from runner.work.profiles import Profiles


def preflight(
    info: BatchInfo,
    wanted: Wanted,
    *,
    store: Store,
    profiles: Profiles,
    settings: Settings,
    prices: Prices,
    now_us: int,
    with_rows: bool = False,
) -> Preflight:
    """Read only; asks no provider. `with_rows`: name refused rows although the batch was worked on already.

    UsageError when a profile of the batch is gone, or a cap cannot be held.
    """
    status = store.reports.status(info.id)
    operations = profiles.of_batch(info.operations, info.source)
    providers = profiles.by_provider(operations, info.source)
    dearer = store.forecast.dearer()
    options = run_options(
        wanted, info.settings, settings.run, operations.values(), daily=settings.daily_cap, dearer=dearer
    )
    known = known_answers(
        status,
        operations,
        store=store,
        profiles=profiles,
        prices=prices,
        now_us=now_us,
        reuse_seconds=wanted.reuse_seconds,
    )
    reused = {one.operation: one.taken or 0 for one in known}
    waiting = _waiting(operations, status, options, store)
    waiting = {key: count - reused.get(key, 0) for key, count in waiting.items()}
    requests = sum(waiting.values())
    at_most = _at_most(requests, options, status)
    asked = _asked(operations, _within(waiting, at_most), prices, store)
    lanes = tuple(_lane(provider, asked, operations, settings.keys, options.rate) for provider in providers.values())
    today = utc_day(now_us)
    lanes = tuple(replace(lane, days=_days(lane, operations, options, store, today, dearer)) for lane in lanes)
    jobs = sum(status.by_state.values())
    done_us = now_us + round(max((lane.seconds for lane in lanes), default=0.0) * MILLION)
    for course in courses_of(lanes):
        done_us = max(done_us, through(course, without_end(now_us), now_us=now_us)[1])
    invalid: Mapping[str, int] = info.settings.get("invalid", {})
    first_time = not any(line.requests for line in status.ledger)
    return Preflight(
        batch=info.name,
        state=info.state,
        rows=info.rows,
        requests=requests,
        reused=sum(reused.values()),
        at_most=at_most,
        caps=_caps(options, lanes),
        shared=info.rows * len(info.operations) - info.refused - jobs,
        not_sent=info.refused,
        invalid=dict(invalid),
        invalid_rows=_places(info, invalid, store) if first_time or with_rows else {},
        countries=dict(info.settings.get("countries", {})),
        seconds=(done_us - now_us) / MILLION,
        now_us=now_us,
        done_us=done_us,
        lanes=lanes,
        known=known,
        changed=_changed(
            status, store.answered.asked_otherwise(info.id, profiles.request_hashes(operations, info.source))
        ),
        columns=tuple(info.source.get("columns", ())),
        first_time=first_time,
    )


def _changed(status: BatchStatus, otherwise: Iterable[str]) -> dict[str, int]:
    """Results of operations of which some were made by other requests than a run would make now: a sandbox's,
    perhaps."""
    results = {
        key: status.jobs[key][JobState.SUCCEEDED] + status.jobs[key][JobState.FAILED]
        for key in sorted(otherwise)
        if key in status.jobs
    }
    return {key: count for key, count in results.items() if count}


def _at_most(requests: int, options: RunOptions, status: BatchStatus) -> int:
    """How many requests one run makes at most. A cap on money is not counted in requests: prices may differ, and what
    is not charged takes up none of it."""
    sent = sum(line.requests for line in status.ledger)
    cap = (options.max_requests or {}).get(None)
    left = requests if cap is None else max(0, cap - sent)
    return min(requests, left, requests if options.limit is None else options.limit)


def _within(waiting: dict[str, int], at_most: int) -> dict[str, int]:
    """What a cap leaves of them. Several operations take turns, so that nobody knows the share of each: all of them."""
    several = sum(count > 0 for count in waiting.values()) > 1
    return waiting if several else {key: min(count, at_most) for key, count in waiting.items()}


def _caps(options: RunOptions, lanes: Iterable[Lane]) -> tuple[str, ...]:
    """What ends a run early, as one writes it on the command line or in the settings."""
    caps = [f"--max-requests {cap}" for cap in (options.max_requests or {}).values()]
    caps += [spend_flags({who: Decimal(cap) / MILLION}) for who, cap in (options.max_spend or {}).items()]
    caps += [] if options.limit is None else [f"--limit {options.limit}"]
    for day in (day for lane in lanes for day in lane.days):
        left = f"{number(day.left)} {plural(day.unit, day.left)}"
        caps.append(f"max_spend_per_day {day.provider}={number(day.cap)} (today's room: {left})")
    return tuple(caps)


def _waiting(
    operations: Mapping[str, Operation], status: BatchStatus, options: RunOptions, store: Store
) -> dict[str, int]:
    """Requests still to be made, by operation: what is queued, and what a run would queue again before it begins.

    Those of a run that died as well, but for what it left open: that is in doubt.
    """
    batch = status.batch
    again: Counter[str] = Counter()
    released = options.in_doubt is InDoubtPolicy.RESEND_ONCE and batch.state is not BatchState.CANCELLED
    if released:
        again.update(store.forecast.releasable(batch.id))
    if batch.state is BatchState.COMPLETED and status.unfinished:
        again.update(store.forecast.unfinished(batch.id))
    waiting: dict[str, int] = {}
    for key, operation in operations.items():
        counts = status.jobs.get(key, {})
        taken = counts.get(JobState.RUNNING, 0)
        if not operation.safe and not released:
            taken -= sum(line.open for line in status.ledger if line.operation == key)
        waiting[key] = counts.get(JobState.QUEUED, 0) + max(0, taken) + again[key]
    return waiting


def _asked(
    operations: Mapping[str, Operation], waiting: Mapping[str, int], prices: Prices, store: Store
) -> tuple[Asked, ...]:
    """The requests with their price; between two prices, what a charged request cost here so far is the likely one."""
    charges: Mapping[tuple[str, str], Decimal] = {}
    if any(one.price_max not in (None, one.price) for one in operations.values()):
        charges = store.forecast.usual_charges()
    return tuple(asks(one, waiting[key], prices, charges) for key, one in operations.items())


def _lane(
    provider: Provider,
    asked: tuple[Asked, ...],
    operations: Mapping[str, Operation],
    keys: Keys,
    rate: tuple[int, float] | None,
) -> Lane:
    mine = tuple(one for one in asked if operations[one.operation].provider == provider.name)
    asks = [operations[one.operation] for one in mine]
    requests = sum(one.requests for one in mine)
    problem = keys.present(provider)
    known = [one.low.amount for one in mine if one.low is not None]
    return Lane(
        provider=provider.name,
        title=provider.title,
        requests=requests,
        price=decimal(asks[0].price) if len({one.price for one in asks}) == 1 else None,
        unit=asks[0].unit if len({one.unit for one in asks}) == 1 else "",
        amount=sum(known, Decimal(0)) if len(known) == len(mine) else None,
        seconds=seconds_at_limits(provider, requests, rate=rate),
        key_present=problem is None,
        key_fix="" if problem is None else problem.fix,
        base_url=provider.http.base_url,
        asked=mine,
        windows=windows_of(provider, rate),
    )


def _days(
    lane: Lane,
    operations: Mapping[str, Operation],
    options: RunOptions,
    store: Store,
    today: int,
    dearer: Mapping[tuple[str, str], Amount],
) -> tuple[Day, ...]:
    """The cap of the account's day, for each unit that costs something, and what is left of today's.

    By the provider's name: without its key nobody knows what other names the account has.
    """
    cap = (options.max_spend_per_day or {}).get(lane.provider)
    if cap is None:
        return ()
    days: list[Day] = []
    for unit in dict.fromkeys(one.unit for one in lane.asked if operations[one.operation].hold):
        mine = [one for one in lane.asked if one.unit == unit]
        requests = sum(one.requests for one in mine)
        likely = sum((one.likely.amount for one in mine if one.likely is not None), Decimal(0))
        each = likely / requests if requests else Decimal(0)
        keys = {one.operation for one in mine}
        holds = [max(operations[key].hold, dearer.get((key, unit), Amount(0))) for key in keys]
        most = Decimal(max(holds)) / MILLION
        room = Decimal(cap - store.forecast.spent_on(lane.provider, unit, today)) / MILLION
        days.append(
            Day(
                provider=lane.provider,
                unit=unit,
                cap=Decimal(cap) / MILLION,
                left=max(Decimal(0), room),
                requests_left=room_for(room, each=each, most=most),
                requests=room_for(Decimal(cap) / MILLION, each=each, most=most),
            )
        )
    return tuple(days)


def _places(info: BatchInfo, invalid: Mapping[str, int], store: Store) -> dict[str, tuple[RowPlace, ...]]:
    most = {reason.removeprefix("invalid:"): min(count, PLACES) for reason, count in invalid.items()}
    found = store.forecast.refused(info.id, most) if most else {}
    return {f"invalid:{why}": tuple(RowPlace(*place) for place in places) for why, places in found.items()}

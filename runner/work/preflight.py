"""What a run would do now, told before it does it: requests, price, time at the limits, keys, answers paid earlier."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal

from runner.domain.model import MILLION, Amount
from runner.domain.provider import Operation, Provider
from runner.domain.states import JobState
from runner.engine.ports import RunOptions
from runner.settings import Keys, Settings
from runner.store.store import Store
from runner.store.values import BatchInfo, BatchStatus
from runner.work.caps import Wanted, run_options
from runner.work.profiles import Profiles
from runner.work.results import Known, Lane, Preflight


def preflight(info: BatchInfo, wanted: Wanted, *, store: Store, profiles: Profiles, settings: Settings) -> Preflight:
    """Read only; asks no provider. UsageError when a profile of the batch is gone, or a cap cannot be held."""
    status = store.reports.status(info.id)
    operations = profiles.of_batch(info.operations, info.source)
    providers = profiles.by_provider(operations, info.source)
    options = run_options(wanted, info.settings, settings.run, operations.values())
    lanes = tuple(_lane(provider, operations, status, settings.keys, options.rate) for provider in providers.values())
    jobs = sum(status.by_state.values())
    requests = sum(lane.requests for lane in lanes)
    return Preflight(
        batch=info.name,
        state=info.state,
        rows=info.rows,
        requests=requests,
        at_most=_at_most(requests, options, status),
        caps=_caps(options),
        shared=info.rows * len(info.operations) - info.refused - jobs,
        not_sent=info.refused,
        invalid=dict(info.settings.get("invalid", {})),
        seconds=max((lane.seconds for lane in lanes), default=0.0),
        lanes=lanes,
        known=_known(info, status, store),
        columns=tuple(info.source.get("columns", ())),
        first_time=not any(line.requests for line in status.ledger),
    )


def seconds_at_limits(provider: Provider, requests: int, *, rate: tuple[int, float] | None = None) -> float:
    """How long so many requests take at best: the slowest window decides; answers are taken to come at once."""
    windows = [(limit.at_most, limit.per_seconds) for limit in provider.limits]
    if rate is not None:
        windows.append(rate)
    return max((_window_seconds(requests, at_most, per) for at_most, per in windows), default=0.0)


def _window_seconds(requests: int, at_most: int, per_seconds: float) -> float:
    return max(0, math.ceil(requests / at_most) - 1) * per_seconds


def _at_most(requests: int, options: RunOptions, status: BatchStatus) -> int:
    """How many requests one run makes at most. A cap on money is not counted in requests: prices may differ."""
    sent = sum(line.requests for line in status.ledger)
    cap = (options.max_requests or {}).get(None)
    left = requests if cap is None else max(0, cap - sent)
    return min(requests, left, requests if options.limit is None else options.limit)


def _caps(options: RunOptions) -> tuple[str, ...]:
    """What ends a run early, as one writes it on the command line."""
    caps = [f"--max-requests {cap}" for cap in (options.max_requests or {}).values()]
    for who, cap in (options.max_spend or {}).items():
        caps.append(f"--max-spend {f'{who}=' if who else ''}{decimal(cap)}")
    return (*caps, *([] if options.limit is None else [f"--limit {options.limit}"]))


def _waiting(operation: Operation, status: BatchStatus) -> int:
    """Requests still to be made; those of a run that died as well, but for what it left open: that is in doubt."""
    counts = status.jobs.get(operation.key, {})
    taken = counts.get(JobState.RUNNING, 0)
    if not operation.safe:
        taken -= sum(line.open for line in status.ledger if line.operation == operation.key)
    return counts.get(JobState.QUEUED, 0) + max(0, taken)


def _lane(
    provider: Provider,
    operations: Mapping[str, Operation],
    status: BatchStatus,
    keys: Keys,
    rate: tuple[int, float] | None,
) -> Lane:
    mine = [operation for operation in operations.values() if operation.provider == provider.name]
    waiting = {operation.key: _waiting(operation, status) for operation in mine}
    requests = sum(waiting.values())
    problem = keys.present(provider)
    prices = {operation.price for operation in mine}
    amounts = [None if operation.price is None else operation.price * waiting[operation.key] for operation in mine]
    known = [amount for amount in amounts if amount is not None]
    return Lane(
        provider=provider.name,
        title=provider.title,
        requests=requests,
        price=decimal(next(iter(prices))) if len(prices) == 1 else None,
        unit=mine[0].unit if len({operation.unit for operation in mine}) == 1 else "",
        amount=decimal(Amount(sum(known))) if len(known) == len(amounts) else None,
        seconds=seconds_at_limits(provider, requests, rate=rate),
        key_present=problem is None,
        key_fix="" if problem is None else problem.fix,
        base_url=provider.http.base_url,
    )


def _known(info: BatchInfo, status: BatchStatus, store: Store) -> tuple[Known, ...]:
    if not status.by_state[JobState.QUEUED]:
        return ()
    return tuple(
        Known(
            operation=one.operation,
            batch=one.batch,
            values=one.jobs,
            of=status.jobs[one.operation][JobState.QUEUED],
            answered_us=one.last_us,
        )
        for one in store.reports.answered_before(info.id)
    )


def decimal(amount: Amount | None) -> Decimal | None:
    """An amount of millionths in its unit."""
    return None if amount is None else Decimal(amount) / MILLION

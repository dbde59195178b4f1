"""When what waits in a batch is through: at the limits, its own rate, and within what its days may cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from runner.domain.model import MILLION
from runner.domain.provider import Operation
from runner.domain.states import JobState
from runner.engine.ports import RunOptions
from runner.errors import UsageError
from runner.settings import RunDefaults
from runner.store.values import BatchStatus
from runner.work.caps import Wanted, run_options
from runner.work.days import Course, room_for, through, without_end
from runner.work.limits import Windows, seconds_at_limits, windows_of
from runner.work.outlook import Day
from runner.work.profiles import Profiles
from runner.work.results import Today
from runner.work.today import DailyCap


def ready_us(
    status: BatchStatus,
    *,
    profiles: Profiles,
    defaults: RunDefaults,
    daily: DailyCap,
    today: tuple[Today, ...],
    now_us: int,
) -> int | None:
    """When the slowest provider is through, in microseconds since the epoch. `defaults`: what holds where nothing is
    kept with the batch; `today`: what the days of its accounts have left.

    None: nothing waits; a cap of the batch ends the run before, if all that waits is charged; or it is not known,
    without a profile.
    """
    info = status.batch
    try:
        operations = profiles.of_batch(info.operations, info.source)
        providers = profiles.by_provider(operations, info.source)
        options = run_options(Wanted(), info.settings, defaults, operations.values(), daily=daily)
    except UsageError:
        return None
    counts = {key: status.jobs[key] for key in operations if key in status.jobs}
    waiting = {key: count[JobState.QUEUED] + count[JobState.RUNNING] for key, count in counts.items()}
    unsent = _unsent(status, waiting)
    if not any(waiting.values()) or _is_capped(status, unsent, operations, options):
        return None
    done_us = now_us
    windows: dict[str, Windows] = {}
    for provider in providers.values():
        mine = sum(count for key, count in waiting.items() if operations[key].provider == provider.name)
        seconds = seconds_at_limits(provider, mine, rate=options.rate)
        done_us = max(done_us, now_us + round(seconds * MILLION))
        windows[provider.name] = windows_of(provider, options.rate)
    for course in _courses(unsent, operations, windows, today):
        done_us = max(done_us, through(course, without_end(now_us), now_us=now_us)[1])
    return done_us


def _unsent(status: BatchStatus, waiting: Mapping[str, int]) -> dict[str, int]:
    """What waits and is not on the way: that has its place under the caps already."""
    unsent = dict(waiting)
    for line in status.ledger:
        if line.operation in unsent:
            unsent[line.operation] -= line.open
    return unsent


def _is_capped(
    status: BatchStatus, unsent: Mapping[str, int], operations: Mapping[str, Operation], options: RunOptions
) -> bool:
    """Whether a cap on requests has no room for all that waits, or one on money none at the lowest price."""
    for who, most in (options.max_requests or {}).items():
        sent = sum(line.requests for line in status.ledger if who in (None, line.provider))
        wanted = sum(count for key, count in unsent.items() if who in (None, operations[key].provider))
        if sent + wanted > most:
            return True
    for who, cap in (options.max_spend or {}).items():
        lines = [line for line in status.ledger if who in (None, line.provider)]
        mine = [key for key in unsent if who in (None, operations[key].provider)]
        spent = sum(line.debited + line.in_doubt + line.held for line in lines)
        if spent + sum(unsent[key] * (operations[key].price or 0) for key in mine) > cap:
            return True
    return False


def _courses(
    unsent: Mapping[str, int],
    operations: Mapping[str, Operation],
    windows: Mapping[str, Windows],
    today: tuple[Today, ...],
) -> Iterator[Course]:
    """What is still to be asked of accounts whose days are capped, at the lowest price."""
    for one in today:
        asked = [(operations[key], count) for key, count in unsent.items() if count]
        mine = [(what, count) for what, count in asked if (what.provider, what.unit) == (one.provider, one.unit)]
        if not mine:
            continue
        requests = sum(count for _, count in mine)
        each = Decimal(sum(count * (what.price or 0) for what, count in mine)) / MILLION / requests
        most = Decimal(max(what.hold for what, _ in mine)) / MILLION
        day = Day(
            provider=one.provider,
            unit=one.unit,
            cap=one.cap,
            left=one.left,
            requests_left=room_for(one.left, each=each, most=most),
            requests=room_for(one.cap, each=each, most=most),
        )
        yield Course(requests=requests, windows=windows[one.provider], day=day)

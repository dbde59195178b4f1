"""How a batch stands: the object of `status --json`, its exit code and the command that goes on. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from shlex import quote
from types import MappingProxyType
from typing import Any, Final, assert_never

from runner.domain.model import MILLION
from runner.domain.states import BatchState, JobState
from runner.store.codec import iso as iso
from runner.work.money import Cost, in_money
from runner.work.results import BatchStatus, Halt, LaneStatus, Next, Receipt, Saved, Today, Wallet
from runner.work.typed import spend_flags

PERSON = "person"
INTERRUPTED = "interrupted"
RESET = "reset"
CUT_OFF = "cut-off"
"""Why a batch is `running` although nobody is at work on it: its process was killed, or the power failed."""

_PRECEDENCE = (130, 143, 1, 4, 5, 6, 3, 0)


def worst_exit(codes: Iterable[int]) -> int:
    """The one exit code of several causes: 130/143 > 1 > 4 > 5 > 6 > 3 > 0."""
    present = set(codes)
    return next((code for code in _PRECEDENCE if code in present), 0)


def exit_code(state: BatchState, reason: str | None, outcomes: Mapping[JobState, int]) -> int:
    """What `run` answers when it leaves a batch like this; a signal's code is the run's own matter."""
    match state:
        case BatchState.HALTED:
            return 4
        case BatchState.PAUSED:
            return 6 if reason == RESET else 5
        case BatchState.CANCELLED | BatchState.LOADING | BatchState.READY | BatchState.RUNNING:
            return 5
        case BatchState.COMPLETED:
            return 3 if outcomes.get(JobState.FAILED) or outcomes.get(JobState.IN_DOUBT) else 0
        case _:
            assert_never(state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What a batch used of its caps so far."""

    requests: int
    owed: Mapping[str, int]  # charged, on the way or in doubt, in millionths of the unit, by provider


_UNUSED: Final = Used(requests=0, owed=MappingProxyType({}))


def next_step(
    name: str,
    state: BatchState,
    reason: str | None,
    outcomes: Mapping[JobState, int],
    settings: Mapping[str, Any] = MappingProxyType({}),
    *,
    beside: str = "",
    flags: str = "",
    paid: int = 0,
    used: Used = _UNUSED,
) -> Next:
    """The command that goes on from here, and why. `settings` are those kept with the batch: a used cap is doubled,
    or what is `used` of it, where it was lowered below that.
    `beside`: the list's folder, as one types it before a name: what is written there can be loaded as the list was.
    `flags`: what was typed to reach this database with these settings, " --db other.db".
    `paid`: failures of which a request was charged, or may have been.
    """
    typed = f"{name}{flags}"
    run = f"runner run {typed}"
    match state:
        case BatchState.LOADING:
            return Next(command=f"runner load FILE --batch {typed}", why="The list was not read to its end.")
        case BatchState.READY:
            return Next(command=run, why="Nothing is at work on it.")
        case BatchState.RUNNING if reason == CUT_OFF:
            return Next(command=run, why="Its run was cut off; the same command goes on from what is stored.")
        case BatchState.RUNNING:
            idle = not outcomes.get(JobState.QUEUED) and not outcomes.get(JobState.RUNNING)
            why = f"A run is at work on it{', and waits for new rows' if idle else ''}."
            return Next(command=f"runner status {typed}", why=why)
        case BatchState.PAUSED:
            return _next_paused(typed, reason, settings, used)
        case BatchState.HALTED if reason == PERSON:
            return _next_paused(typed, reason, settings, used)
        case BatchState.HALTED:
            return Next(command=run, why="Once the reason is gone, the same command goes on with one request.")
        case BatchState.COMPLETED:
            return _next_completed(typed, f"{beside}{name}", outcomes, paid)
        case BatchState.CANCELLED:
            command = f"runner export {typed} -o {quote(f'{beside}{name}.csv')}"
            return Next(command=command, why="It was cancelled; its answers are kept.")
        case _:
            assert_never(state)


def _next_paused(typed: str, reason: str | None, settings: Mapping[str, Any], used: Used) -> Next:
    run = f"runner run {typed}"
    match reason:
        case "person":
            return Next(command=f"runner resume {typed}", why="It was paused by hand.")
        case "reset":
            return Next(command=run, why="The provider resets later; before that nothing is sent.")
        case "max-requests":
            return Next(command=f"{run} {_higher_requests(settings, used)}", why="Its --max-requests is used up.")
        case "max-spend-per-day":
            why = "Today's max_spend_per_day is used up; at midnight UTC another day begins."
            return Next(command=run, why=why)
        case "max-spend":
            return Next(command=f"{run} {_higher_spend(settings, used)}", why="Its --max-spend is used up.")
        case "until" | "for":
            return Next(command=run, why=f"Its --{reason} is over; the same command goes on where it stopped.")
        case _:
            return Next(command=run, why="The same command goes on where it stopped.")


def _higher_requests(settings: Mapping[str, Any], used: Used) -> str:
    cap = settings.get("max_requests")  # N: it is in a settings file, not kept
    return f"--max-requests {2 * max(cap, used.requests)}" if cap else "--max-requests N"


def _higher_spend(settings: Mapping[str, Any], used: Used) -> str:
    caps: Mapping[str, int] = settings.get("max_spend") or {}
    owed = {**used.owed, "": sum(used.owed.values())}  # a cap without a provider is of one unit
    doubled = {who: Decimal(2 * max(cap, owed.get(who, 0))) / MILLION for who, cap in caps.items()}
    return spend_flags(doubled) or "--max-spend N"


def _next_completed(typed: str, file: str, outcomes: Mapping[JobState, int], paid: int) -> Next:
    if outcomes.get(JobState.IN_DOUBT):
        return Next(command=f"runner doubt list {typed}", why="Requests are in doubt: they may have been charged.")
    if outcomes.get(JobState.FAILED):
        why = "Some requests failed; the file can be loaded again."
        if paid:
            them = "1 was" if paid == 1 else f"{paid} were"
            why = f"Some requests failed. {them} charged, or may have been: loaded again, such rows are paid again."
        return Next(command=f"runner export {typed} --only failed -o {quote(f'{file}.failed.csv')}", why=why)
    why = "Every request ended well." if any(outcomes.values()) else "Nothing of it can be sent."
    return Next(command=f"runner export {typed} -o {quote(f'{file}.csv')}", why=why)


def plain(amount: Decimal) -> int | float:
    """An amount as a JSON number; at most six decimals, so nothing is lost."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def as_json(status: BatchStatus, run: Receipt | None = None) -> dict[str, Any]:
    """The object of `status BATCH --json`, schema 1: keys, order and words are a contract. `run`: of the run that just
    ended, if one did."""
    halts = [_halt(one) for one in status.halts]
    return {
        "schema": 1,
        "batch": status.batch,
        "state": status.state.value,
        "reason": status.reason,
        "resume_at": iso(status.resume_at_us),
        "rows": status.rows,
        "jobs": status.jobs,
        "outcomes": {state.value: status.outcomes.get(state, 0) for state in _OUTCOMES},
        "not_sent": status.not_sent,
        "attempts": status.attempts,
        "debited": {debited.value: count for debited, count in status.debited.items()},
        "spent": _amounts(status.spent),
        "held": _amounts(status.held),
        "in_doubt_amount": _amounts(status.in_doubt_amount),
        "lanes": [_lane(one) for one in status.lanes],
        "halt": halts[0] if halts else None,
        "halts": halts,
        "eta": iso(status.eta_us),
        "next": {"command": status.next.command, "why": status.next.why},
        "receipt": {
            **_receipt(status.receipt),
            "saved": {"duplicates": _saved(status.duplicates), "reuse": _saved(status.reused)},
            "run": None if run is None else _receipt(run),
        },
        "balance": [wallet_json(one) for one in status.wallets],
        "max_spend_per_day": [_today(one) for one in status.today],
    }


def _today(today: Today) -> dict[str, Any]:
    return {
        "provider": today.provider,
        "unit": today.unit,
        "cap": plain(today.cap),
        "used_today": plain(today.used),
        "used_here": plain(today.used_here),
        "left_today": plain(today.left),
    }


def _receipt(receipt: Receipt) -> dict[str, Any]:
    return {
        "sent": receipt.sent,
        "charged": receipt.charged,
        "not_charged": receipt.not_charged,
        "in_doubt": receipt.in_doubt,
        "amounts": {"charged": _by_unit(receipt.cost), "in_doubt": _by_unit(receipt.doubtful)},
        "money": {"charged": _money(receipt.cost), "in_doubt": _money(receipt.doubtful)},
    }


def _saved(saved: Saved) -> dict[str, Any]:
    return {"requests": saved.requests, "amounts": _by_unit(saved.cost), "money": _money(saved.cost)}


def _by_unit(costs: Iterable[Cost]) -> dict[str, int | float]:
    sums: dict[str, Decimal] = {}
    for cost in costs:
        sums[cost.unit] = sums.get(cost.unit, Decimal(0)) + cost.amount
    return _amounts({unit: amount for unit, amount in sums.items() if amount})


def _money(costs: Iterable[Cost]) -> dict[str, int | float] | None:
    """By currency; null as soon as the price of anything in it is not known."""
    sums = in_money(costs)
    return None if sums is None else _amounts({currency: money for currency, money in sums.items() if money})


def wallet_json(wallet: Wallet) -> dict[str, Any]:
    """One of `balance`: opening + topped_up - debited - difference = closing."""
    return {
        "provider": wallet.provider,
        "run": wallet.run,
        "unit": wallet.unit,
        "opening": plain(wallet.opening),
        "closing": plain(wallet.closing),
        "topped_up": plain(wallet.topped_up),
        "debited": plain(wallet.debited),
        "in_doubt": plain(wallet.in_doubt),
        "difference": plain(wallet.difference),
    }


_OUTCOMES = (
    JobState.SUCCEEDED,
    JobState.FAILED,
    JobState.IN_DOUBT,
    JobState.QUEUED,
    JobState.RUNNING,
    JobState.CANCELLED,
)


def _amounts(amounts: Mapping[str, Decimal]) -> dict[str, int | float]:
    return {unit: plain(amount) for unit, amount in sorted(amounts.items())}


def _lane(lane: LaneStatus) -> dict[str, Any]:
    return {
        "provider": lane.provider,
        "state": lane.state,
        "reason": lane.reason,
        "until": iso(lane.until_us),
        "rate": lane.rate,
        "in_flight": lane.in_flight,
    }


def _halt(halt: Halt) -> dict[str, Any]:
    return {
        "provider": halt.provider,
        "reason": halt.reason,
        "code": halt.code,
        "message": halt.message,
        "advice": halt.advice,
        "at": iso(halt.at_us),
    }

"""How a batch stands: the object of `status --json` and its exit code. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, assert_never

from runner.domain.states import BatchState, JobState
from runner.store.codec import iso as iso
from runner.work.money import Cost, in_money
from runner.work.results import BatchStatus, Halt, LaneStatus, Receipt, Saved, Today, Wallet

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

"""The command that goes on with a batch from where it stands, and why. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from shlex import quote
from types import MappingProxyType
from typing import Any, Final, assert_never

from runner.domain.model import MILLION
from runner.domain.states import BatchState, JobState
from runner.domain.typed import typed_name
from runner.errors import StorageFullError
from runner.work.flag_words import spend_flags
from runner.work.results import Next
from runner.work.status import CUT_OFF, PERSON

MAX_SPEND: Final = "max-spend"
MAX_REQUESTS: Final = "max-requests"
"""Why a batch is paused whose `--max-spend`, or `--max-requests`, is used up. Both may be, and one is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What a batch used of its caps so far."""

    requests: int
    owed: Mapping[str, int]  # charged, on the way or in doubt, in millionths of the unit, by provider
    price: Mapping[str, int] = field(default_factory=dict)  # the most that one request more may cost, likewise


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """Phones that were refused because nobody said which country they are from."""

    cells: int
    command: str  # what looks at the list again as it was read; `--region` comes behind it


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """What becomes of rows that are loaded again."""

    paid: int = 0  # failures of which a request was charged, or may have been
    refused: int = 0  # cells that were not sent: their rows are in the file of the failures too
    answered: bool = False  # such rows may have an answer of another operation
    country: Lacking | None = None


_UNUSED: Final = Used(requests=0, owed=MappingProxyType({}))
_ONCE: Final = Again()


def next_step(
    name: str,
    state: BatchState,
    reason: str | None,
    outcomes: Mapping[JobState, int],
    settings: Mapping[str, Any] = MappingProxyType({}),
    *,
    beside: str = "",
    flags: str = "",
    again: Again = _ONCE,
    used: Used = _UNUSED,
) -> Next:
    """The command that goes on from here, and why. `settings` are those kept with the batch: a used cap is doubled,
    or what is `used` of it, where it was lowered below that.
    `beside`: the list's folder, as one types it before a name: what is written there can be loaded as the list was.
    `flags`: what was typed to reach this database with these settings, " --db other.db".
    """
    typed = f"{typed_name(name)}{flags}"
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
            return Next(command=run, why=_after_halt(reason))
        case BatchState.COMPLETED:
            return _next_completed(name, flags, f"{beside}{name}", outcomes, again)
        case BatchState.CANCELLED:
            command = f"runner export {typed} -o {quote(f'{beside}{name}.csv')}"
            return Next(command=command, why="It was cancelled; its answers are kept.")
        case _:
            assert_never(state)


def _after_halt(reason: str | None) -> str:
    if reason == StorageFullError.code:
        return "Once there is room on the disk, the same command goes on where it stopped."
    return "Once the reason is gone, the same command goes on with one request."


def _next_paused(typed: str, reason: str | None, settings: Mapping[str, Any], used: Used) -> Next:
    run = f"runner run {typed}"
    match reason:
        case "person":
            return Next(command=f"runner resume {typed}", why="It was paused by hand.")
        case "reset":
            return Next(command=run, why="The provider resets later; before that nothing is sent.")
        case "max-spend-per-day":
            why = "Today's max_spend_per_day is used up; at midnight UTC another day begins."
            return Next(command=run, why=why)
        case _ if reason in (MAX_REQUESTS, MAX_SPEND):
            return _next_capped(run, reason, settings, used)
        case "until" | "for":
            return Next(command=run, why=f"Its --{reason} is over; the same command goes on where it stopped.")
        case _:
            return Next(command=run, why="The same command goes on where it stopped.")


def _next_capped(run: str, reason: str, settings: Mapping[str, Any], used: Used) -> Next:
    """With one cap raised and the other left without room, nothing would be sent, and that one be told next."""
    over, flags = [], []
    if reason == MAX_REQUESTS or used.requests >= settings.get("max_requests", math.inf):
        over.append("--max-requests")
        flags.append(_higher_requests(settings, used))
    if reason == MAX_SPEND or _has_no_room(settings, used):
        over.append("--max-spend")
        flags.append(_higher_spend(settings, used))
    why = f"Its {' and '.join(over)} {'are' if over[1:] else 'is'} used up."
    return Next(command=f"{run} {' '.join(flags)}", why=why)


def _has_no_room(settings: Mapping[str, Any], used: Used) -> bool:
    """Whether a kept cap has no room for one request more of its provider. What is free always has."""
    owed, price = _by_cap(used)
    caps: Mapping[str, int] = settings.get("max_spend") or {}
    return any(owed.get(who, 0) + price.get(who, 1) > cap for who, cap in caps.items() if price.get(who, 1))


def _by_cap(used: Used) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """What is owed, and the most that one request more may cost, by what a cap names: a provider, or "" all of them."""
    # A cap without a provider is of one unit.
    price = {**used.price, "": max(used.price.values())} if used.price else {}
    return {**used.owed, "": sum(used.owed.values())}, price


def _higher_requests(settings: Mapping[str, Any], used: Used) -> str:
    cap = settings.get("max_requests")  # N: it is in a settings file, not kept
    return "--max-requests N" if cap is None else f"--max-requests {max(1, 2 * cap, 2 * used.requests)}"


def _higher_spend(settings: Mapping[str, Any], used: Used) -> str:
    caps: Mapping[str, int] = settings.get("max_spend") or {}
    owed, price = _by_cap(used)
    higher = {
        # Twice nothing, or twice a part of a request's price, would end where it began.
        who: max(2 * cap, 2 * owed.get(who, 0), owed.get(who, 0) + price.get(who, 0))
        for who, cap in caps.items()
    }
    if not all(higher.values()):
        return "--max-spend N"
    return spend_flags({who: Decimal(cap) / MILLION for who, cap in higher.items()}) or "--max-spend N"


def _next_completed(name: str, flags: str, file: str, outcomes: Mapping[JobState, int], again: Again) -> Next:
    typed = f"{typed_name(name)}{flags}"
    if outcomes.get(JobState.IN_DOUBT):
        return Next(command=f"runner doubt list {typed}", why="Requests are in doubt: they may have been charged.")
    if outcomes.get(JobState.FAILED):
        command = f"runner export {typed} --only failed -o {quote(f'{file}.failed.csv')}"
        return Next(command=command, why=_failures_again(again))
    if again.country is not None:
        them = "cell holds a phone" if again.country.cells == 1 else "cells hold phones"
        why = f"{again.country.cells} {them} without a country: with the one they are from they can be sent."
        return Next(command=f"{again.country.command} --region CC{flags}", why=why)
    why = "Every request ended well." if any(outcomes.values()) else "Nothing of it can be sent."
    return Next(command=f"runner export {typed} -o {quote(f'{file}.csv')}", why=why)


def _failures_again(again: Again) -> str:
    why = "Some requests failed; the file can be loaded again."
    if again.paid:
        them = "1 was" if again.paid == 1 else f"{again.paid} were"
        why = f"Some requests failed. {them} charged, or may have been: loaded again, such rows are paid again."
    if again.refused:
        why += " Rows with a refused cell are in it too."
    if again.answered:
        why += " Run it with --reuse 30d, or what other operations answered for its rows is paid again."
    return why

"""What an answer says of how fast its provider may be asked: `RateLimit`, `RateLimit-Policy` and their older names.

These headers are hints. They may be wrong, of another unit or of a window that nobody named; so they only ever slow a
lane down, and what cannot be read says nothing. Pure; the time is an argument.

    RateLimit: "default";r=50;t=30                     RateLimit-Policy: "default";q=100;w=60
    RateLimit: limit=100, remaining=50, reset=30       RateLimit-Limit: 100, 100;w=60
    X-RateLimit-Remaining: 50                          X-RateLimit-Reset: 30, or an instant in seconds or milliseconds
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

MOST_REQUESTS = 1_000_000
LONGEST_WINDOW_SECONDS = 3600.0
"""Policies of longer windows are quotas: they say nothing of the pace."""

_LONGEST_FIELD: Final = 1000
_INSTANT: Final = 1e9
_INSTANT_MS: Final = 1e12
_OF_REQUESTS: Final = frozenset({"", "requests", "request"})

_SINGLE: Final = ("ratelimit-", "x-ratelimit-", "x-rate-limit-")
_NAMES: Final = frozenset(
    {
        "ratelimit",
        "ratelimit-policy",
        *(f"{prefix}{what}" for prefix in _SINGLE for what in ("limit", "remaining", "reset")),
    }
)
_MEMBER: Final = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;="]+))\s*(?:=\s*([0-9]{1,15}(?:\.[0-9]{1,6})?))?\s*')
_PARAMETER: Final = re.compile(r';\s*([a-z*][a-z0-9_.*-]*)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]+)))?\s*')
_NUMBER: Final = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,6})?")


class Room(NamedTuple):
    """So many more requests are admitted until the reset."""

    remaining: int
    reset_seconds: float  # from now; above 0


class Hints(NamedTuple):
    """What one answer says."""

    rooms: tuple[Room, ...] = ()
    policies: tuple[tuple[int, float], ...] = ()  # so many requests in so many seconds


class _Member(NamedTuple):
    """One member of a structured list or dictionary: `"default";q=100;w=60`, `100;w=60`, `remaining=50`."""

    name: str
    value: str | None
    parameters: dict[str, str]


def read_hints(headers: Iterable[tuple[str, str]], *, now_us: int) -> Hints | None:
    """What the headers of an answer say (names lower-case); None: nothing. Never raises."""
    found: dict[str, str] = {}
    for name, value in headers:
        # A lone figure names no window, and some providers send one with every answer.
        if name in _NAMES and (";" in value or not name.endswith("-limit")):
            found[name] = f"{found[name]}, {value}" if name in found else value
    if not found:
        return None
    policies = list(_policies(found.get("ratelimit-policy", "")))
    foreign = {name for name, unit, _, _ in policies if unit not in _OF_REQUESTS}
    rooms = [room for room in _rooms(found.get("ratelimit", ""), now_us) if room[0] not in foreign]
    rooms += [("", room) for prefix in _SINGLE if (room := _single(found, prefix, now_us)) is not None]
    windows = [(at_most, seconds) for _, unit, at_most, seconds in policies if unit in _OF_REQUESTS]
    for prefix in _SINGLE:
        windows += [(q, w) for _, _, q, w in _policies(found.get(f"{prefix}limit", ""))]
    hints = Hints(tuple(room for _, room in rooms), tuple(dict.fromkeys(windows)))
    return hints if hints != Hints() else None


def _policies(field: str) -> Iterator[tuple[str, str, int, float]]:
    """(name, unit, requests, seconds) of the members that have both figures: `"default";q=100;w=60` or `100;w=60`."""
    for member in _members(field):
        at_most = _number(member.parameters.get("q", member.name))
        seconds = _number(member.parameters.get("w") or member.parameters.get("window"))
        if at_most is None or seconds is None:
            continue
        if 1 <= at_most <= MOST_REQUESTS and 0 < seconds <= LONGEST_WINDOW_SECONDS:
            yield member.name, member.parameters.get("qu", "").lower(), int(at_most), seconds


def _rooms(field: str, now_us: int) -> Iterator[tuple[str, Room]]:
    """By name: `"default";r=50;t=30`, or the dictionary `limit=100, remaining=50, reset=30` of older drafts."""
    members = _members(field)
    for member in members:
        room = _room(member.parameters.get("r"), member.parameters.get("t"), now_us)
        if room is not None:
            yield member.name, room
    older = {member.name: member.value for member in members}
    room = _room(older.get("remaining"), older.get("reset"), now_us)
    if room is not None:
        yield "", room


def _single(found: dict[str, str], prefix: str, now_us: int) -> Room | None:
    """One header for each figure."""
    return _room(found.get(f"{prefix}remaining"), found.get(f"{prefix}reset"), now_us)


def _room(remaining: str | None, reset: str | None, now_us: int) -> Room | None:
    left, seconds = _number(remaining), _number(reset)
    if left is None or seconds is None:
        return None
    if seconds >= _INSTANT_MS:
        seconds = (seconds * 1e3 - now_us) / 1e6
    elif seconds >= _INSTANT:
        seconds -= now_us / 1e6
    return Room(int(left), seconds) if seconds > 0 else None


def _number(text: str | None) -> float | None:
    """Digits with or without a fraction; of several values, as of a header that came twice, none."""
    text = (text or "").strip(" \t")
    return float(text) if _NUMBER.fullmatch(text) else None


def _members(field: str) -> list[_Member]:
    """What RFC 9651 calls a list of items, or a dictionary; nothing if any of it is neither."""
    members: list[_Member] = []
    at = 0
    while field and len(field) <= _LONGEST_FIELD:
        head = _MEMBER.match(field, at)
        if head is None:
            return []
        at, parameters = head.end(), {}
        while (found := _PARAMETER.match(field, at)) is not None:
            at = found.end()
            parameters[found[1]] = found[2] if found[2] is not None else found[3] or ""
        members.append(_Member(head[1] if head[1] is not None else head[2], head[3], parameters))
        if at == len(field):
            return members
        if field[at] != ",":
            return []
        at += 1
    return []

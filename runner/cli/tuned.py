"""Limits of a batch as a person reads them: what `tune` did, and what the log tells of options that were kept."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from runner.cli.render import facts, next_text
from runner.cli.text import moment, number
from runner.domain.model import MILLION

if TYPE_CHECKING:
    from runner.work.records import Record
    from runner.work.results import Tuned


def tuned_text(tuned: Tuned) -> str:
    """What changed, all that holds now, and since when."""
    changed = ", ".join(f"{_flag(name, now)} (was {_value(was)})" for name, (was, now) in tuned.changes.items())
    holding = ", ".join(_flag(name, value) for name, value in tuned.holds.items())
    since = "a run at work goes by it within a second" if tuned.at_work else "from the next run on"
    lines = [
        f"{tuned.batch}: {changed}",
        facts(
            [
                ("holds", holding or "nothing but the provider's own limits"),
                ("since", f"{moment(tuned.at_us)}: {since}"),
            ]
        ),
        "" if tuned.next is None else next_text(tuned.next.command, tuned.next.why),
    ]
    return "\n".join(line for line in lines if line)


def _flag(name: str, value: Any) -> str:
    return f"--{name.replace('_', '-')} {_value(value)}"


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, Mapping):  # amounts, by provider
        parts = [(f"{who}=" if who else "", Decimal(amount) / MILLION) for who, amount in value.items()]
        return " ".join(f"{who}{number(amount)}" for who, amount in parts)
    return str(value)


def settings_line(record: Record) -> str:
    """Options that a run was given, to be kept."""
    flags = [_kept(name, value) for name, value in record.detail.items()]
    return f"you: {' '.join(flags)}" if flags else "you: an option taken back"


def tuned_line(record: Record) -> str:
    """What was changed, with what held before."""
    detail = record.detail
    changed = []
    for name, value in detail.items():
        if not name.endswith("_before"):
            before = detail.get(f"{name}_before")
            was = "off" if before is None else _kept(name, before).removeprefix(f"--{name.replace('_', '-')} ")
            changed.append(f"{_kept(name, value)} (was {was})")
    return f"you: tune {', '.join(changed)}"


def limits_words(rate: str, detail: Mapping[str, Any]) -> str:
    """`at most 30 in 60 s, 2 on the way at once`, of an event's detail; `rate` in words."""
    in_flight = detail.get("in_flight")
    parts = [f"at most {rate}" if rate else "no rate", f"{in_flight} on the way at once" if in_flight else ""]
    return ", ".join(filter(None, parts))


def _kept(name: str, value: Any) -> str:
    if name == "output":
        return f"-o {PurePath(str(value)).name}"
    flag = f"--{name.replace('_', '-')}"
    if isinstance(value, Mapping):
        return " ".join(f"{flag} {who}={number(one)}" for who, one in value.items())
    return f"{flag} {value}"

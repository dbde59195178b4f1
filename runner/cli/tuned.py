"""Limits of a batch as a person reads them: what `tune` did."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from runner.cli.render import facts, next_text
from runner.cli.text import moment, number
from runner.domain.model import MILLION

if TYPE_CHECKING:
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

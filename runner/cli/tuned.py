"""Limits of a batch as a person reads them: what `tune` did."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from runner.cli.render import facts, next_text
from runner.cli.text import moment
from runner.domain.model import MILLION
from runner.work.flag_words import flag_of, value_of

if TYPE_CHECKING:
    from runner.work.results import Tuned


def tuned_text(tuned: Tuned) -> str:
    """What changed, all that holds now, and since when."""
    changed = ", ".join(
        f"{flag_of(name, _units(now))} (was {value_of(name, _units(was))})"
        for name, (was, now) in tuned.changes.items()
    )
    holding = ", ".join(flag_of(name, _units(value)) for name, value in tuned.holds.items())
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


def _units(value: Any) -> Any:
    """What is kept, with caps on money in units instead of millionths."""
    if isinstance(value, Mapping):
        return {who: Decimal(amount) / MILLION for who, amount in value.items()}
    return value

"""Whether phones of digits alone look national although no region is known: then nothing is sent."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from runner.errors import InputError
from runner.inputs.cell import Accepted, Refused

_ENOUGH: Final = 20
_SHARE: Final = 0.9
# Validity costs more than all the rest of a check: after the first thousand every 64th tells enough.
_ALL_UP_TO: Final = 1000
_THEN_EVERY: Final = 64


@dataclass(slots=True, kw_only=True)
class PhoneSummary:
    """What the phones of one column look like. `preparer` feeds it; then ask `check_national`."""

    bare: int = 0  # cells of digits alone without a region, refused ones included
    judged: int = 0  # those of them that were looked at closely
    valid: int = 0  # those of the judged that are valid numbers
    starts: Counter[str] = field(default_factory=Counter)  # first three digits -> accepted cells

    def add(self, result: Accepted | Refused) -> None:
        """Count one checked cell."""
        accepted = isinstance(result, Accepted)
        if accepted:
            self.starts[result[0][1:4]] += 1
        if result.bare:
            from runner.inputs import phones  # the library behind it is loaded only where there are phones

            self.bare += 1
            if self.bare <= _ALL_UP_TO or self.bare % _THEN_EVERY == 0:
                self.judged += 1
                self.valid += accepted and phones.is_valid(result[0])

    @property
    def countries(self) -> Counter[str]:
        """Accepted cells by calling code: `GB` of a shared one is the main country, `?` is none."""
        from runner.inputs import phones

        found: Counter[str] = Counter()
        for digits, count in self.starts.items():
            found[phones.country(f"+{digits}")] += count
        return found


def looks_national(summary: PhoneSummary) -> bool:
    """20 or more phones of digits alone, and fewer than 90 % of them valid international numbers."""
    return summary.bare >= _ENOUGH and summary.valid < _SHARE * summary.judged


def check_national(summary: PhoneSummary, *, column: str) -> None:
    """Raises InputError if the phones of this column look national; nothing may be sent then."""
    if looks_national(summary):
        raise InputError(
            f"the phones in {column!r} look like national numbers",
            why=f"{summary.bare} are digits alone, and of {summary.judged} looked at only {summary.valid} "
            "are valid with a country code in front",
            fix="--region US (the country they are from), or --map region=COLUMN if a column names each row's country",
        )

"""What a provider says it charged, or that is left, as an amount. Pure."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any, Final

from runner.domain.model import MILLION, Amount

_MOST: Final = Decimal(1_000_000_000)
"""Units beyond it are no charge but somebody's bug; sums stay within 64 bits."""

_CHARACTERS: Final = 40


def stated_amount(value: Any) -> Amount | None:
    """Millionths of a number, or of a text that is one ("3", "0.5"); None for all that is no amount.

    A fraction of a millionth counts as a whole one: a cap must not be passed by rounding.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).strip()
    if not text or len(text) > _CHARACTERS or not text.isascii():
        return None
    try:
        units = Decimal(text)
    except InvalidOperation:
        return None
    if not units.is_finite() or not 0 <= units <= _MOST:
        return None
    whole = int((units * MILLION).to_integral_value(ROUND_CEILING))
    return Amount(max(whole, int(units > 0)))  # what is too small for a decimal's exponent is not nothing

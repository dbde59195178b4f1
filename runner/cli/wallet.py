"""A provider's wallet beside what its answers account for, in a sentence."""

from __future__ import annotations

from decimal import Decimal

from runner.cli.text import number, plural


def wallet_text(wallet: str, *, unit: str, fall: Decimal, debited: Decimal, in_doubt: Decimal) -> str:
    """What a difference may come from. `wallet`: "Defastra's wallet"; `fall`: what it lost, top-ups left out;
    `debited`: what the answers account for; `in_doubt`: what may have been charged beside that."""
    more = fall - debited
    moved = f"{wallet} {'fell' if fall >= 0 else 'grew'} by {_units(abs(fall), unit)}"
    if not more:
        return f"{moved}, as the answers say"
    told = f"{moved}, the answers account for {number(debited)}"
    if more < 0:
        less = f"{number(-more)} fewer {_were(-more)} charged"
        return f"{told}: {less}, or it was topped up, or it counts something else than {plural(unit, 2)}"
    charged = f"{told}: {number(more)} more {_were(more)} charged"
    if not in_doubt:
        return f"{charged}; something else uses this key, or a request was charged twice"
    if more <= in_doubt:
        return f"{charged}; perhaps what is in doubt was charged, or something else uses this key"
    return f"{charged}; only {number(in_doubt)} can be what is in doubt, so something else uses this key"


def _units(amount: Decimal, unit: str) -> str:
    return f"{number(amount)} {plural(unit, amount)}"


def _were(amount: Decimal) -> str:
    return "was" if amount == 1 else "were"

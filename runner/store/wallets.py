"""The wallet of an account as the store knows it, as plain values. Loads no database library.

Instants are `..._us` (UTC, microseconds since the epoch), amounts are millionths of the provider's unit.
"""

from __future__ import annotations

from dataclasses import dataclass

from runner.domain.evidence import Evidence
from runner.domain.model import Amount
from runner.domain.wallet import WalletCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the answers of an account say of its wallet, up to one of its attempts."""

    account: str  # fingerprint of base URL and key
    unit: str
    upto: int  # the last attempt that was looked at
    check: WalletCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """The wallet of an account over one run: opening + topped_up - debited - difference = closing."""

    run: int
    provider: str
    unit: str
    first_us: int  # when the first request was sent whose answer states a balance
    until_us: int  # when the last such answer came
    opening: Amount
    closing: Amount
    found: Evidence  # what was charged in between, what was not, and what that says of the requests in doubt

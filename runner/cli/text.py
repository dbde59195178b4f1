"""Figures, times and personal values as a person reads them."""

from __future__ import annotations

from decimal import Decimal

from runner.domain.model import MILLION
from runner.domain.personal import clean as clean
from runner.domain.personal import redact as redact
from runner.domain.personal import shorten as shorten
from runner.work.money import number as number
from runner.work.money import plural as plural
from runner.work.words import count as count
from runner.work.words import duration as duration
from runner.work.words import listed as listed
from runner.work.words import local_time as local_time
from runner.work.words import moment as moment
from runner.work.words import offset as offset
from runner.work.words import row_name as row_name


def amount(millionths: int) -> str:
    """An amount of integer millionths in its unit: `1_500_000` -> `1.5`."""
    return number(Decimal(millionths) / MILLION)

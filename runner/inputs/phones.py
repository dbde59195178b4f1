"""Phone numbers: read by phonenumbers; plain international ones by the same tables without its parser."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final, Literal, NamedTuple

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberFormat, ValidationResult

from runner.domain.quick import quick
from runner.errors import InputError
from runner.inputs.cell import EMPTY, Accepted, Checker, Refused, trim

_PLAIN: Final = re.compile(r"\+([1-9][0-9]{6,14})")
# Digits and what people put between them. Letters are refused: an extension cannot be sent, and the library would
# read "3.36E+10" as a vanity number.
_SHAPE: Final = re.compile(r"'?(\+?)([\d(][\d ().\-\u2010-\u2015\u2212/~]*)")
_FLOAT: Final = re.compile(r"(\+?\d+)\.0")  # a whole number that went through a spreadsheet's or a data frame's floats
_BARE: Final = range(11, 16)  # digits alone of these lengths are international where no region is known
_NATIONAL: Final = range(6, 16)  # digits alone of these lengths may be a number of some country
_REGION_ALIASES: Final = {"UK": "GB", "EL": "GR"}  # the European Commission's spellings


def phone_checker(*, send: Literal["digits", "e164"], region: str | None) -> Checker:
    """The key is the number in E.164; sent are its digits with or without `+`. Refuses with `phone` or `no-country`.

    *Possible* is enough. `+` and `00` are international; the rest is national where a region is known: the row's own,
    else `region`. Raises InputError if `region` is not a country with telephones.
    """
    home = None
    if region is not None:
        home = known_region(region)
        if home is None:
            raise InputError(
                f"{region!r} is not a country",
                why="a region is an ISO 3166 code of two letters",
                fix="--region GB",
            )
    start = 1 if send == "digits" else 0

    def check(cell: str, row_region: str | None) -> Accepted | Refused:
        key = plain_phone(cell)
        if key is not None:
            return quick(Accepted, (key, key[start:], False, None))
        read = _read(cell, row_region, home)
        return read if isinstance(read, Refused) else Accepted(read.key, read.key[start:], read.bare)

    return check


def known_region(text: str) -> str | None:
    """The region as the library knows it, or None."""
    code = trim(text).upper()
    code = _REGION_ALIASES.get(code, code)
    return code if code in phonenumbers.SUPPORTED_REGIONS else None


def plain_phone(cell: str) -> str | None:
    """The number in E.164, if it is plain enough to need no parser; else None, which says nothing about it.

    The parser could only change a plain number by taking a national prefix off it, and then it is not plain.
    """
    match = _PLAIN.fullmatch(cell)
    if match is None:
        return None
    digits = match[1]
    plan = _plan(digits[:3])
    if plan is None:
        return None
    national = digits[plan.code_length :]
    if len(national) not in plan.lengths or national[0] == "0" or (plan.prefix and plan.prefix.match(national)):
        return None
    return cell


def library_phone(number: str, region: str | None) -> str | None:
    """The number in E.164 by phonenumbers alone; None unless it is possible as a whole number."""
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(parsed) != ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(parsed, PhoneNumberFormat.E164)


def is_valid(key: str) -> bool:
    """Whether a number in E.164 is in a range that its country has given out."""
    return phonenumbers.is_valid_number(phonenumbers.parse(key))


def country(key: str) -> str:
    """The country of a number in E.164 by its calling code; of a shared code the main one (`US` for +1)."""
    plan = _plan(key[1:4])
    return plan.region if plan else "?"


class _Read(NamedTuple):
    key: str
    bare: bool


def _read(cell: str, row_region: str | None, home: str | None) -> _Read | Refused:
    text = unicodedata.normalize("NFKC", trim(cell))
    if not text:
        return EMPTY
    whole = _FLOAT.fullmatch(text)
    match = _SHAPE.fullmatch(whole[1] if whole else text)
    if match is None:
        return Refused("phone")
    digits = "".join(str(unicodedata.decimal(sign)) for sign in match[2] if sign.isdecimal())
    if match[1] or digits.startswith("00"):
        key = library_phone("+" + (digits if match[1] else digits[2:]), None)
        return _Read(key, False) if key else Refused("phone")
    if row_region is not None and trim(row_region):
        home = known_region(row_region)
        if home is None:  # the row names a country nobody knows: guessing another one would pay for a stranger's number
            return Refused("no-country")
    if home is not None:
        key = library_phone(digits, home)
        return _Read(key, False) if key else Refused("phone")
    return _read_bare(digits)


def _read_bare(digits: str) -> _Read | Refused:
    key = library_phone("+" + digits, None) if len(digits) in _BARE else None
    if key:
        return _Read(key, True)
    return Refused("no-country", bare=True) if len(digits) in _NATIONAL else Refused("phone")


class _Plan(NamedTuple):
    """What decides whether an international number is plain, by calling code."""

    region: str
    code_length: int
    lengths: frozenset[int]  # of possible national numbers
    prefix: re.Pattern[str] | None  # what the parser may take off a national number's start


@cache
def _plan(start: str) -> _Plan | None:
    """The plan of the numbers that start with these three digits; None where no country does."""
    for length in (1, 2, 3):  # calling codes are prefix-free
        code = int(start[:length])
        if code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            region = phonenumbers.region_code_for_country_code(code)
            metadata = PhoneMetadata.metadata_for_region_or_calling_code(code, region)
            if metadata is None or metadata.general_desc is None:
                return None
            prefix = metadata.national_prefix_for_parsing
            return _Plan(
                region, length, frozenset(metadata.general_desc.possible_length), re.compile(prefix) if prefix else None
            )
    return None

"""E-mail addresses and domains: checked by email-validator, without a network; a strict ASCII pattern goes first."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import email_validator

from runner.domain.quick import quick
from runner.inputs.cell import EMPTY, Accepted, Checker, Refused, trim

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_TOP = r"(?:[A-Za-z0-9][A-Za-z0-9-]{0,61})?[A-Za-z]"

# What this accepts the library accepts too, with the same result (a test holds it to that); the rest is asked of it.
# Two dashes in a label may be Punycode, and some top-level names are reserved: both are the library's to judge.
_PLAIN: Final = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@((?:{_LABEL}\.)+({_TOP}))")
_LONGEST: Final = 254
_RESERVED: Final = frozenset(name.rpartition(".")[2] for name in email_validator.SPECIAL_USE_DOMAIN_NAMES)


def email_checker(*, keep_case: bool) -> Checker:
    """The key is the whole address case-folded, or with `keep_case` the local part as written; refuses with `email` or
    `non-ascii-local-part`. Sent: the local part as written, the domain lower-case in A-labels."""

    def check(cell: str, _region: str | None) -> Accepted | Refused:
        sent = plain_email(cell)
        if sent is None:
            text = trim(cell)
            if not text:
                return EMPTY
            read = plain_email(text) or library_email(text)
            if isinstance(read, Refused):
                return read
            sent = read
        return quick(Accepted, (sent if keep_case else sent.lower(), sent, False, None))

    return check


def plain_email(text: str) -> str | None:
    """The address as sent, if it is plain enough to need no library; else None, which says nothing about it."""
    match = _PLAIN.fullmatch(text)
    if match is None or len(text) > _LONGEST:
        return None
    local, domain, top = match.groups()
    if "--" in domain or top.lower() in _RESERVED:
        return None
    return f"{local}@{domain.lower()}"


def library_email(text: str) -> str | Refused:
    """The address as sent, by email-validator alone."""
    if "@" not in text:  # what it says of a column of names, 50 us sooner
        return Refused("email")
    try:
        # The test environment lets `.test` through: lists to try things with live there.
        valid = email_validator.validate_email(text, check_deliverability=False, test_environment=True)
    except email_validator.EmailNotValidError:
        return Refused("email")
    if valid.ascii_local_part is None:
        return Refused("non-ascii-local-part")
    if "." not in (valid.ascii_domain or ""):
        return Refused("email")
    # The library lower-cases the local parts of RFC 2142 (`Info`); what is sent stays as the row wrote it.
    return f"{text.rpartition('@')[0]}@{valid.ascii_domain}"


def check_domain(cell: str, _region: str | None) -> Accepted | Refused:
    """A `Checker` for domains: key and sent are the name, lower-case in A-labels; refuses with `domain`."""
    text = trim(cell)
    if not text:
        return EMPTY
    name = None if "@" in text else _domain(text)
    return Refused("domain") if name is None else Accepted(name, name)


@lru_cache(maxsize=4096)
def _domain(text: str) -> str | None:
    read = library_email(f"x@{text}")
    return None if isinstance(read, Refused) else read.partition("@")[2]

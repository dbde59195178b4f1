"""A person as somebody names them: by an e-mail address or a phone number."""

from __future__ import annotations

from contextlib import suppress

import phonenumbers

from runner.domain.person import Person, by_email, by_phone
from runner.errors import UsageError
from runner.inputs.cell import Refused, trim
from runner.inputs.emails import email_checker
from runner.inputs.phones import phone_checker


def read_person(text: str) -> Person:
    """The person behind an address, or a number with its country. UsageError: it is neither."""
    if "@" in text:
        read = email_checker(keep_case=False)(text, None)
        if not isinstance(read, Refused):
            domain = read.key.rpartition("@")[2]
            return by_email(read.key, domains=[domain, *_unicode(domain), trim(text).rpartition("@")[2].lower()])
        raise _neither("no e-mail address is written like this", "--match ada@example.com")
    phone = phone_checker(send="e164", region=None)(text, None)
    if isinstance(phone, Refused):
        raise _neither("a phone number is looked for with its country", "--match +33639980123")
    return by_phone(phone.key, code=str(phonenumbers.parse(phone.key).country_code))


def _neither(why: str, fix: str) -> UsageError:
    return UsageError("that is neither an e-mail address nor a phone number", why=why, fix=fix)


def _unicode(domain: str) -> list[str]:
    """The domain in its own letters, where it has others."""
    import idna  # email-validator brings it

    with suppress(idna.IDNAError):
        return [idna.decode(domain)]
    return []

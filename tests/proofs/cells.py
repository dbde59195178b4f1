"""A million values: whatever the fast patterns accept, the libraries behind them accept too, with the same result."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import phonenumbers

from runner.inputs.emails import library_email, plain_email
from runner.inputs.phones import library_phone, plain_phone

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LOCAL = [*_LETTERS, *_LETTERS.upper(), *"0123456789", *".-_+", *"!#$%&'*/=?^`{|}~", '"', "(", " ", "é", "..", "\n"]
_LABEL = [*_LETTERS, *"0123456789", "-", "--", "xn--", "ü", "_", "", "local", "test", "x" * 62]
_TOPS = [
    "com",
    "org",
    "de",
    "co.uk",
    "info",
    "museum",
    "test",
    "local",
    "localhost",
    "invalid",
    "onion",
    "arpa",
    "c",
    "1",
]
_CODES = [*phonenumbers.COUNTRY_CODE_TO_REGION_CODE, 0, 999, 210]


def cells(_folder: Path, *, seed: int, values: int) -> str:
    """Half of them addresses, half numbers, most of them plausible."""
    rng = random.Random(seed)
    counts: Counter[str] = Counter()
    for _ in range(values // 2):
        address = _address(rng)
        plain = plain_email(address)
        if plain is not None:
            counts["addresses by the pattern"] += 1
            assert library_email(address) == plain, address
        number = _number(rng)
        phone = plain_phone(number)
        if phone is not None:
            counts["numbers by the pattern"] += 1
            assert library_phone(number, None) == phone, number
    shares = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
    return f"{values // 2 * 2} values, {shares}: all of them as the libraries read them"


def _address(rng: random.Random) -> str:
    odd = rng.random() < 0.3
    local = "".join(rng.choice(_LOCAL if odd else _LOCAL[:66]) for _ in range(rng.choice([1, 2, 5, 9, 20, 64, 65])))
    labels = [
        "".join(rng.choice(_LABEL if odd else _LETTERS) for _ in range(rng.choice([1, 3, 8, 12])))
        for _ in range(rng.choice([1, 1, 1, 2, 3]))
    ]
    return f"{local}{'@' if rng.random() < 0.99 else ''}{'.'.join(labels)}.{rng.choice(_TOPS)}"


def _number(rng: random.Random) -> str:
    digits = "".join(rng.choice("0123456789") for _ in range(rng.choice([4, 6, 7, 8, 9, 9, 10, 10, 11, 12, 13])))
    return f"{'+' if rng.random() < 0.95 else ''}{rng.choice(_CODES)}{digits}"

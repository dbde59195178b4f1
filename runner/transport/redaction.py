"""What may be kept of the wire: an answer without our own key."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final
from urllib.parse import quote, quote_plus

from runner.domain.model import Answer
from runner.domain.personal import KEY_SHOWN

SHORTEST_KEY: Final = 8
"""Shorter ones are no secret, and may stand in a paid answer by chance."""

_HEX: Final = re.compile(r"%[0-9A-F]{2}")


class KeyFilter:
    """Takes our key out of what a provider sends: some quote it in an error, and everything received is stored."""

    def __init__(self, keys: Iterable[str]) -> None:
        """`keys` as they travel; other ways of writing them are found too."""
        written = {spelling for key in keys if len(key) >= SHORTEST_KEY for spelling in _spellings(key)}
        self._texts = sorted(written, key=len, reverse=True)
        self._bytes = [text.encode() for text in self._texts]

    def __repr__(self) -> str:
        return "<KeyFilter>"

    def clean(self, answer: Answer) -> Answer:
        """The answer, with `[key]` wherever the key was. Nothing else of it changes."""
        body, shown = answer.body, KEY_SHOWN.encode()
        for key in self._bytes:
            body = body.replace(key, shown)
            if answer.truncated:
                body = _without_beginning(body, key) or body
        headers = answer.headers
        if any(text in value for _, value in headers for text in self._texts):
            headers = tuple((name, self._clean(value)) for name, value in headers)
        if body is answer.body and headers is answer.headers:
            return answer
        return replace(answer, body=body, headers=headers)

    def _clean(self, value: str) -> str:
        for text in self._texts:
            value = value.replace(text, KEY_SHOWN)
        return value


def _without_beginning(body: bytes, key: bytes) -> bytes | None:
    """A body that was cut within the key: what came of it goes too. None: it was not."""
    for length in range(len(key) - 1, SHORTEST_KEY - 1, -1):
        if body.endswith(key[:length]):
            return body[:-length] + KEY_SHOWN.encode()
    return None


def _spellings(key: str) -> Iterator[str]:
    """As it is, percent-encoded, in the escapes of JSON or HTML, in Base64."""
    encoded = {quote(key, safe=""), quote(key), quote_plus(key)}
    yield from (key, *encoded, *(_HEX.sub(lambda found: found[0].lower(), text) for text in encoded))
    yield from (json.dumps(key)[1:-1], json.dumps(key)[1:-1].replace("/", "\\/"), html.escape(key))
    for shape in ("\\u{:04x}", "\\u{:04X}"):  # as .NET and others write what is neither letter nor digit in JSON
        yield "".join(char if char.isalnum() else shape.format(ord(char)) for char in key)
        kept = "-_.~/= "
        yield "".join(char if char.isalnum() or char in kept else shape.format(ord(char)) for char in key)
    yield base64.b64encode(key.encode()).decode("ascii").rstrip("=")

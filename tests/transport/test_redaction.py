"""Our key in what a provider sends: gone, however it is written, and nothing else with it."""

from __future__ import annotations

import base64
import gzip
import html
import json
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.domain.model import Answer
from runner.domain.provider import Auth
from runner.transport.redaction import KeyFilter
from tests.transport.conftest import KEY, Connect, ask
from tests.transport.rude import Exchange, rude

ODD_KEY = 'canary/key+"0"&<not real>'
WAYS = [
    str,
    quote_plus,
    lambda text: quote(text, safe=""),
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    html.escape,
    quote,
    lambda text: quote(text).replace("%2B", "%2b").replace("%3C", "%3c").replace("%3E", "%3e"),
    lambda text: (
        text.replace("+", "\\u002B")
        .replace('"', "\\u0022")
        .replace("&", "\\u0026")
        .replace("<", "\\u003C")
        .replace(">", "\\u003E")
    ),
    lambda text: "".join(char if char.isalnum() else f"\\u{ord(char):04x}" for char in text),
    lambda text: base64.b64encode(text.encode()).decode(),
]


@pytest.mark.parametrize("way", WAYS)
def test_a_key_is_found_in_every_spelling(way) -> None:
    """Raw, percent-encoded, in the escapes of JSON (PHP's too) or HTML, in Base64; in body and headers."""
    written = way(ODD_KEY)
    given = Answer(status=400, headers=(("x-echo", f"<{written}>"),), body=f'{{"e": "bad key {written}"}}'.encode())
    answer = KeyFilter([ODD_KEY]).clean(given)
    assert written.rstrip("=").encode() not in answer.body
    assert answer.body.startswith(b'{"e": "bad key [key]')
    assert answer.headers[0][1].startswith("<[key]")


def test_a_key_at_the_cut_of_a_body_is_found() -> None:
    """A body that ends at the cap, within the key, gives no part of it away that could be of use."""
    for length in range(8, len(KEY)):
        cut = Answer(status=200, body=b"<html>" + KEY[:length].encode(), truncated=True)
        assert KeyFilter([KEY]).clean(cut).body == b"<html>[key]"
    whole = Answer(status=200, body=b"<html>" + KEY[:20].encode())
    assert KeyFilter([KEY]).clean(whole) is whole


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_all_else_of_an_answer_stays(before: bytes, after: bytes) -> None:
    """Only the key goes; an answer without it is not even copied, and a word too short to be a key is left alone."""
    keys = KeyFilter([KEY, "abc", ""])
    plain = Answer(status=200, body=before + after)
    if KEY.encode() not in plain.body:
        assert keys.clean(plain) is plain
        assert keys.clean(Answer(body=before + KEY.encode() + after)).body == before + b"[key]" + after


async def _parrot(exchange: Exchange) -> None:
    """Answers with everything it was sent, as a page for developers might."""
    said = gzip.compress(exchange.head + b"\n" + exchange.body)
    echo = exchange.head.split(b"\r\n")[0].decode("latin-1")
    key = exchange.header("x-api-key") or exchange.header("authorization") or "none"
    head = f"HTTP/1.1 500 Oops\r\nx-line: {echo}\r\nx-key: {key}\r\ncontent-encoding: gzip\r\n"
    await exchange.write(f"{head}content-length: {len(said)}\r\n\r\n".encode() + said)


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["header", "bearer", "basic", "query"])
async def test_a_provider_that_echoes_the_key_gets_none_of_it_stored(connect: Connect, kind) -> None:
    """Whichever way it travels: what leaves the transport, to be stored and shown, does not hold it."""
    async with rude(_parrot) as server, connect(server.url, auth=Auth(kind=kind, name="api-user")) as transport:
        answer = await ask(transport)
    token = base64.b64encode(f"api-user:{KEY}".encode()).decode()
    seen = answer.body.decode() + repr(answer.headers)
    assert answer.status == 500
    assert "[key]" in seen
    assert "someone%40example.com" in seen
    for secret in (KEY, urlencode({"api-user": KEY}), token, token.rstrip("=")):
        assert secret not in seen
    assert KEY not in repr(transport) + repr(vars(transport)["_keys"])

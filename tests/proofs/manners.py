"""Servers with bad manners: connections closed while idle, bombs, drips, bodies without end, pages in place of JSON."""

from __future__ import annotations

import asyncio
import base64
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qs

from anyio.from_thread import start_blocking_portal

from tests.proofs.place import NO_LIMITS, RUN, Place, Windows, draw, holds, people, same
from tests.sandbox.process import Sandbox, sandbox
from tests.transport.rude import Exchange, Rude, polite, rude

CAP_BYTES = 1024 * 1024
TIMEOUT_SECONDS = 0.5
MORE_MEMORY_MB = 16.0
HTML = b"<html><body>Maintenance</body></html>"
CUT_AT = 200  # of what is compared of a stored body


def idle_closes(folder: Path, *, seed: int, rows: int, idle_seconds: float, limits: Windows, rate: str) -> str:
    """A server that closes idle connections at random moments: at a low rate no request is ever in doubt.

    Loopback is too quick for a request to cross a close by chance, so the server sees to it: whatever comes second on
    a connection finds it closed just then.
    """
    with _closing(idle_seconds, draw(seed)) as books:
        place = Place(folder, books.url, limits=limits)
        place.write_list(people(rows))
        done = place.runner(*RUN, "--rate", rate, "--json", "-q", seconds=300)
        same(f"exit code, with {done.err}", done.code, 0)
        outcomes = done.status["outcomes"]
        same("succeeded, in doubt", (outcomes["succeeded"], outcomes["in_doubt"]), (rows, 0))
        seen = [parse_qs(request.body.decode())["email"][0] for request in books.requests]
        same("requests", sorted(seen), sorted(people(rows)))
    return f"{rows} requests at {rate}, idle connections closed within {idle_seconds:g} s: 0 in doubt"


@contextmanager
def _closing(idle_seconds: float, chance: Random) -> Iterator[Rude]:
    used: set[int] = set()

    async def script(exchange: Exchange) -> bool | None:
        if exchange.connection in used:
            return False
        used.add(exchange.connection)
        await polite(exchange)
        asyncio.get_running_loop().call_later(chance.uniform(0.0, idle_seconds), exchange.writer.close)
        return None

    with start_blocking_portal() as portal, portal.wrap_async_context_manager(rude(script)) as books:
        yield books


def bad_answers(folder: Path, *, seed: int, rounds: int, unpacked_bytes: int) -> str:
    """What cannot be read is stored, bounded, in doubt; the run goes on, in no more memory than without; exit 3."""
    bombs = _bombs(unpacked_bytes)
    chance, bad, most = draw(seed), _bad(*bombs), 0.0
    with sandbox(limits=NO_LIMITS, seed=seed) as world:
        usual = _usual_memory(folder / "usual", world)
        for number in range(rounds):
            names = chance.sample(sorted(bad), len(bad))
            place = Place(folder / str(number), world.url, in_flight=1, timeout=TIMEOUT_SECONDS)
            # A good answer before and after each: these are bad answers, not an outage.
            place.write_list(people(2 * len(names) + 1))
            world.next([{}, *(one for name in names for one in (bad[name], {}))])
            with place.process(*RUN, "--json", "-q") as process:  # one whose memory is its own
                done = process.wait()
            same(f"exit code, with {done.err}", done.code, 3)
            outcomes = done.status["outcomes"]
            same("in doubt, succeeded", (outcomes["in_doubt"], outcomes["succeeded"]), (len(names), len(names) + 1))
            _check_stored(place, names, twice=bombs[1])
            more = (done.peak_bytes - usual) / 1e6
            most = max(most, more)
            holds(f"{more:.1f} MB more than a run of good answers", more < MORE_MEMORY_MB)
    what = f"{', '.join(sorted(bad))} (the bomb: {len(bombs[1])} bytes for {unpacked_bytes >> 20} MiB)"
    return f"{rounds} x {what}: stored, in doubt, exit 3, {most:.1f} MB more memory at most"


def _usual_memory(folder: Path, world: Sandbox) -> int:
    place = Place(folder, world.url, in_flight=1)
    place.write_list(people(11))
    with place.process(*RUN, "-q") as process:
        done = process.wait()
    same("exit code of the run of good answers", done.code, 0)
    return done.peak_bytes


def _bombs(unpacked_bytes: int) -> tuple[bytes, bytes]:
    """So much of nothing, packed once and twice: a thousandth, and next to nothing."""
    packing, piece = zlib.compressobj(9, wbits=31), bytes(1 << 20)
    once = b"".join([packing.compress(piece) for _ in range(unpacked_bytes >> 20)] + [packing.flush()])
    again = zlib.compressobj(9, wbits=31)
    return once, again.compress(once) + again.flush()


def _bad(once: bytes, twice: bytes) -> dict[str, dict[str, Any]]:
    """By name what the server does. Each was charged: it may be a paid answer."""
    return {
        "bomb": _answer(twice, "gzip, gzip"),
        "bomb in one coding": _answer(once, "gzip"),
        "drip": {"manner": "drip", "charged": True},
        "endless body": {"manner": "endless", "charged": True},
        "HTML with 200": _answer(HTML),
        "no answer": {"manner": "hang", "charged": True},
    }


def _answer(body: bytes, coding: str | None = None) -> dict[str, Any]:
    headers = {} if coding is None else {"content-encoding": coding}
    return {"answer": {"headers": headers, "body_base64": base64.b64encode(body).decode()}, "charged": True}


def _check_stored(place: Place, names: list[str], *, twice: bytes) -> None:
    """Bytes as they came, up to the cap; nothing where nothing came in time."""
    expected = {
        "bomb": (200, None, 1, len(twice), twice[:CUT_AT]),
        "bomb in one coding": (200, None, 1, CAP_BYTES, bytes(CUT_AT)),
        "drip": (None, "no-answer", 0, 0, b""),
        "endless body": (200, None, 1, CAP_BYTES, bytes(CUT_AT)),
        "HTML with 200": (200, None, 0, len(HTML), HTML),
        "no answer": (None, "no-answer", 0, 0, b""),
    }
    stored = place.query(
        f"SELECT a.http_status, a.fault, coalesce(n.truncated, 0), coalesce(length(n.body), 0), "
        f"coalesce(substr(n.body, 1, {CUT_AT}), x'') FROM v_attempts AS a LEFT JOIN answers AS n "
        "ON n.attempt = a.attempt WHERE a.debited = 'unknown' ORDER BY a.attempt"
    )
    for name, found in zip(names, stored, strict=True):
        same(f"stored of {name}", found, expected[name])

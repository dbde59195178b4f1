"""A provider's free call: is it there, and does its clock agree with ours? Sent without the key, to its own address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Final

from runner.domain.model import MILLION, Answer, Fault
from runner.domain.provider import Auth, Operation, Provider
from runner.engine.ports import Clock, Transport
from runner.system import drive
from runner.work.findings import Finding, ok, problem, warning
from runner.work.session import Session

SECONDS: Final = 5.0
SKEW_SECONDS: Final = 60


def ask_health(provider: Provider, session: Session) -> list[Finding]:
    """One request to the profile's `health`, and what its answer says; nothing where the profile names none."""
    path = provider.http.health
    if path is None:
        return []
    # Without auth, client id and the like: a stranger may be listening where a profile was mistyped.
    http = replace(provider.http, auth=Auth(kind="none"), client_request_id=None, timeout_seconds=SECONDS)
    bare = replace(provider, http=http)
    operation = Operation(
        provider=provider.name, name="health", column_prefix="", method="GET", path=path, inputs=(), safe=True
    )
    answer, seconds = drive(partial(_ask, session.anonymous_transport(bare), operation, session.clock))
    return list(read_health(provider, answer, seconds=seconds, now_us=session.clock.now_us()))


async def _ask(transport: Transport, operation: Operation, clock: Clock) -> tuple[Answer, float]:
    begun = clock.monotonic()
    try:
        answer = await transport.send(transport.prepare(operation, {}, attempt_id="doctor"))
    finally:
        await transport.aclose()
    return answer, clock.monotonic() - begun


def read_health(provider: Provider, answer: Answer, *, seconds: float, now_us: int) -> Iterator[Finding]:
    """What an answer to the free call says of the provider, the way there and this machine's clock. Pure."""
    url = f"{provider.http.base_url}{provider.http.health}"
    match answer.fault, answer.status:
        case None, int(status) if status < 300:
            yield ok(provider.name, f"answers in {seconds:.1f} s (GET {url}, without the key)")
        case None, status:
            text = f"answers HTTP {status} to GET {url}: it may have trouble of its own"
            yield warning(provider.name, text, fix="wait a while, or see its status page")
        case Fault.TLS, _:
            yield problem(provider.name, f"{answer.detail} ({url})", fix=_TLS_FIX)
        case _:
            text = f"cannot be reached at {url}: {answer.detail}"
            yield problem(provider.name, text, fix=f"check the network: curl -I {url}")
    skew = skew_seconds(answer, now_us=now_us)
    if skew is None:
        return
    if abs(skew) > SKEW_SECONDS:
        side = "ahead of" if skew > 0 else "behind"
        text = f"this machine is {abs(skew):.0f} s {side} {provider.title}: waits that are given as a date go wrong"
        yield warning("clock", text, fix="set this machine's clock, e.g.: timedatectl set-ntp true")
    else:
        yield ok("clock", f"agrees with {provider.title}'s")


_TLS_FIX: Final = (
    "check base_url and this machine's clock; a proxy that re-signs traffic must be trusted by this system"
)


def skew_seconds(answer: Answer, *, now_us: int) -> float | None:
    """How far this machine's clock is ahead of the answer's Date header; None where there is none to be read."""
    try:
        theirs = parsedate_to_datetime(answer.header("date") or "").timestamp()
    except (ValueError, OverflowError):
        return None
    return now_us / MILLION - theirs

"""The transport port with the world behind it: requests are rendered by the real templates and posted to the world;
what comes back is awaited, and comes whether or not anybody still waits."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

from runner.domain.model import Answer, Request
from runner.domain.provider import Operation
from runner.engine.wire import Arrived, unheard
from runner.sandbox.calls import Call, recognise
from runner.settings import Secret
from runner.transport.template import render
from tests.simulation.exchange import Exchange
from tests.simulation.options import Episode
from tests.simulation.process import Process, SimClock
from tests.simulation.world import Account


class SimTransport:
    """One life's wire to one account."""

    def __init__(self, account: Account, process: Process, machine: SimClock, secret: Secret | None) -> None:
        self._account = account
        self._process = process
        self._machine = machine
        self._key = None if secret is None else secret.reveal()

    def prepare(self, operation: Operation, params: Mapping[str, str], *, attempt_id: str) -> Request:
        """As the real one."""
        return render(self._account.provider.http, operation, params, attempt_id=attempt_id)

    async def send(self, request: Request, *, arrived: Arrived = unheard) -> Answer:
        """Post it to the world, and wait for what comes, at most the time limit: the world keeps it."""
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        account, process = self._account, self._process
        sighting = recognise(account.provider, _call(request))
        entry = process.sending(account, request, sighting)

        def deliver(answer: Answer) -> None:
            if process.dead or answered.done():
                return
            entry.told_at, entry.told = account.axis.now, answer
            answered.set_result(answer)

        def arrive() -> None:
            if not process.dead and not answered.done() and not self._machine.put_off(arrive):
                entry.heard_at = account.axis.now
                arrived()

        Exchange(account, entry, sighting, key=self._key, machine=self._machine, deliver=deliver, arrive=arrive).begin()
        answer = await answered
        process.told(entry)
        return answer

    def forget_idle(self) -> None:
        """No connection is kept."""

    async def knock(self) -> str | None:
        """As long as two legs of a request take; nobody is there in an outage. In no books: it is free."""
        account = self._account
        night = self._process.night
        night.met["a knock"] += 1
        await asyncio.sleep(2 * account.plan.latency_seconds * 0.1)
        if account.episode(Episode.OUTAGE) is None:
            return None
        night.met["a knock that nobody answers"] += 1
        return "nobody answers"

    async def aclose(self) -> None:
        """Nothing to close."""


def _call(request: Request) -> Call:
    parts = urlsplit(request.url)
    return Call(
        method=request.method,
        target=parts.path + (f"?{parts.query}" if parts.query else ""),
        headers={name.lower(): value for name, value in request.headers},
        body=request.body,
    )

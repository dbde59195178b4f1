"""Everybody who is told by `[notify]`, and a folder whose runs tell them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio

from runner.domain.model import Answer, Fault
from runner.settings import Secret
from runner.work.results import RunResult
from tests.app.place import QUICK, Place, emails

HOOK = "https://hooks.example.com/secret-path-not-real"
PING = "https://ping.example.com/secret-uuid-not-real"
TOLD = f'[notify]\nwebhook = "{HOOK}"\n'
SLOW = "[providers.defastra]\nlimits = [{ at_most = 1, per_seconds = 10 }]\n"
SWITCH = f'{QUICK}[notify]\nping_url = "{PING}"\n'
OK = Answer(status=200)


class Receiver:
    """Everybody who is told: keeps what came and answers as it is made to."""

    def __init__(self, answer: Callable[[], Answer] = lambda: OK, *, seconds: float = 0.0) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.pings: list[str] = []
        self.answer = answer
        self.seconds = seconds

    async def __call__(self, url: Secret, body: bytes | None) -> Answer:
        """One message."""
        if body is None:
            self.pings.append(url.reveal().removeprefix(PING))
        else:
            assert url.reveal() == HOOK
            self.bodies.append(json.loads(body))
        with anyio.move_on_after(10):  # as the real one
            await anyio.sleep(self.seconds)
            return self.answer()
        return Answer(fault=Fault.NO_ANSWER, detail="no answer came within 10 s")

    @property
    def told(self) -> list[str]:
        """The events, in order."""
        return [body["event"] for body in self.bodies]


def at(folder: Path, receiver: Receiver, *, toml: str = "", **world: Any) -> Place:
    """A folder whose runs tell the receiver."""
    place = Place(folder, toml=toml or QUICK + TOLD, **world)
    place.post = receiver
    return place


def once(place: Place, count: int = 3, **arguments: Any) -> RunResult:
    """Load the list if it is new, and run."""
    with place.runner() as r:
        batch = r.load(place.write_list(emails(count)), ["defastra.email"]).batch
        return place.run(r, batch, **arguments)


def events(place: Place) -> list[tuple[str, dict[str, Any]]]:
    """What is on record of telling."""
    with closing(sqlite3.connect(place.folder / "runner.db")) as connection:
        found = connection.execute("SELECT event, detail FROM v_events WHERE event LIKE 'notify.%' ORDER BY at")
        return [(event, json.loads(detail)) for event, detail in found]

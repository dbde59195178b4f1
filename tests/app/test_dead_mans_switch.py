"""`ping_url`, the dead man's switch: asked from the start of a run to its end, and in that order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from runner.domain.model import Answer
from runner.errors import BusyError
from runner.settings import Secret
from runner.store.locks import lock_database
from tests.app.place import QUICK
from tests.app.receiver import OK, PING, SLOW, SWITCH, Receiver, at, once


def test_a_dead_mans_switch_is_asked_from_start_to_end(tmp_path: Path) -> None:
    """At the start, every five minutes, and at the end."""
    receiver = Receiver()
    place = at(tmp_path, receiver, toml=SWITCH.replace(QUICK, SLOW))
    once(place, 62)
    assert receiver.pings == ["/start", "", "", ""], "ten minutes of work"


@pytest.mark.parametrize(
    ("arguments", "world", "last"),
    [({"limit": 2}, {}, ""), ({}, {"wallet": 2}, "/fail")],
    ids=["a limit of yours", "a halt"],
)
def test_the_end_says_whether_somebody_has_to_act(
    tmp_path: Path, arguments: dict[str, Any], world: dict[str, Any], last: str
) -> None:
    """A limit that was kept is a good end; a halt is not."""
    receiver = Receiver()
    once(at(tmp_path, receiver, toml=SWITCH, **world), 6, **arguments)
    assert receiver.pings == ["/start", last]


def test_a_run_that_finds_nothing_to_do_is_alive(tmp_path: Path) -> None:
    """A schedule that has nothing left to do asks the switch all the same; one behind another run does not."""
    receiver = Receiver()
    place = at(tmp_path, receiver, toml=SWITCH)
    once(place)
    once(place)
    assert receiver.pings == ["/start", "", ""]
    with place.runner() as r, lock_database(r.path, clock=place.time), pytest.raises(BusyError):
        place.run(r, "leads-defastra-email")
    assert receiver.pings == ["/start", "", ""]


def test_a_start_that_is_slow_is_not_overtaken_by_the_end(tmp_path: Path) -> None:
    """Else the switch would take a run that is over for one that never ended."""
    order: list[str] = []

    async def slow(url: Secret, _: bytes | None) -> Answer:
        ending = url.reveal().removeprefix(PING)
        await anyio.sleep(5 if ending else 0)
        order.append(ending)
        return OK

    place = at(tmp_path, Receiver(), toml=SWITCH)
    place.post = slow
    once(place)
    assert order == ["/start", ""]

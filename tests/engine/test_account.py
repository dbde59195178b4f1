"""What batches share and what they do not, piece by piece: turns at the gate, streaks, rows that cannot be sent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import anyio
import pytest

from runner.domain.model import AttemptId, Request
from runner.domain.provider import Limit, Operation
from runner.engine.account import Account
from runner.engine.gate import Pass
from runner.engine.permit import OwnPace
from runner.engine.ports import JobStore, UnsendableError
from runner.engine.realtime import RealTime
from runner.engine.streaks import Streaks
from runner.engine.waiting import Pending
from tests.engine.night import Night
from tests.engine.scripted import ScriptedTransport, changed, provider
from tests.engine.test_history import SCOPE, scope
from tests.virtual import VirtualClock, run_virtual


class Waiting:
    """A lane that only counts how often it is offered the turn."""

    def __init__(self) -> None:
        self.offered = 0
        self.active = 0
        self.wire = Pending(VirtualClock())

    def comes_back(self) -> bool:
        """It has nothing on the wire."""
        return False

    def abandon(self) -> None:
        """There is nothing to leave."""

    def wake(self) -> None:
        """Not counted."""

    def offer_turn(self) -> None:
        """Counted."""
        self.offered += 1

    def follow(self, reason: str, *, shut: bool) -> None:
        """Not counted."""


@pytest.mark.parametrize(("probe", "offered"), [(True, 1), (False, 0)])
def test_a_probe_that_was_not_used_is_the_others_turn(probe: bool, offered: int) -> None:
    """Whoever gives a probe back offers it to the others, not to itself: it would take the same turn again."""

    async def main() -> tuple[int, int]:
        account = Account(provider(), "account", clock=RealTime(VirtualClock()))
        one, other = Waiting(), Waiting()
        account.lanes.extend((one, other))
        account.leave(Pass(probe=probe), one)
        return one.offered, other.offered

    assert run_virtual(main) == (0, offered)


class SlowStore:
    """Knows of nothing that was sent, and takes a second to say so."""

    async def recent(self, account: str, since_us: int, most: int) -> list[int]:
        """Nothing."""
        await anyio.sleep(1)
        return []


@pytest.mark.parametrize("apart", [0.0, 0.5, 2.0])
def test_batches_that_come_to_the_same_pace_share_it(apart: float) -> None:
    """Tuned at once or one after the other, they keep to one throttle: their rate is not twice what was asked for."""

    async def main() -> None:
        account = Account(provider(), "account", clock=RealTime(VirtualClock()))
        store, limits = cast(JobStore, SlowStore()), (Limit(at_most=2, per_seconds=60),)
        one, other = OwnPace(None), OwnPace(None)
        async with anyio.create_task_group() as group:
            group.start_soon(account.repace, one, limits, store)
            await anyio.sleep(apart)
            group.start_soon(account.repace, other, limits, store)
        assert one.throttle is not None
        assert one.throttle is other.throttle

    run_virtual(main)


def test_a_streak_is_of_one_rule_and_one_operation() -> None:
    """Another rule begins a new one; another operation has its own."""
    streaks = Streaks()
    streaks.extend("a.email", "scope", AttemptId(1))
    streaks.extend("a.phone", "scope", AttemptId(2))
    streaks.extend("a.email", "billing", AttemptId(3))
    assert streaks.length("a.email", "scope") == 0
    assert streaks.length("a.email", "billing") == 1
    assert streaks.trip("a.email", "billing") == (AttemptId(3),)
    assert streaks.trip("a.phone", "billing") == ()
    assert streaks.length("a.phone", "scope") == 0


def test_a_row_that_cannot_be_sent_does_not_break_a_streak(tmp_path: Path, monkeypatch: Any) -> None:
    """Its file is gone: the provider said nothing, so the five answers around it are five in a row."""
    prepare = ScriptedTransport.prepare

    def with_a_gap(
        self: ScriptedTransport, operation: Operation, params: Mapping[str, str], *, attempt_id: str
    ) -> Request:
        if params["email"] == "v3":
            raise UnsendableError("the file is gone", reason="file-missing")
        return prepare(self, operation, params, attempt_id=attempt_id)

    monkeypatch.setattr(ScriptedTransport, "prepare", with_a_gap)
    night = Night(
        path=tmp_path / "r.db",
        values=20,
        providers=(changed(scope(), in_flight=1),),
        scripts={"acme": lambda sent: SCOPE},
    )
    assert night.run().lanes[0].state == "halted"
    assert [sent.value for sent in night.sent()] == ["v1", "v2", "v4", "v5", "v6"]
    assert night.states() == {"queued": 19, "failed": 1}

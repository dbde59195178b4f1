"""A live view whose clock is set by what happens, a batch for it, and requests that are over."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from runner.cli.live import LiveProgress
from runner.cli.supervise import tally_of
from runner.domain.model import Action, Amount, BatchId, Debited, JobId
from runner.domain.states import BatchState, JobEvent
from runner.engine.events import AttemptClosed, Event, LaneChanged, RunStarted
from runner.work.money import Cost
from runner.work.outlook import Asked, Lane, Preflight

B = BatchId(1)
SECOND = 1_000_000
CHECK = Cost(unit="check", amount=Decimal(1), money=Decimal("0.02"), currency="EUR", told=True, provider="defastra")
WINDOWS = ((60, 60.0), (2, 1.0))


def plan(batch: str = "leads", requests: int = 200, *providers: str, **changes: Any) -> Preflight:
    """A batch of so many requests to each provider, Defastra unless others are named."""
    lanes = [
        Lane(
            provider=name,
            title=name,
            requests=requests,
            price=None,
            unit="check",
            amount=None,
            seconds=0.0,
            key_present=True,
            key_fix="",
            base_url="",
            windows=WINDOWS,
            asked=(
                Asked(
                    operation=f"{name}.email",
                    unit="check",
                    requests=requests,
                    low=None,
                    likely=None,
                    high=None,
                    one=CHECK,
                ),
            ),
        )
        for name in providers or ("defastra",)
    ]
    figures: dict[str, Any] = {
        "batch": batch,
        "state": BatchState.READY,
        "rows": requests,
        "requests": requests * len(lanes),
        "reused": 0,
        "at_most": requests * len(lanes),
        "caps": (),
        "shared": 0,
        "not_sent": 0,
        "invalid": {},
        "invalid_rows": {},
        "countries": {},
        "seconds": 0.0,
        "now_us": 0,
        "done_us": 0,
        "lanes": tuple(lanes),
        "known": (),
        "changed": {},
        "columns": (),
        "first_time": True,
    }
    return Preflight(**(figures | changes))


class Watched:
    """A live view whose clock is set by what happens. `arguments`: of the run."""

    def __init__(self, *plans: Preflight, **arguments: Any) -> None:
        self.now_us = 0
        tallies = [tally_of(one, arguments) for one in plans]
        self.view = LiveProgress(*tallies, now_us=lambda: self.now_us)
        for number, one in enumerate(plans, start=1):
            self.see(RunStarted(batch=BatchId(number), at_us=0, providers=(), name=one.batch))

    def see(self, *events: Event) -> None:
        """Let them happen, each at its instant."""
        for event in events:
            self.now_us = max(self.now_us, event.at_us)
            self.view(event)

    def lane(self, second: float, state: str, provider: str = "defastra", **more: Any) -> None:
        """A change of a provider."""
        given: dict[str, Any] = {"batch": B, "reason": None, "until_us": None, "rate": "60/60 s, 2/1 s", "in_flight": 5}
        given |= {"windows": WINDOWS} | more
        self.see(LaneChanged(at_us=round(second * SECOND), provider=provider, state=state, **given))

    def answers(self, count: int, *, since: float, each: float, **changes: Any) -> None:
        """So many successes, one after the other."""
        for number in range(1, count + 1):
            self.see(closed(round((since + each * number) * SECOND), job=JobId(number), **changes))

    def shown(self, width: int = 120, lines: int = 24) -> list[str]:
        """What is on the screen."""
        return [line.plain for line in self.view.picture(width, lines)]

    def wait(self, seconds: float) -> None:
        """Nothing happens."""
        self.now_us += round(seconds * SECOND)


def closed(at_us: int, **changes: Any) -> AttemptClosed:
    """A request that is over; a success unless changed."""
    given: dict[str, Any] = {
        "batch": B,
        "provider": "defastra",
        "operation": "defastra.email",
        "job": JobId(1),
        "number": 1,
        "status": 200,
        "fault": None,
        "rule": "success",
        "action": Action.SUCCEED,
        "debited": Debited.YES,
        "amount": Amount(SECOND),
        "unit": "check",
        "event": JobEvent.SUCCEED,
        "seconds": 0.3,
    }
    return AttemptClosed(at_us=at_us, **(given | changes))

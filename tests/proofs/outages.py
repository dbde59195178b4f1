"""An hour's outage at a random moment of a long list, in every shape: no row fails, little is sent, it ends in time.

In virtual time, over the real engine and store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runner.domain.model import Action, Answer, Debited
from runner.domain.provider import Condition, Limit
from runner.engine.events import LaneChanged
from tests.engine.night import Night
from tests.engine.scripted import DOWN, LOST, OK, REFUSED, Sent, changed, rule
from tests.proofs.place import draw, holds

LIMITS = (Limit(at_most=60, per_seconds=60), Limit(at_most=2, per_seconds=1))
IN_FLIGHT = 5
HOUR = 3600.0
TIMEOUT = 30.0
SLACK = 0.02
"""Of the undisturbed time."""
RESENT = rule("down", Action.RETRY, Debited.UNKNOWN, when=Condition(status_classes=frozenset({5})), resend=True)
"""As DFIR Lab says it: after a 5xx it may be asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a provider is down."""

    name: str
    trouble: Answer
    there: bool  # a knock is answered all the same
    last_wait_seconds: float  # the longest that may have just begun when it is back


SHAPES = (
    Shape(name="nobody there", trouble=REFUSED, there=False, last_wait_seconds=45.0),
    Shape(name="connections break", trouble=REFUSED, there=True, last_wait_seconds=45.0),
    Shape(name="HTTP 503", trouble=DOWN, there=True, last_wait_seconds=45.0),
    Shape(name="HTTP 503, health too", trouble=DOWN, there=False, last_wait_seconds=45.0),
    Shape(name="no answer", trouble=LOST, there=True, last_wait_seconds=600.0 + TIMEOUT),
    Shape(name="no answer, health neither", trouble=LOST, there=False, last_wait_seconds=45.0),
)


def outages(
    folder: Path, *, seed: int, rows: int, most: int | None = None, show: Callable[[str], None] | None = None
) -> str:
    """Each shape once (or `most`, drawn).

    Violated by a failed row, by more requests than there were waits (beside those in flight and the
    five that open the circuit), and by an end that is later than the outage, its last wait and 2 % make it."""
    chance = draw(seed)
    undisturbed = _night(folder / "calm.db", rows, None, 0.0).sent()[-1].at
    said = [f"{rows:,} rows, undisturbed {undisturbed:,.0f} s"]
    shapes = SHAPES if most is None else chance.sample(SHAPES, most)
    for number, shape in enumerate(shapes):
        begins = chance.uniform(0.02, 0.9) * undisturbed
        said.append(_judge(_night(folder / f"{number}.db", rows, shape, begins), shape, begins, undisturbed))
        if show is not None:
            show(said[-1])
    return "; ".join(said)


def _night(path: Path, rows: int, shape: Shape | None, begins: float) -> Night:
    def is_down(at: float) -> bool:
        return shape is not None and begins < at < begins + HOUR

    def script(sent: Sent) -> Answer:
        return shape.trouble if shape is not None and is_down(sent.at) else OK

    night = Night(
        path=path,
        values=rows,
        providers=(changed(RESENT, in_flight=IN_FLIGHT, limits=LIMITS),),
        scripts={"acme": script},
        doors={"acme": lambda at: "nobody answers" if shape is not None and not shape.there and is_down(at) else None},
        timeout=TIMEOUT,
    )
    night.run()
    return night


def _judge(night: Night, shape: Shape, begins: float, undisturbed: float) -> str:
    ends = begins + HOUR
    sent = [one.at for one in night.sent()]
    during = [at for at in sent if begins < at < ends]
    waits = {one.until_us for one in night.events if isinstance(one, LaneChanged) and one.state == "circuit"}
    states = night.states()
    late = sent[-1] - undisturbed - HOUR
    named = f"{shape.name} from {begins:,.0f} s on"
    holds(f"{named}: {dict(states)}", not states["failed"] and not states["queued"])
    holds(
        f"{named}: {states['in_doubt']} in doubt", states["in_doubt"] <= (len(during) if shape.trouble is LOST else 0)
    )
    most = IN_FLIGHT + 5 + (len(waits) if shape.there else 0)
    holds(f"{named}: {len(during)} requests, {len(waits)} waits", len(during) <= most)
    allowed = max(SLACK * undisturbed, shape.last_wait_seconds)
    holds(f"{named}: ends {late:.0f} s late, {allowed:.0f} allowed", late <= allowed)
    return (
        f"{named}: {len(during)} requests during it ({len(waits)} waits), {states['in_doubt']} in doubt, "
        f"0 failed, ends {late:+.0f} s ({late / undisturbed:+.1%})"
    )

"""Before a probe that follows failures: is anybody there? Asked for free, so that an outage costs no paid request."""

from __future__ import annotations

from runner.engine.consequences import halt
from runner.engine.gate import Pass
from runner.engine.halts import OWN_ADVICE, PROVIDER_DOWN, UNREACHABLE
from runner.engine.lane import Lane
from runner.engine.ports import LaneReport


async def knock(lane: Lane, leave: Pass) -> bool:
    """Whether the probe may go. If nobody answers, its leave is over and the lane waits on; likewise where the lane
    shut or the run stopped meanwhile, which ends the wait at once: nothing that is paid for is under way.

    A `health` call has its place in the account's windows, since nobody says that it is free of limits.
    """
    throttle = lane.throttle if lane.provider.http.health is not None else None
    if throttle is not None and not await lane.queue(throttle.acquire):
        lane.leave(leave)
        return False
    said: list[str | None] = []

    async def ask() -> None:
        said.append(await lane.transport.knock())

    try:
        over = await lane.queue(ask)
    finally:
        if throttle is not None:
            throttle.finish()
    nobody = said[0] if over else None
    if nobody is not None:
        _wait_on(lane, leave, nobody)
    elif over and lane.may_send(leave):
        lane.gate.knocked(lane.shared.clock.monotonic())
        return True
    else:
        lane.leave(leave)
    return False


def _wait_on(lane: Lane, leave: Pass, said: str) -> None:
    """As after a failed probe, but that nothing was sent; told to all batches on the account."""
    account, shared = lane.account, lane.shared
    account.unreachable = said
    give_up = lane.gate.unreachable(leave, now=shared.clock.monotonic(), chance=shared.randomness.uniform())
    if give_up:
        halt(lane, _report(lane, said))
    for other in tuple(account.lanes):
        other.follow(UNREACHABLE, shut=give_up)


def _report(lane: Lane, said: str) -> LaneReport:
    return LaneReport(
        batch=lane.shared.batch,
        provider=lane.provider.name,
        state="halted",
        reason=PROVIDER_DOWN,
        code=UNREACHABLE,
        message=said,
        advice=OWN_ADVICE[PROVIDER_DOWN],
        at_us=lane.shared.clock.now_us(),
        probe_same_job=False,
    )

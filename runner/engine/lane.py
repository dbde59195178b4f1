"""One batch at work on one provider account: its feed, caps and reports; waiting, waking and telling."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable
from dataclasses import replace

from runner.domain.decide import Shut
from runner.domain.provider import Operation, Provider
from runner.engine.account import Account
from runner.engine.events import LaneChanged
from runner.engine.feed import Feed, ahead
from runner.engine.gate import Pass
from runner.engine.halts import UNREACHABLE
from runner.engine.permit import OwnPace, Permit
from runner.engine.ports import Claim, LaneReport, Transport
from runner.engine.shared import Shared
from runner.engine.telling import lane_changed
from runner.engine.throttle import Flight, Throttle
from runner.engine.waiting import Waiting


class Lane(Waiting):
    """A halted or parked lane never stops the others."""

    def __init__(
        self,
        provider: Provider,
        operations: dict[str, Operation],
        *,
        shared: Shared,
        transport: Transport,
        throttle: Throttle,
        own: OwnPace,
        account: Account,
        workers: int,
    ) -> None:
        super().__init__(shared.clock, workers=workers)
        self.provider = provider
        self.operations = operations
        self.shared = shared
        self.transport = transport
        self.throttle = throttle  # the account's
        self.own = own  # slower, of this batch
        self.account = account
        self.gate = account.gate
        self.idle = False  # nothing queued, nothing in flight
        self.limited = False
        self.stop_reason: str | None = None  # why this lane is done before its jobs are
        self.resume_at_us: int | None = None  # when that is over by itself
        self.own_halt: LaneReport | None = None  # a matter of this batch alone: too many of its jobs failed
        self._halted_before: LaneReport | None = None
        self._over: str | None = None  # "done" or "halted", whatever becomes of the account
        self._reported: tuple[object, ...] = ()
        self._reports: deque[tuple[Awaitable[None], LaneChanged | None]] = deque()
        self.ended = 0
        self.failed = 0
        claim = Claim(
            run=shared.run,
            batch=shared.batch,
            operations=tuple(operations),
            limit=ahead(workers),
            now_us=0,
            lease_until_us=0,
        )
        self.feed = Feed(shared.store, claim, clock=shared.clock, asked=shared.asked, retries=account.retries)

    @property
    def closed(self) -> str | None:
        """ "halted", "parked" or "done": for the rest of the run. A halt outranks a wait."""
        return self._over or self.gate.closed

    # --- starting, waiting, waking ---------------------------------------------------------------------------------

    def resume(self, last: LaneReport | None, asked: LaneReport | None) -> None:
        """Take up where the last run left this lane: halted (probe first), parked or gated (not before its time).
        `asked`: the longest wait the account has still to keep to, told to whatever batch."""
        if last is not None and last.state == "halted":
            self._halted_before = last
        elif last is not None and last.state in ("parked", "gated", "done"):
            self._keep_to(last, parked=last.state == "parked")
        if asked is not None:
            self._keep_to(asked)

    def _keep_to(self, wait: LaneReport, *, parked: bool = False) -> None:
        if wait.asked_until_us is None:
            return
        account = self.account
        if account.pause_reason is None and wait.state in ("parked", "gated"):
            account.pause_reason, account.pause_code = wait.reason, wait.code
        seconds = max(0.0, (wait.asked_until_us - self.shared.clock.now_us()) / 1e6)
        self.gate.start_gated(self.shared.clock.monotonic() + seconds, refusals=1)
        if seconds > self.shared.options.max_wait_seconds or (parked and seconds > 0):
            account.parked_until_us = max(account.parked_until_us or 0, wait.asked_until_us)
            self.gate.close("parked")

    def resume_halt(self) -> None:
        """The last run was halted: only a success opens the gate. A halt of this batch's own must not shut it for the
        others at work; then it begins as they do, with one request. Call it when all lanes are on the account."""
        last = self._halted_before
        if last is not None and (not last.own or self.account.lanes == [self]):
            self.gate.start_after_halt(last.job, last.operation, same_job=last.probe_same_job)

    def stopped(self) -> bool:
        """Nothing may leave any more in this run."""
        return self.shared.stop.reason is not None or self.closed is not None

    def leave(self, leave: Pass) -> None:
        """Nothing was sent after all."""
        self.account.leave(leave, self)

    def may_send(self, leave: Pass) -> bool:
        """The second look, before and after the commit that opens an attempt."""
        if self.shared.stop.reason is not None or self.own_halt is not None:
            return False
        return self.gate.may_go(leave, self.shared.clock.monotonic())

    def comes_back(self) -> bool:
        """Whether a request is on the wire within its deadline."""
        seconds = self.wire.latest_seconds
        return seconds is not None and seconds <= self.provider.http.timeout_seconds

    def flight(self, permit: Permit) -> Flight:
        """A request that was let through, for its throttles to be told what becomes of it."""
        return self.own.flight(self.throttle, permit, self.account.margin)

    def staff(self, workers: int) -> None:
        """So many requests at once from now on: see `surplus`; who is missing has to be hired."""
        self.workers = workers
        self.feed.resize(ahead(workers))

    # --- ending -------------------------------------------------------------------------------------------------------

    def cap(self, reason: str, *, resume_at_us: int | None = None) -> None:
        """A limit the user set: this lane takes nothing more in this run; what has its place under the caps already
        goes. `resume_at_us`: when there is room again by itself."""
        if self.closed is None:
            self.stop_reason, self.resume_at_us = reason, resume_at_us
            self._end("done", reason)
            self.shared.finish_when_idle()

    def finish(self) -> None:
        """No job is left."""
        if self.closed is None:
            self._end("done", None)

    def give_up(self, report: LaneReport) -> None:
        """A halt that concerns this batch alone."""
        if self._over is None:
            self.own_halt = replace(report, own=True)
            self._end("halted", report.reason)

    def _end(self, how: str, reason: str | None) -> None:
        self._over = how
        self.report(reason)
        self.interrupt()

    # --- telling ---------------------------------------------------------------------------------------------------

    def state(self) -> str:
        """open, limited, gated, circuit, parked, halted or done: what `status` shows."""
        if self.closed is not None:
            return self.closed
        if self.gate.shut is None:
            return "limited" if self.limited else "open"
        if self.gate.shut is Shut.PAUSE:
            return "gated"
        waiting = self.gate.until > self.shared.clock.monotonic()
        return "circuit" if self.gate.shut is Shut.CIRCUIT or waiting else "open"

    def snapshot(self, reason: str | None) -> LaneReport:
        """The lane as a report, now; with its pace, which the next run keeps to, a halt in between or not."""
        adaptation = self.account.adaptation
        return replace(self._standing(reason), rate=self.rate(), share=adaptation.share, found=adaptation.found)

    def _standing(self, reason: str | None) -> LaneReport:
        halt, state, asked_until_us = self.halt(), self.state(), self.account.asked_until()
        now_us = self.shared.clock.now_us()
        if halt is not None:
            return replace(halt, until_us=asked_until_us, asked_until_us=asked_until_us, asked_at_us=now_us)
        until_us, code = self.account.parked_until(), None
        if state in ("gated", "circuit"):
            seconds = self.gate.until - self.shared.clock.monotonic()
            until_us = now_us + round(max(0.0, seconds) * 1e6)
        if state in ("gated", "parked"):
            reason, code = self.account.pause_reason, self.account.pause_code
        elif state != "circuit":
            until_us, reason = asked_until_us, self.stop_reason
        unreachable = state == "circuit" and reason == UNREACHABLE
        return LaneReport(
            batch=self.shared.batch,
            provider=self.provider.name,
            state=state,
            reason=reason,
            until_us=until_us,
            asked_until_us=asked_until_us,
            asked_at_us=now_us,
            in_flight=self.workers,
            code=code,
            message=self.account.unreachable if unreachable else None,
            at_us=now_us,
        )

    def follow(self, reason: str, *, shut: bool) -> None:
        """What an answer did to the account, to this batch: told, and those who wait look again."""
        self.report(reason)
        if shut or self.closed is not None:
            self.interrupt()
            self.shared.finish_when_idle()
        else:
            self.wake()

    def halt(self) -> LaneReport | None:
        """Why nothing more leaves until a person acts. What another batch was told holds here too; its job does not."""
        told = self.account.halt
        if self.own_halt is not None or told is None or self._over is not None:
            return self.own_halt
        if told.batch == self.shared.batch and told.provider == self.provider.name:
            return told
        return replace(told, batch=self.shared.batch, provider=self.provider.name, job=None, operation=None)

    def rate(self) -> str | None:
        """The limits in words: "60/60 s, 2/1 s at 70 %"."""
        return self.account.adaptation.in_words(self.own.limits)

    def report(self, reason: str | None) -> None:
        """Store and tell the lane's state if it changed."""
        until = self.gate.until if self.gate.shut is not None else 0.0
        key: tuple[object, ...] = (self.state(), until, self.rate(), self.workers, self.gate.asked_until)
        if self._over is not None:  # what others are told is no news of this batch, but for a wait it has to keep later
            key = (self._over, self.gate.asked_until)
        unproved = self.closed is None or self.stop_reason is not None
        if self.gate.shut is Shut.HALT and unproved and self.halt() is None:
            self._keep_halt()
            return
        if key == self._reported:
            return
        self._reported = key
        report, now_us = self.snapshot(reason), self.shared.clock.now_us()
        stored = self.shared.store.report_lane(report, self.shared.run, now_us)
        limits = (*self.throttle.limits, *self.own.limits)
        event = lane_changed(report, at_us=now_us, slowed=self.account.adaptation.slowed, limits=limits)
        self._reports.append((stored, event))

    def _keep_halt(self) -> None:
        """A halt stays on record until a success lifts it, whatever happens to this run; with it what the provider
        asked for meanwhile."""
        asked_until_us, halted = self.account.asked_until(), self._halted_before
        if asked_until_us is None or self._reported == (Shut.HALT, self.gate.asked_until):
            return
        self._reported = (Shut.HALT, self.gate.asked_until)
        now_us = self.shared.clock.now_us()
        report = self.snapshot(None) if halted is None else replace(halted, until_us=asked_until_us)
        report = replace(report, asked_until_us=asked_until_us, asked_at_us=now_us)
        self._reports.append((self.shared.store.report_lane(report, self.shared.run, now_us), None))

    async def flush_reports(self) -> None:
        """Tell observers what is stored by now. Never interrupted: what was taken is told."""
        while self._reports and not self.abandoned:
            stored, event = self._reports.popleft()
            with self.shielded():
                await self.shared.asked.on(stored)
            if event is not None:
                self.shared.observer(event)

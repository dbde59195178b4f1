"""One provider account at work within a run: its gate, throttle and feed, and what each answer means for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio

from runner.domain.backoff import gate_wait, next_utc_midnight, parse_retry_after
from runner.domain.decide import Decision, LaneMove, Shut
from runner.domain.ledger import Budget
from runner.domain.model import Answer, BatchId, Fault, Job, RunId, Verdict
from runner.domain.provider import Operation, Provider
from runner.domain.states import JobEvent
from runner.engine.events import LaneChanged
from runner.engine.feed import Feed
from runner.engine.gate import REFUSALS_TO_HALT, Gate, Pass
from runner.engine.ports import Claim, Clock, JobStore, LaneReport, Observer, Randomness, RunOptions, Transport
from runner.engine.stop import StopSignal
from runner.engine.throttle import Throttle

HOURLY_SECONDS = 3600.0
JOBS_TO_JUDGE = 50


@dataclass(slots=True, kw_only=True)
class Shared:
    """What all lanes of a run have in common."""

    run: RunId
    batch: BatchId
    store: JobStore
    clock: Clock
    randomness: Randomness
    options: RunOptions
    budget: Budget
    stop: StopSignal
    observer: Observer
    proven: set[str] = field(default_factory=set)  # operations with a success in the batch
    opened: set[int] = field(default_factory=set)  # jobs, kept only where --limit counts them
    lanes: list[Lane] = field(default_factory=list)

    def finish_when_idle(self) -> None:
        """A lane without work waits for more as long as another lane works; then all are done together."""
        if all(lane.idle or lane.gate.closed is not None for lane in self.lanes):
            for lane in self.lanes:
                lane.finish()

    def limit_reached(self, job: Job) -> bool:
        """Whether `--limit` has no room for this job."""
        limit = self.options.limit
        return limit is not None and job.id not in self.opened and len(self.opened) >= limit


class Lane:
    """A halted or parked lane never stops the others."""

    def __init__(
        self,
        provider: Provider,
        operations: dict[str, Operation],
        *,
        shared: Shared,
        transport: Transport,
        throttle: Throttle,
        account: str,
        workers: int,
    ) -> None:
        self.provider = provider
        self.operations = operations
        self.shared = shared
        self.transport = transport
        self.throttle = throttle
        self.account = account
        self.workers = workers
        self.gate = Gate()
        self.active = 0  # jobs between taken and settled
        self.idle = False  # nothing queued, nothing in flight
        self.limited = False
        self.stop_reason: str | None = None  # why this lane is done before its jobs are
        self._halt_report: LaneReport | None = None
        self._parked_until_us: int | None = None
        self._pause_reason: str | None = None
        self._reported: tuple[object, ...] = ()
        self._sleepers: set[anyio.CancelScope] = set()
        self._queued: set[anyio.CancelScope] = set()
        self._reports: deque[tuple[Awaitable[None], LaneChanged]] = deque()
        self._ended = 0
        self._failed = 0
        claim = Claim(
            run=shared.run,
            batch=shared.batch,
            operations=tuple(operations),
            limit=max(2, 2 * workers),
            now_us=0,
            lease_until_us=0,
        )
        self.feed = Feed(shared.store, claim, clock=shared.clock)

    # --- starting, waiting, waking ---------------------------------------------------------------------------------

    def resume(self, last: LaneReport | None) -> None:
        """Take up where the last run left this lane: halted (probe first), parked or gated (not before its time)."""
        if last is None:
            return
        now_us = self.shared.clock.now_us()
        if last.state == "halted":
            self.gate.start_after_halt(last.job, last.operation, same_job=last.probe_same_job)
        elif last.state in ("parked", "gated") and last.until_us is not None:
            self._pause_reason = last.reason
            seconds = max(0.0, (last.until_us - now_us) / 1e6)
            self.gate.start_gated(self.shared.clock.monotonic() + seconds, refusals=1)
            if last.state == "parked" and seconds > 0:
                self._parked_until_us = last.until_us
                self.gate.close("parked")

    def stopped(self) -> bool:
        """Nothing may leave any more in this run."""
        return self.shared.stop.reason is not None or self.gate.closed is not None

    def may_send(self, leave: Pass) -> bool:
        """The second look, before and after the commit that opens an attempt."""
        return self.shared.stop.reason is None and self.gate.may_go(leave)

    async def sleep(self, until: float | None) -> None:
        """Until a time, or until `wake`."""
        with anyio.CancelScope() as scope:
            self._sleepers.add(scope)
            try:
                if until is None:
                    await anyio.sleep_forever()
                else:
                    await self.shared.clock.sleep_until(until)
            finally:
                self._sleepers.discard(scope)

    async def queue(self, wait: Callable[[], Awaitable[None]]) -> bool:
        """Wait for the throttle; False when the lane shut or the run stopped meanwhile."""
        done = False
        with anyio.CancelScope() as scope:
            self._queued.add(scope)
            try:
                await wait()
                done = True
            finally:
                self._queued.discard(scope)
        return done

    def wake(self) -> None:
        """Something changed: whoever sleeps looks again."""
        for scope in tuple(self._sleepers):
            scope.cancel()

    def interrupt(self) -> None:
        """The lane shut or the run stops: whoever waits for the throttle gives up its place too."""
        for scope in tuple(self._queued):
            scope.cancel()
        self.wake()

    # --- what an answer means --------------------------------------------------------------------------------------

    def apply(self, decision: Decision, verdict: Verdict, answer: Answer, job: Job, leave: Pass) -> None:
        """Move the gate, at once and before anything is stored."""
        was_open = self.gate.shut is None
        reason, give_up = verdict.rule, False
        match decision.lane:
            case LaneMove.SUCCESS:
                self.shared.proven.add(job.operation)
                self.gate.succeeded(leave)
            case LaneMove.ANSWER:
                give_up = self._answered(decision, job, leave)
            case LaneMove.FAILURE:
                give_up = self._failure(decision, answer, job, leave)
            case LaneMove.PAUSE:
                give_up = self._pause(verdict, leave)
                reason = "rate-limited" if give_up else reason
            case LaneMove.HALT:
                self._halt(verdict.rule, verdict, job)
        if give_up:
            self._halt("rate-limited" if decision.lane is LaneMove.PAUSE else "provider-down", verdict, job)
        self._judge(decision, verdict, job)
        self.report(reason)
        if (was_open and self.gate.shut is not None) or self.gate.closed is not None:
            self.interrupt()
            self.shared.finish_when_idle()
        else:
            self.wake()

    def _answered(self, decision: Decision, job: Job, leave: Pass) -> bool:
        trouble = decision.event is JobEvent.RETRY or not decision.final
        give_up = self.gate.answered(leave, job.id, ended=not trouble)
        if self.gate.shut is Shut.HALT and trouble:
            seconds = max(0.0, (decision.due_us - self.shared.clock.now_us()) / 1e6)
            self.gate.hold_until(self.shared.clock.monotonic() + max(1.0, seconds))
        elif trouble:
            # "Try again later" in a readable answer is an outage too when it comes for one job after the other.
            give_up = self._count_failure(job, Pass(probe=False), silent=False, doubt=False) or give_up
        return give_up

    def _failure(self, decision: Decision, answer: Answer, job: Job, leave: Pass) -> bool:
        silent = answer.fault is Fault.NO_ANSWER
        return self._count_failure(job, leave, silent=silent, doubt=decision.event is JobEvent.DOUBT)

    def _count_failure(self, job: Job, leave: Pass, *, silent: bool, doubt: bool) -> bool:
        now, chance = self.shared.clock.monotonic(), self.shared.randomness.uniform()
        return self.gate.failed(leave, job.id, now=now, silent=silent, doubt=doubt, chance=chance)

    def _pause(self, verdict: Verdict, leave: Pass) -> bool:
        """Shut the gate for as long as the provider or the rule says; True after too many refusals in a row."""
        clock = self.shared.clock
        now_us = clock.now_us()
        first = self.gate.refuse(leave)
        asked = parse_retry_after(verdict.retry_after, now_us=now_us, unix=verdict.retry_after_unix)
        if not first:
            if asked is not None:
                self.gate.hold_until(clock.monotonic() + asked)
            return False
        if verdict.until is not None:
            again = self.gate.refusals > 1
            seconds = HOURLY_SECONDS if again else (next_utc_midnight(now_us) - now_us) / 1e6
            seconds = max(seconds, asked or 0.0)
        else:
            seconds = gate_wait(
                self.gate.refusals,
                wait_seconds=verdict.wait_seconds,
                wait_cap_seconds=verdict.wait_cap_seconds,
                retry_after_seconds=asked,
                chance=self.shared.randomness.uniform(),
            )
        self._pause_reason = verdict.rule
        self.gate.hold_until(clock.monotonic() + seconds)
        if seconds > self.shared.options.max_wait_seconds:
            self._parked_until_us = now_us + round(seconds * 1e6)
            self.gate.close("parked")
        return self.gate.refusals >= REFUSALS_TO_HALT

    def _halt(self, reason: str, verdict: Verdict, job: Job) -> None:
        if self._halt_report is not None:
            return
        self.gate.close("halted")
        self._halt_report = LaneReport(
            batch=self.shared.batch,
            provider=self.provider.name,
            state="halted",
            reason=reason,
            code=verdict.error_code,
            message=verdict.error_message,
            advice=verdict.advice or None,
            at_us=self.shared.clock.now_us(),
            job=job.id,
            operation=job.operation,
            probe_same_job=not verdict.unproven_halt and reason not in ("provider-down", "max-failed"),
        )

    def _judge(self, decision: Decision, verdict: Verdict, job: Job) -> None:
        """Halt when too large a share of the ended jobs failed (`--max-failed`)."""
        if decision.event in (JobEvent.SUCCEED, JobEvent.FAIL):
            self._ended += 1
            self._failed += decision.event is JobEvent.FAIL
        share = self.shared.options.max_failed
        if share is not None and self._ended >= JOBS_TO_JUDGE and self._failed > share * self._ended:
            self._halt("max-failed", verdict, job)

    def cap(self, reason: str) -> None:
        """A limit the user set: this lane sends nothing more in this run."""
        if self.gate.closed is None:
            self.stop_reason = reason
            self.gate.close("done")
            self.report(reason)
            self.interrupt()
            self.shared.finish_when_idle()

    def finish(self) -> None:
        """No job is left."""
        if self.gate.closed is None:
            self.gate.close("done")
            self.report(None)
            self.interrupt()

    # --- telling ---------------------------------------------------------------------------------------------------

    def state(self) -> str:
        """open, limited, gated, circuit, parked, halted or done: what `status` shows."""
        if self.gate.closed is not None:
            return self.gate.closed
        if self.gate.shut is None:
            return "limited" if self.limited else "open"
        if self.gate.shut is Shut.PAUSE:
            return "gated"
        waiting = self.gate.until > self.shared.clock.monotonic()
        return "circuit" if self.gate.shut is Shut.CIRCUIT or waiting else "open"

    def snapshot(self, reason: str | None) -> LaneReport:
        """The lane as a report, now."""
        if self._halt_report is not None:
            return self._halt_report
        state = self.state()
        until_us = self._parked_until_us
        if state in ("gated", "circuit"):
            ahead = self.gate.until - self.shared.clock.monotonic()
            until_us = self.shared.clock.now_us() + round(max(0.0, ahead) * 1e6)
            reason = self._pause_reason if state == "gated" else reason
        elif state == "parked":
            reason = self._pause_reason
        else:
            until_us, reason = None, self.stop_reason
        return LaneReport(
            batch=self.shared.batch,
            provider=self.provider.name,
            state=state,
            reason=reason,
            until_us=until_us,
            rate=self.rate(),
            in_flight=self.workers,
            at_us=self.shared.clock.now_us(),
        )

    def rate(self) -> str | None:
        """The limits in words: "60/60 s, 2/1 s"."""
        limits = [f"{limit.at_most}/{limit.per_seconds:g} s" for limit in self.throttle.limits]
        return ", ".join(limits) or None

    def report(self, reason: str | None) -> None:
        """Store and tell the lane's state if it changed."""
        key = (self.state(), self.gate.until if self.gate.shut is not None else 0.0)
        if key == self._reported or (self.gate.shut is Shut.HALT and self.gate.closed is None):
            return  # a halt stays on record until a success lifts it, whatever happens to this run
        self._reported = key
        report, now_us = self.snapshot(reason), self.shared.clock.now_us()
        stored = self.shared.store.report_lane(report, self.shared.run, now_us)
        event = LaneChanged(
            batch=self.shared.batch,
            at_us=now_us,
            provider=self.provider.name,
            state=report.state,
            reason=report.reason,
            until_us=report.until_us,
            message=report.message,
            advice=report.advice,
        )
        self._reports.append((stored, event))

    async def flush_reports(self) -> None:
        """Tell observers what is stored by now."""
        while self._reports:
            stored, event = self._reports.popleft()
            await stored
            self.shared.observer(event)

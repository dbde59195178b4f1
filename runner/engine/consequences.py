"""What an answer means for its whole lane: the gate opens, shuts for a while, or closes for the rest of the run."""

from __future__ import annotations

from dataclasses import replace

from runner.domain.backoff import asked_seconds, gate_wait, next_utc_midnight
from runner.domain.decide import Decision, LaneMove, Shut
from runner.domain.model import Answer, Fault, Job, Verdict
from runner.domain.personal import conceal
from runner.domain.states import JobEvent
from runner.engine.gate import REFUSALS_TO_HALT, Pass
from runner.engine.halts import MAX_FAILED, OWN_ADVICE, PROVIDER_DOWN, RATE_LIMITED, words
from runner.engine.lane import Lane
from runner.engine.ports import LaneReport

HOURLY_SECONDS = 3600.0
JOBS_TO_JUDGE = 50


def apply(
    lane: Lane, decision: Decision, verdict: Verdict, answer: Answer, job: Job, leave: Pass, *, seconds: float
) -> None:
    """Move the gate, at once and before anything is stored. The answer took so many `seconds`."""
    was_open = lane.gate.shut is None
    _pace(lane, decision, answer, seconds)
    reason, give_up = verdict.rule, False
    match decision.lane:
        case LaneMove.SUCCESS:
            lane.shared.proven.add(job.operation)
            lane.gate.succeeded(leave, now=lane.shared.clock.monotonic())
        case LaneMove.ANSWER:
            give_up = _answered(lane, decision, job, leave)
        case LaneMove.FAILURE:
            give_up = _failure(lane, decision, verdict, answer, job, leave)
        case LaneMove.PAUSE:
            give_up = _pause(lane, verdict, leave)
        case LaneMove.HALT:
            report = _report(lane, verdict.rule, verdict, answer, job)
            if _is_of_this_batch(verdict, answer):
                lane.leave(leave)
                lane.give_up(report)
            else:
                halt(lane, report)
        case LaneMove.NOTHING:
            lane.leave(leave)
    if give_up:
        reason = _given_up(decision, verdict)
        halt(lane, _report(lane, reason, verdict, answer, job))
    _judge(lane, decision, verdict, answer, job)
    shut = (was_open and lane.gate.shut is not None) or lane.gate.closed is not None
    for other in tuple(lane.account.lanes):
        other.follow(reason, shut=shut)


def _pace(lane: Lane, decision: Decision, answer: Answer, seconds: float) -> None:
    """What the answer says of the pace, and that it came at all."""
    lane.account.hear(answer.headers, seconds=seconds)
    if decision.lane in (LaneMove.SUCCESS, LaneMove.ANSWER):
        lane.account.adaptation.answered(lane.shared.clock.monotonic())


def _is_of_this_batch(verdict: Verdict, answer: Answer) -> bool:
    """Whether a halt speaks of this batch's parameters rather than of the account: its request could not be built, or
    has a shape that no success of this batch has proved right."""
    return answer.fault is Fault.INVALID or (verdict.unproven_halt and verdict.halt_after is None)


def _given_up(decision: Decision, verdict: Verdict) -> str:
    """Why a lane that no longer gets anywhere halts: asked to wait again and again, always told the same, or broken."""
    if verdict.halt_after is not None:
        return verdict.rule
    slow_down = decision.lane is LaneMove.PAUSE and not verdict.outage
    return RATE_LIMITED if slow_down else PROVIDER_DOWN


def _answered(lane: Lane, decision: Decision, job: Job, leave: Pass) -> bool:
    trouble = decision.event is JobEvent.RETRY or not decision.final
    # After a halt a job that used up its attempts has had its turn: else one after the other would be burnt.
    ended = decision.event is JobEvent.FAIL if lane.gate.shut is Shut.HALT else not trouble
    give_up = lane.gate.answered(leave, job.id, ended=ended, now=lane.shared.clock.monotonic())
    if lane.gate.shut is Shut.HALT and trouble:
        seconds = max(0.0, (decision.due_us - lane.shared.clock.now_us()) / 1e6)
        lane.gate.hold_until(lane.shared.clock.monotonic() + max(1.0, seconds))
    elif trouble:
        # "Try again later" in a readable answer is an outage too when it comes for one job after the other.
        give_up = _count_failure(lane, job, Pass(probe=False), silent=False, doubt=False) or give_up
    return give_up


def _failure(lane: Lane, decision: Decision, verdict: Verdict, answer: Answer, job: Job, leave: Pass) -> bool:
    silent = answer.fault is Fault.NO_ANSWER
    give_up = _count_failure(lane, job, leave, silent=silent, doubt=decision.event is JobEvent.DOUBT)
    # Else what is asked for is a matter of the row; but a probe speaks for all, and no look may come sooner than that.
    asked = asked_seconds(verdict, now_us=lane.shared.clock.now_us()) if leave.probe else None
    if asked is not None:
        lane.account.pause_reason, lane.account.pause_code = verdict.rule, verdict.error_code
        _wait(lane, asked)
    return give_up


def _count_failure(lane: Lane, job: Job, leave: Pass, *, silent: bool, doubt: bool) -> bool:
    now, chance = lane.shared.clock.monotonic(), lane.shared.randomness.uniform()
    return lane.gate.failed(
        leave, job.id, now=now, silent=silent, doubt=doubt, chance=chance, again=job.attempts_spent > 0
    )


def _pause(lane: Lane, verdict: Verdict, leave: Pass) -> bool:
    """Shut the gate for as long as the provider or the rule says; True after too many refusals in a row."""
    clock = lane.shared.clock
    now_us = clock.now_us()
    shut, first = lane.gate.shut, lane.gate.refuse(leave, outage=verdict.outage)
    too_fast = not verdict.outage and verdict.until is None
    if too_fast:
        _slow_down(lane, shut if leave.probe else None, first=first)
    asked = asked_seconds(verdict, now_us=now_us)
    if not first:
        if asked is not None:
            lane.account.pause_reason, lane.account.pause_code = verdict.rule, verdict.error_code
            _wait(lane, asked)
        return False
    if lane.account.margin is not None and too_fast:
        lane.account.margin.refused()
    ailing = verdict.outage and lane.gate.ailing(clock.monotonic())
    if verdict.until is not None:
        # Refused at its midnight already; whatever else was refused before says nothing of it.
        again = lane.gate.refusals > 1 and lane.account.pause_reason == verdict.rule
        seconds = HOURLY_SECONDS if again else (next_utc_midnight(now_us) - now_us) / 1e6
        seconds = max(seconds, asked or 0.0)
    else:
        seconds = gate_wait(
            lane.gate.refusals,
            wait_seconds=verdict.wait_seconds,
            wait_cap_seconds=verdict.wait_cap_seconds,
            retry_after_seconds=asked,
            chance=lane.shared.randomness.uniform(),
        )
    lane.account.pause_reason, lane.account.pause_code = verdict.rule, verdict.error_code
    _wait(lane, seconds)
    return ailing if verdict.outage else lane.gate.too_fast >= REFUSALS_TO_HALT


def _slow_down(lane: Lane, probed: Shut | None, *, first: bool) -> None:
    """The provider found it too fast. An episode begins with the `first` refusal, unless it is a probe's that went to
    see whether an earlier wait, or a halt, is over. `probed`: why one went alone."""
    adaptation = lane.account.adaptation
    if first and probed in (None, Shut.START, Shut.CIRCUIT):
        now = lane.shared.clock.monotonic()
        adaptation.refused(now, in_flight=lane.account.throttle.in_flight, first=probed is Shut.START)
    else:
        adaptation.refused_again()


def _wait(lane: Lane, seconds: float) -> None:
    """Nothing leaves for so long; a wait beyond `--max-wait` parks the lane. Never shortens an earlier wait."""
    clock = lane.shared.clock
    lane.gate.hold_until(clock.monotonic() + seconds)
    if seconds > lane.shared.options.max_wait_seconds:
        account = lane.account
        account.parked_until_us = max(account.parked_until_us or 0, clock.now_us() + round(seconds * 1e6))
        lane.gate.close("parked")


def halt(lane: Lane, report: LaneReport) -> None:
    """For every batch on the account, and told once."""
    if lane.account.halt is None:
        lane.gate.close("halted")
        lane.account.halt = report


def _report(lane: Lane, reason: str, verdict: Verdict, answer: Answer, job: Job) -> LaneReport:
    code, message = words(verdict, answer)
    speaks_of_rows = verdict.unproven_halt or verdict.halt_after is not None
    return LaneReport(
        batch=lane.shared.batch,
        provider=lane.provider.name,
        state="halted",
        reason=reason,
        code=_unquoted(code, job),
        message=_unquoted(message, job),
        advice=OWN_ADVICE.get(reason) or verdict.advice or None,
        at_us=lane.shared.clock.now_us(),
        job=job.id,
        operation=job.operation,
        probe_same_job=not speaks_of_rows and reason not in (PROVIDER_DOWN, MAX_FAILED),
    )


def _unquoted(text: str | None, job: Job) -> str | None:
    """A provider may quote what it was asked about; a halt is shown, logged and kept without that."""
    return None if text is None else conceal(text, job.params.values())


def _judge(lane: Lane, decision: Decision, verdict: Verdict, answer: Answer, job: Job) -> None:
    """Halt when too large a share of the ended jobs failed (`--max-failed`)."""
    if decision.event in (JobEvent.SUCCEED, JobEvent.FAIL):
        lane.ended += 1
        lane.failed += decision.event is JobEvent.FAIL
    share = lane.shared.options.max_failed
    if share is not None and lane.ended >= JOBS_TO_JUDGE and lane.failed > share * lane.ended:
        report = _report(lane, MAX_FAILED, verdict, answer, job)
        lane.give_up(replace(report, code=None, message=f"{lane.failed} of {lane.ended} requests failed"))

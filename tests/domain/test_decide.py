"""What an answer means for its job, its lane and the money."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.domain.decide import Decision, LaneMove, Shut, Situation, decide, is_in_doubt
from runner.domain.model import (
    Action,
    Amount,
    Answer,
    BatchId,
    Debited,
    Fault,
    InDoubtPolicy,
    Job,
    JobId,
    Verdict,
    WaitWord,
)
from runner.domain.provider import Operation, Retry
from runner.domain.states import JobEvent, JobState, advance_job
from tests.virtual import NOON_US

PRICE = Amount(2_000_000)
OPERATION = Operation(
    provider="acme", name="email", column_prefix="acme_email_", method="POST", path="/check", inputs=(), price=PRICE
)
JOB = Job(id=JobId(1), batch=BatchId(1), operation="acme.email", params={}, attempts=0, attempts_spent=0)
SITUATION = Situation(
    policy=InDoubtPolicy.HOLD,
    retry=Retry(attempts=3, base_seconds=1, cap_seconds=8),
    proven=False,
    shut=None,
    probe=False,
    now_us=NOON_US,
    chance=0.5,
)


def verdict(action: Action, debited: Debited = Debited.NO, **more: Any) -> Verdict:
    """A verdict of a rule called `rule`."""
    return Verdict(rule="rule", action=action, debited=debited, recognised=True, **more)


def decision(answer: Answer, verdict: Verdict, job: Job = JOB, **situation: Any) -> Decision:
    """Decide in a situation that differs from the plain one by `situation`."""
    return decide(job, OPERATION, answer, verdict, SITUATION._replace(**situation))


answers = st.builds(Answer, status=st.integers(100, 599)) | st.builds(
    Answer, fault=st.sampled_from([Fault.NOT_SENT, Fault.NO_ANSWER, Fault.INVALID, Fault.TLS])
)
verdicts = st.builds(
    Verdict,
    rule=st.just("rule"),
    action=st.sampled_from(Action),
    debited=st.sampled_from(Debited),
    recognised=st.booleans(),
    resend=st.booleans(),
    unproven_halt=st.booleans(),
    attempts=st.none() | st.integers(1, 5),
    retry_after=st.lists(st.builds(WaitWord, raw=st.text(), unix=st.booleans())).map(tuple),
)
situations = st.builds(
    Situation,
    policy=st.sampled_from(InDoubtPolicy),
    retry=st.builds(Retry, attempts=st.integers(1, 6)),
    proven=st.booleans(),
    shut=st.none() | st.sampled_from(Shut),
    probe=st.booleans(),
    now_us=st.just(NOON_US),
    chance=st.floats(0, 1, exclude_max=True),
)
jobs = st.builds(
    Job,
    id=st.just(JobId(1)),
    batch=st.just(BatchId(1)),
    operation=st.just("acme.email"),
    params=st.just({}),
    attempts=st.integers(0, 9),
    attempts_spent=st.integers(0, 9),
    possible_double_charge=st.booleans(),
)


@given(jobs, answers, verdicts, situations, st.booleans())
def test_whatever_comes_a_job_follows_its_table(
    job: Job, answer: Answer, verdict: Verdict, situation: Situation, safe: bool
) -> None:
    """Total, and every event is an edge out of `running`."""
    made = decide(job, replace(OPERATION, safe=safe), answer, verdict, situation)
    advance_job(JobState.RUNNING, made.event)
    assert made.due_us == 0 or made.due_us >= NOON_US
    assert made.event is not JobEvent.RELEASE or not made.spent


@given(jobs, answers, verdicts, situations)
def test_doubt_is_never_failed_and_never_resent_unmarked(
    job: Job, answer: Answer, verdict: Verdict, situation: Situation
) -> None:
    """What may have been charged becomes a doubt, or is sent again with a mark that stays, at most once by itself."""
    made = decide(job, OPERATION, answer, verdict, situation)
    if not is_in_doubt(answer, verdict, safe=False):
        return
    if made.event is JobEvent.DOUBT:
        return
    assert made.event is JobEvent.RETRY
    assert made.released_from_doubt
    assert situation.policy is InDoubtPolicy.RESEND_ONCE
    assert not job.possible_double_charge


@given(jobs, answers, verdicts, situations)
def test_a_halt_or_a_pause_costs_its_job_nothing(
    job: Job, answer: Answer, verdict: Verdict, situation: Situation
) -> None:
    """Out of funds is not the row's fault: it waits, no attempt spent."""
    made = decide(job, OPERATION, answer, verdict, situation)
    if made.lane in (LaneMove.HALT, LaneMove.PAUSE) and not made.doubt:
        assert made.event is JobEvent.RELEASE
        assert not made.spent


@pytest.mark.parametrize(
    ("answer", "debited", "resend", "safe", "expected"),
    [
        (Answer(fault=Fault.NO_ANSWER), Debited.UNKNOWN, False, False, True),
        (Answer(fault=Fault.NO_ANSWER), Debited.UNKNOWN, False, True, False),
        (Answer(fault=Fault.NOT_SENT), Debited.NO, False, False, False),
        (Answer(status=200), Debited.UNKNOWN, False, False, True),
        (Answer(status=200), Debited.NO, False, False, False),
        (Answer(status=503), Debited.UNKNOWN, False, False, True),
        (Answer(status=503), Debited.UNKNOWN, True, False, False),
        (Answer(status=503), Debited.NO, False, False, False),
        (Answer(status=408), Debited.UNKNOWN, False, False, True),
        (Answer(status=408), Debited.UNKNOWN, True, False, False),
        (Answer(status=408), Debited.UNKNOWN, False, True, False),
        (Answer(status=302), Debited.UNKNOWN, False, False, True),
        (Answer(status=404), Debited.NO, False, False, False),
    ],
)
@pytest.mark.parametrize("action", [Action.RETRY, Action.PAUSE, Action.HALT])
def test_what_is_in_doubt(
    action: Action, answer: Answer, debited: Debited, resend: bool, safe: bool, expected: bool
) -> None:
    """The definition, case by case, where the request would go again."""
    rule = verdict(action, debited, resend=resend)
    assert is_in_doubt(answer, rule, safe=safe) is expected


@pytest.mark.parametrize(("status", "expected"), [(200, True), (503, True), (404, False), (302, False)])
def test_a_refusal_that_fails_is_no_doubt(status: int, expected: bool) -> None:
    """It is over: nothing would send it again. An answer that nobody can read, or a server error, is no refusal."""
    assert is_in_doubt(Answer(status=status), verdict(Action.FAIL, Debited.UNKNOWN), safe=False) is expected


def test_success_is_charged_its_price() -> None:
    """And opens the lane."""
    made = decision(Answer(status=200), verdict(Action.SUCCEED, Debited.YES))
    assert (made.event, made.lane, made.amount, made.spent) == (JobEvent.SUCCEED, LaneMove.SUCCESS, PRICE, True)


def test_retries_end_in_a_failure_that_the_same_command_takes_up_again() -> None:
    """Three attempts: two retries with growing waits, then failed, not final."""
    busy, rule = Answer(status=200), verdict(Action.RETRY)
    first = decision(busy, rule)
    second = decision(busy, rule, replace(JOB, attempts_spent=1))
    third = decision(busy, rule, replace(JOB, attempts_spent=2))
    assert [first.event, second.event, third.event] == [JobEvent.RETRY, JobEvent.RETRY, JobEvent.FAIL]
    assert first.due_us - NOON_US == 500_000
    assert second.due_us - NOON_US == 1_000_000
    assert not third.final


def test_a_rules_own_attempts_win() -> None:
    """An unknown error is tried twice, whatever the profile allows others."""
    made = decision(Answer(status=200), verdict(Action.RETRY, attempts=2), replace(JOB, attempts_spent=1))
    assert made.event is JobEvent.FAIL


def test_a_retry_after_on_a_5xx_is_a_floor_for_the_job() -> None:
    """The lane goes on; this job waits as long as it was told."""
    made = decision(Answer(status=503), verdict(Action.RETRY, retry_after=(WaitWord("30"),)))
    assert made.due_us - NOON_US == 30_000_000


def test_a_retry_after_is_a_floor_for_a_doubt_that_is_sent_again() -> None:
    """It may be charged a second time: never earlier than the provider said."""
    rule = verdict(Action.RETRY, Debited.UNKNOWN, retry_after=(WaitWord("30"),))
    made = decision(Answer(status=503), rule, policy=InDoubtPolicy.RESEND_ONCE, chance=0.0)
    assert (made.event, made.due_us - NOON_US) == (JobEvent.RETRY, 30_000_000)


@pytest.mark.parametrize(
    "situation", [{"probe": True, "shut": Shut.START}, {"shut": Shut.CIRCUIT}, {"spared": True, "chance": 0.0}]
)
def test_a_retry_after_is_a_floor_for_a_job_that_goes_back_unharmed(situation: dict[str, Any]) -> None:
    """Whatever the lane makes of it: this job waits as long as it was told."""
    made = decision(Answer(status=503), verdict(Action.RETRY, retry_after=(WaitWord("30"),)), **situation)
    assert (made.event, made.spent, made.due_us - NOON_US) == (JobEvent.RELEASE, False, 30_000_000)


@pytest.mark.parametrize("answer", [Answer(status=502), Answer(fault=Fault.NOT_SENT)])
def test_an_outage_costs_a_probe_no_attempt(answer: Answer) -> None:
    """The probe goes back unharmed; the lane waits."""
    made = decision(answer, verdict(Action.RETRY), probe=True, shut=Shut.START)
    assert (made.event, made.spent, made.lane) == (JobEvent.RELEASE, False, LaneMove.FAILURE)


def test_behind_an_open_circuit_no_answer_but_a_success_counts() -> None:
    """ "Try again later" with HTTP 200 is still the outage."""
    made = decision(Answer(status=200), verdict(Action.RETRY), probe=True, shut=Shut.CIRCUIT)
    assert (made.event, made.lane) == (JobEvent.RELEASE, LaneMove.FAILURE)


def test_an_unproven_shape_halts_and_a_proven_one_fails_its_row() -> None:
    """Wrong parameters hit every row, unless one has succeeded already."""
    rule = verdict(Action.FAIL, unproven_halt=True)
    assert decision(Answer(status=404), rule).lane is LaneMove.HALT
    assert decision(Answer(status=404), rule, proven=True).event is JobEvent.FAIL


def test_a_halting_doubt_halts() -> None:
    """The job is in doubt; the lane stops all the same."""
    made = decision(Answer(status=200), verdict(Action.HALT, Debited.UNKNOWN))
    assert (made.event, made.lane) == (JobEvent.DOUBT, LaneMove.HALT)


def test_resend_once_sends_once() -> None:
    """The second doubt of a job stays one."""
    lost, rule = Answer(fault=Fault.NO_ANSWER), verdict(Action.RETRY, Debited.UNKNOWN)
    policy = InDoubtPolicy.RESEND_ONCE
    assert decision(lost, rule, policy=policy).event is JobEvent.RETRY
    again = replace(JOB, possible_double_charge=True, attempts_spent=1)
    assert decision(lost, rule, again, policy=policy).event is JobEvent.DOUBT

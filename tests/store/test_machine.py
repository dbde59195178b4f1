"""Random histories of a batch against a model: claims, attempts, settlements, crashes, recoveries and decisions.

The model knows the state tables and what was sent; after every step the database must agree with both, and its kept
counters with what a full count says.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from runner.domain.model import AttemptId, BatchId, Job, JobId, Resolution
from runner.domain.states import BatchEvent, JobEvent, JobState, advance_job
from runner.errors import StoreError
from runner.store import open_store
from runner.store.store import Store
from tests.store.world import EMAIL, HandClock, claim, loaded, opening, query, settlement, started

JOBS = 6
RECOUNT = """
SELECT coalesce(sum(sent), 0), coalesce(sum(standing = 'debited'), 0),
    coalesce(sum(standing IN ('in_doubt', 'held')), 0), coalesce(sum(iif(standing = 'debited', amount, 0)), 0)
FROM attempts WHERE job = ?
"""
DRIFT = """
SELECT batch, provider, operation, unit, standing, sum(sent),
    sum(CASE standing WHEN 'held' THEN held WHEN 'released' THEN 0 ELSE amount END)
FROM attempts GROUP BY 1, 2, 3, 4, 5 ORDER BY 5
"""


class StoreMachine(RuleBasedStateMachine):
    """One batch, one run at a time, and a world that dies now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = HandClock()
        self.store: Store = open_store(Path(self.folder.name) / "a.db", clock=self.clock, inline=True)
        self.batch = loaded(self.store, JOBS).batch
        self.states = dict.fromkeys(range(1, JOBS + 1), JobState.QUEUED)
        self.claimed: dict[int, Job] = {}
        self.open: dict[int, AttemptId] = {}
        self.sent: dict[int, int] = dict.fromkeys(self.states, 0)

    @initialize()
    def begin(self) -> None:
        self.run = started(self.store, self.batch)

    def call(self, method: str, *arguments: Any) -> Any:
        async def one() -> Any:
            async with self.store.writing():
                return await getattr(self.store.jobs, method)(*arguments)

        return asyncio.run(one())

    def move(self, job: int, event: JobEvent) -> None:
        self.states[job] = advance_job(self.states[job], event)

    @rule(limit=st.integers(1, 4))
    def claim_jobs(self, limit: int) -> None:
        jobs = self.call("claim", claim(self.batch, self.run, self.clock, limit=limit))
        waiting = [job for job, state in self.states.items() if state is JobState.QUEUED]
        assert len(jobs) == min(limit, len(waiting))
        for job in jobs:
            self.move(job.id, JobEvent.CLAIM)
            self.claimed[job.id] = job

    @precondition(lambda self: self.claimed)
    @rule(data=st.data())
    def open_attempt(self, data: st.DataObject) -> None:
        job = self.claimed[data.draw(st.sampled_from(sorted(self.claimed)))]
        if job.id in self.open:
            try:
                self.call("open", opening(job, self.run, self.clock, client_request_id="again"))
            except StoreError:
                return
            raise AssertionError("two open attempts")
        self.open[job.id] = self.call("open", opening(job, self.run, self.clock))
        self.sent[job.id] += 1

    @precondition(lambda self: self.open)
    @rule(
        data=st.data(),
        event=st.sampled_from([JobEvent.SUCCEED, JobEvent.FAIL, JobEvent.RETRY, JobEvent.RELEASE, JobEvent.DOUBT]),
        seconds=st.integers(0, 3),
    )
    def settle(self, data: st.DataObject, event: JobEvent, seconds: int) -> None:
        job = data.draw(st.sampled_from(sorted(self.open)))
        self.clock.pass_seconds(seconds)
        self.call("settle", settlement(self.open.pop(job), JobId(job), event, self.clock))
        del self.claimed[job]
        self.move(job, event)

    @precondition(lambda self: bool(set(self.claimed) - set(self.open)))
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(sorted(set(self.claimed) - set(self.open))))
        self.call("release", self.run, [JobId(job)])
        del self.claimed[job]
        self.move(job, JobEvent.RELEASE)

    @rule(seconds=st.integers(0, 60), repeat=st.booleans())
    def die_and_recover(self, seconds: int, repeat: bool) -> None:
        self.store.close()
        self.clock.pass_seconds(seconds)
        self.store = open_store(self.store.path, clock=self.clock, inline=True)
        self.store.steering.recover(safe={(BatchId(1), EMAIL)} if repeat else ())
        for job in self.claimed:
            self.move(job, JobEvent.DOUBT if job in self.open and not repeat else JobEvent.RELEASE)
        self.claimed.clear()
        self.open.clear()
        self.run = started(self.store, self.batch)

    @precondition(lambda self: JobState.IN_DOUBT in self.states.values())
    @rule(resolution=st.sampled_from(Resolution), data=st.data())
    def resolve(self, resolution: Resolution, data: st.DataObject) -> None:
        doubtful = [job for job, state in self.states.items() if state is JobState.IN_DOUBT]
        job = data.draw(st.sampled_from([*doubtful, *self.states]))
        count = self.store.steering.resolve(self.batch, resolution, rows=[job])
        assert count == int(self.states[job] is JobState.IN_DOUBT)
        if count:
            self.move(job, JobEvent.GIVE_UP if resolution is Resolution.CHARGED else JobEvent.REQUEUE)

    @rule()
    def release_doubts(self) -> None:
        marked = {job for (job,) in query(self.store.path, "SELECT id FROM jobs WHERE possible_double_charge")}
        doubtful = {job for job, state in self.states.items() if state is JobState.IN_DOUBT}
        assert self.store.steering.release_doubts(self.batch, [EMAIL]) == len(doubtful - marked)
        for job in doubtful - marked:
            self.move(job, JobEvent.REQUEUE)

    @rule()
    def retry(self) -> None:
        lost = {job for (job,) in query(self.store.path, "SELECT id FROM jobs WHERE reason = 'lost-answer'")}
        failed = {job for job, state in self.states.items() if state is JobState.FAILED}
        assert self.store.steering.retry(self.batch) == len(failed - lost)
        for job in failed - lost:
            self.move(job, JobEvent.REQUEUE)

    @precondition(lambda self: not self.claimed)
    @rule()
    def try_to_complete(self) -> None:
        if JobState.QUEUED in self.states.values():
            return
        self.store.steering.change(self.batch, BatchEvent.COMPLETE, run=self.run)
        self.store.steering.change(self.batch, BatchEvent.REOPEN, run=self.run)
        self.store.steering.change(self.batch, BatchEvent.START, run=self.run)

    @invariant()
    def states_agree(self) -> None:
        found = query(self.store.path, "SELECT id, state, attempts FROM jobs")
        assert {job: state for job, state, _ in found} == {job: state.value for job, state in self.states.items()}
        assert {job: attempts for job, _, attempts in found} == self.sent

    @invariant()
    def counters_agree(self) -> None:
        path = self.store.path
        counted = dict(query(path, "SELECT state, count(*) FROM jobs GROUP BY state"))
        assert dict(query(path, "SELECT state, jobs FROM job_totals WHERE jobs > 0")) == counted
        kept = query(
            path, "SELECT batch, provider, operation, unit, standing, requests, amount FROM attempt_totals ORDER BY 5"
        )
        assert [line for line in kept if line[5] or line[6]] == [line for line in query(path, DRIFT) if line[5]]
        for job, *counters in query(path, "SELECT id, requests, debits, unknowns, amount FROM jobs"):
            assert query(path, RECOUNT, job) == [tuple(counters)]

    @invariant()
    def doubt_is_a_state(self) -> None:
        """Nothing with an unresolved doubt is sent again, and no ended job has an open attempt."""
        assert (
            query(
                self.store.path,
                "SELECT j.id FROM jobs AS j JOIN attempts AS a ON a.job = j.id WHERE a.debited = 'unknown'"
                " AND a.resolution IS NULL AND j.state <> 'in_doubt'",
            )
            == []
        )
        assert (
            query(
                self.store.path,
                "SELECT a.id FROM jobs AS j JOIN attempts AS a ON a.job = j.id WHERE a.closed_us IS NULL"
                " AND j.state <> 'running'",
            )
            == []
        )

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()


TestStore = StoreMachine.TestCase
TestStore.settings = settings(
    max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

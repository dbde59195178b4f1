"""Both state machines as data. Everything that may move a job or a batch is in these two tables, and nowhere else.

A missing edge is the error; the state stays as it was. The store guards each edge again in SQL.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from runner.errors import BatchError


class JobState(StrEnum):
    """Where a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    CANCELLED = "cancelled"


class JobEvent(StrEnum):
    """What may happen to a job."""

    CLAIM = "claim"
    SUCCEED = "succeed"
    FAIL = "fail"
    RETRY = "retry"  # due later, an attempt spent
    RELEASE = "release"  # given back, no attempt spent
    DOUBT = "doubt"
    REQUEUE = "requeue"  # a recorded decision: a person, the policy, or the same command again
    GIVE_UP = "give_up"  # a person: it was charged and its answer is lost
    CANCEL = "cancel"
    REUSE = "reuse"  # it is given the answer that another batch paid for: nothing is sent


class BatchState(StrEnum):
    """Where a batch is."""

    LOADING = "loading"
    READY = "ready"
    RUNNING = "running"
    PAUSED = "paused"
    HALTED = "halted"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class BatchEvent(StrEnum):
    """What may happen to a batch."""

    LOADED = "loaded"
    START = "start"
    PAUSE = "pause"
    HALT = "halt"
    COMPLETE = "complete"
    REOPEN = "reopen"
    CANCEL = "cancel"


JOB_TABLE: Final[Mapping[JobState, Mapping[JobEvent, JobState]]] = {
    JobState.QUEUED: {
        JobEvent.CLAIM: JobState.RUNNING,
        JobEvent.CANCEL: JobState.CANCELLED,
        JobEvent.REUSE: JobState.SUCCEEDED,
    },
    JobState.RUNNING: {
        JobEvent.SUCCEED: JobState.SUCCEEDED,
        JobEvent.FAIL: JobState.FAILED,
        JobEvent.RETRY: JobState.QUEUED,
        JobEvent.RELEASE: JobState.QUEUED,
        JobEvent.DOUBT: JobState.IN_DOUBT,
    },
    JobState.FAILED: {JobEvent.REQUEUE: JobState.QUEUED},
    JobState.IN_DOUBT: {JobEvent.REQUEUE: JobState.QUEUED, JobEvent.GIVE_UP: JobState.FAILED},
    JobState.SUCCEEDED: {},
    JobState.CANCELLED: {},
}

BATCH_TABLE: Final[Mapping[BatchState, Mapping[BatchEvent, BatchState]]] = {
    BatchState.LOADING: {BatchEvent.LOADED: BatchState.READY, BatchEvent.CANCEL: BatchState.CANCELLED},
    BatchState.READY: {
        BatchEvent.START: BatchState.RUNNING,
        BatchEvent.PAUSE: BatchState.PAUSED,
        BatchEvent.CANCEL: BatchState.CANCELLED,
    },
    BatchState.RUNNING: {
        BatchEvent.PAUSE: BatchState.PAUSED,
        BatchEvent.HALT: BatchState.HALTED,
        BatchEvent.COMPLETE: BatchState.COMPLETED,
    },
    BatchState.PAUSED: {BatchEvent.START: BatchState.RUNNING, BatchEvent.CANCEL: BatchState.CANCELLED},
    BatchState.HALTED: {BatchEvent.START: BatchState.RUNNING, BatchEvent.CANCEL: BatchState.CANCELLED},
    BatchState.COMPLETED: {BatchEvent.REOPEN: BatchState.READY},
    BatchState.CANCELLED: {},
}

ENDED: Final = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.IN_DOUBT, JobState.CANCELLED})
"""States in which a job sends nothing until somebody decides."""


def advance_job(state: JobState, event: JobEvent) -> JobState:
    """The state after `event`; BatchError when the table has no such edge."""
    target = JOB_TABLE[state].get(event)
    if target is None:
        raise BatchError(f"a job that is {state} cannot {event}", why=_why(JOB_TABLE[state]), fix="runner status")
    return target


def advance_batch(state: BatchState, event: BatchEvent) -> BatchState:
    """The state after `event`; BatchError when the table has no such edge."""
    target = BATCH_TABLE[state].get(event)
    if target is None:
        raise BatchError(f"a batch that is {state} cannot {event}", why=_why(BATCH_TABLE[state]), fix="runner status")
    return target


def _why(edges: Mapping[Any, Any]) -> str:
    return f"from there it can {' or '.join(edges)}" if edges else "that is its end"


def job_sources(event: JobEvent) -> tuple[JobState, ...]:
    """The states from which `event` is allowed: what the store puts into its WHERE clause."""
    return tuple(state for state, edges in JOB_TABLE.items() if event in edges)


def batch_sources(event: BatchEvent) -> tuple[BatchState, ...]:
    """The states from which `event` is allowed: what the store puts into its WHERE clause."""
    return tuple(state for state, edges in BATCH_TABLE.items() if event in edges)

"""The two state tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.domain.states import (
    BATCH_TABLE,
    ENDED,
    JOB_TABLE,
    BatchEvent,
    BatchState,
    JobEvent,
    JobState,
    advance_batch,
    advance_job,
    batch_sources,
    job_sources,
)
from runner.errors import BatchError


def test_every_state_has_a_row_in_its_table() -> None:
    """A new state without edges would be a dead end by accident."""
    assert set(JOB_TABLE) == set(JobState)
    assert set(BATCH_TABLE) == set(BatchState)


def test_every_event_moves_something() -> None:
    """An event without an edge would be dead code."""
    assert {event for edges in JOB_TABLE.values() for event in edges} == set(JobEvent)
    assert {event for edges in BATCH_TABLE.values() for event in edges} == set(BatchEvent)


@given(st.sampled_from(JobState), st.lists(st.sampled_from(JobEvent), max_size=12))
def test_no_event_leaves_the_job_table(state: JobState, events: list[JobEvent]) -> None:
    """Whatever happens in whatever order, a job follows an edge or stays where it was."""
    for event in events:
        before = state
        try:
            state = advance_job(state, event)
        except BatchError:
            assert event not in JOB_TABLE[before]
        else:
            assert JOB_TABLE[before][event] is state


@given(st.sampled_from(BatchState), st.lists(st.sampled_from(BatchEvent), max_size=12))
def test_no_event_leaves_the_batch_table(state: BatchState, events: list[BatchEvent]) -> None:
    """The same for batches."""
    for event in events:
        before = state
        try:
            state = advance_batch(state, event)
        except BatchError:
            assert event not in BATCH_TABLE[before]
        else:
            assert BATCH_TABLE[before][event] is state


def test_a_paid_answer_is_never_left_by_an_event() -> None:
    """Succeeded and cancelled are ends: done is done."""
    assert JOB_TABLE[JobState.SUCCEEDED] == {}
    assert JOB_TABLE[JobState.CANCELLED] == {}


@pytest.mark.parametrize("event", list(JobEvent))
def test_job_sources_are_the_rows_that_have_the_edge(event: JobEvent) -> None:
    """What the store puts into its WHERE clause is the table's column."""
    assert job_sources(event) == tuple(state for state in JobState if event in JOB_TABLE[state])


@pytest.mark.parametrize("event", list(BatchEvent))
def test_batch_sources_are_the_rows_that_have_the_edge(event: BatchEvent) -> None:
    """The same for batches."""
    assert batch_sources(event) == tuple(state for state in BatchState if event in BATCH_TABLE[state])


def test_ended_jobs_are_those_nobody_claims() -> None:
    """Nothing is sent from an ended state without a decision in between."""
    assert {state for state in JobState if JobEvent.CLAIM in JOB_TABLE[state]}.isdisjoint(ENDED)
    assert set(JobState) - ENDED == {JobState.QUEUED, JobState.RUNNING}

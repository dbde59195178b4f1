"""What lanes did over time, and requests by step: against the same told the slow way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runner.domain.model import MILLION
from runner.store.pace import MOST, Axis, _Tally, axis_over
from runner.store.spans import LANE_EVENTS, Doing, Story

SECOND = MILLION
HOUR = 3_600 * SECOND
NIGHT = axis_over(0, 8 * HOUR)


@given(st.integers(0, 10**16), st.integers(0, 10**15))
def test_an_axis_holds_its_instants_in_few_steps(first_us, length_us):
    """From a second to thirty years: at most so many steps, the first and the last instant inside."""
    axis = axis_over(first_us, first_us + length_us)
    assert 1 <= axis.steps <= MOST
    assert axis.start_us <= first_us
    assert axis.last_us == first_us + length_us < axis.end_us
    assert (axis.place(first_us), axis.place(axis.last_us)) == (0, axis.steps - 1)


def test_a_night_is_told_in_spells():
    """Waits with their reasons, how often, how long; a halt lasts until somebody acts, with or without a run."""
    story = Story(NIGHT)
    story.begin(0)
    story.lane(0, "p", "lane.limited", "")
    for start in (1, 3):
        story.lane(start * HOUR, "p", "lane.gated", "slow")
        story.lane(start * HOUR + 60 * start * SECOND, "p", "lane.limited", "")
    story.lane(5 * HOUR, "p", "lane.halted", "no-funds")
    story.end(5 * HOUR)
    story.begin(7 * HOUR)
    story.lane(7 * HOUR, "p", "lane.limited", "")
    story.end(8 * HOUR)
    told = story.told(8 * HOUR)
    spells = {(one.doing, one.reason): (one.times, one.seconds, one.longest_seconds) for one in told.spells}
    assert spells == {
        (Doing.WAITING, "slow"): (2, 240, 180),
        (Doing.HALTED, "no-funds"): (1, 7_200, 7_200),
    }
    assert round(sum(told.at_work) * NIGHT.step_us / HOUR, 6) == 6
    assert round(sum(told.shares["p"][Doing.SENDING]) * NIGHT.step_us / SECOND) == 6 * 3_600 - 240


def test_a_lane_goes_on_as_it_was_when_the_next_run_begins():
    """A run that was interrupted says nothing of its lanes, and the next one nothing new."""
    story = Story(NIGHT)
    story.begin(0)
    story.lane(0, "p", "lane.limited", "")
    story.end(1 * HOUR)
    story.begin(2 * HOUR)
    shares = story.told(3 * HOUR).shares["p"][Doing.SENDING]
    assert round(sum(shares) * NIGHT.step_us / HOUR, 6) == 2


EVENTS = st.lists(
    st.tuples(st.integers(-HOUR, 9 * HOUR), st.sampled_from(["begin", "end", *LANE_EVENTS]), st.sampled_from("pq")),
    max_size=40,
)


@given(EVENTS)
def test_no_step_has_more_than_its_time(events):
    """Whatever comes in whatever order, clocks set back included: each lane does one thing at a time."""
    story = Story(NIGHT)
    for at, event, lane in events:
        if event == "begin":
            story.begin(at)
        elif event == "end":
            story.end(at)
        else:
            story.lane(at, lane, event, event)
    told = story.told(9 * HOUR)
    assert all(0 <= share <= 1 for share in told.at_work)
    for shares in told.shares.values():
        assert all(sum(parts) <= 1 + 1e-9 for parts in zip(*shares.values(), strict=True))
    for doing in (Doing.SENDING, Doing.WAITING, Doing.FAILING):
        for shares in told.shares.values():
            assert sum(shares.get(doing, ())) <= sum(told.at_work) + 1e-9


@given(st.lists(st.integers(0, 99), min_size=1, max_size=200))
def test_percentiles_are_values_that_were_there(millis):
    """The least that no more than the rest of them exceeded."""
    tally = _Tally()
    for one in millis:
        tally.took[one] = tally.took.get(one, 0) + 1
    for share in (0.5, 0.95):
        found = round((tally.percentile(share) or 0) * 1_000)
        assert found in millis
        assert sum(one <= found for one in millis) >= share * len(millis) - 1e-6
        assert sum(one < found for one in millis) < share * len(millis)


def test_a_step_of_an_instant_outside_is_the_nearest():
    """A clock that was set back or ahead breaks nothing."""
    axis = Axis(start_us=10, step_us=10, steps=3, last_us=35)
    assert [axis.place(at) for at in (-5, 10, 19, 20, 39, 400)] == [0, 0, 0, 1, 2, 2]

"""Every single death of a small run, one after the other, and deaths in the recovery from each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from runner.engine.faultpoints import FAULT_POINTS
from tests.simulation import quiet
from tests.simulation.night import play_night
from tests.simulation.nights import night_folder
from tests.simulation.options import CrashPlan, Fault, Kind
from tests.simulation.oracles import Oracles
from tests.simulation.record import Command, End, Night


def _dying_at(point: str | None, *more: CrashPlan, every: int = 1) -> Iterator[Night]:
    """The same night with a death at each visit of a point, until there is none any more."""
    account = quiet.account(Kind.HOSTILE, faults={Fault.UNANSWERED: 0.2}, in_flight=2)
    for visit in count(1, every):
        plans = (CrashPlan(point=point, visit=visit), *more)
        with night_folder() as folder:
            night = play_night(quiet.night(account, crashes=plans), folder, watch=Oracles())
        runs = [life for life in night.lives if life.command is Command.RUN]
        if runs[0].end is not End.CRASHED:
            return
        yield night


@pytest.mark.parametrize("point", FAULT_POINTS)
def test_a_death_at_each_visit_of_each_point_loses_and_doubles_nothing(point: str) -> None:
    """The oracles hold in every one of them, and the same command finishes."""
    nights = list(_dying_at(point))
    assert len(nights) >= 3
    for night in nights:
        assert night.lives[1].crash == f"{point} {night.lives[1].visited[point]}"
        assert night.lives[-2].exit_codes["list1"] in (0, 3)


def test_a_death_at_any_step_of_the_loop_loses_and_doubles_nothing() -> None:
    """Every seventh of them."""
    nights = list(_dying_at(None, every=7))
    assert len(nights) > 10


@pytest.mark.parametrize("visit", [1, 2, 3, 4, 5])
def test_a_death_in_the_recovery_from_a_death(visit: int) -> None:
    """Recovery is done once more, from where it is."""
    again = CrashPlan(point="decision-before-commit", visit=visit)
    for night in _dying_at("answered", again):
        assert night.lives[2].end is End.CRASHED
        assert night.lives[-2].exit_codes["list1"] in (0, 3)


def test_nothing_of_a_dead_process_is_written(folder: Path) -> None:
    """After its death no commit, no request and no answer of it is in the trace."""
    account = quiet.account(in_flight=3)
    plan = quiet.night(account, rows=6, crashes=(CrashPlan(point="before-commit", visit=12),))
    night = play_night(plan, folder, watch=Oracles(), keep_trace=True)
    said = [line.split(" ", 1)[1] for line in night.trace.lines]
    died = said.index("end 2 crashed before-commit 12 {}")
    assert said[died - 1] == "before-commit"
    assert said[died + 1].startswith("life 3")


def test_a_death_at_the_deadline_after_a_slow_commit(folder: Path) -> None:
    """Nobody knows when a request left whose intent took long to write down: it keeps its place in the window."""
    account = quiet.account(faults={Fault.HANG: 1.0}, limits=((1, 1.0),), in_flight=1)
    death = CrashPlan(point="answered", visit=1)
    plan = quiet.night(account, rows=4, commit_seconds=0.05, crashes=(death, death, death), rest_seconds=1e-3)
    night = play_night(plan, folder, watch=Oracles())
    left = [entry for entry in night.books if entry.told_at is not None]
    assert len(left) >= 3

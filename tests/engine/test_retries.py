"""The budget of retries: how many leave, that they wait without a fuss, and that nobody is slowed who works."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import anyio
import pytest

from runner.domain.model import Answer, Job
from runner.domain.provider import Limit
from runner.engine import retries
from runner.engine.ports import Claim
from runner.store.store import Store
from tests.engine.night import Night
from tests.engine.scripted import BUSY, OK, REFUSED, Script, Sent, provider

MINUTE = Limit(at_most=60, per_seconds=60)


def failing(share: float, *, until: float = 1e9) -> Script:
    """So many of all requests fail, whatever they ask."""
    draws = random.Random(3)
    return lambda sent: BUSY if draws.random() < share and sent.at < until else OK


def hopeless(sent: Sent) -> Answer:
    """Every other row fails whenever it is asked about."""
    return BUSY if int(sent.value[1:]) % 2 else OK


def night_of(folder: Path, values: int, script: Script, limit: Limit = MINUTE, **more: Any) -> Night:
    return Night(
        path=folder / "r.db", values=values, providers=(provider(limits=(limit,)),), scripts={"acme": script}, **more
    )


def repeated(night: Night) -> list[Sent]:
    """The requests for a value that was asked about before."""
    seen: set[str] = set()
    found = []
    for sent in night.sent():
        if sent.value in seen:
            found.append(sent)
        seen.add(sent.value)
    return found


def test_rows_that_always_fail_do_not_take_the_turn_of_the_others(tmp_path: Path) -> None:
    """Half of the rows are hopeless: their retries are held to the reserve and one in ten, and nothing fails for it."""
    night = night_of(tmp_path, 100, hopeless)
    night.run()
    assert night.states() == {"succeeded": 50, "failed": 50}
    at = [sent.at for sent in repeated(night)]
    for number, moment in enumerate(at, 1):
        assert number <= 20 + 0.1 * 50 + 0.1 * moment + 8, "the reserve, one in ten, and what is in flight"
    assert night.query("SELECT DISTINCT attempts_spent FROM jobs WHERE state = 'failed'") == [(4,)]
    fresh = [sent.at for sent in night.sent() if sent not in repeated(night)]
    assert max(fresh) < 150, "those not asked yet came first"
    assert night.query("SELECT count(*) FROM events WHERE event = 'pace.retries'") == [(1,)]


def test_a_third_of_all_requests_fails_and_the_list_is_hardly_slower(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most retries succeed and give their token back: the budget is no brake on a provider that mostly works."""
    took = []
    for reserve in (retries.RESERVE, 1e9):
        monkeypatch.setattr(retries, "RESERVE", reserve)
        folder = tmp_path / str(reserve)
        folder.mkdir()
        night = night_of(folder, 150, failing(0.3))
        night.run()
        assert night.states()["succeeded"] >= 145
        took.append(night.sent()[-1].at)
    assert took[0] <= 1.1 * took[1]


def test_a_provider_that_recovered_is_not_slowed(tmp_path: Path) -> None:
    """Seven of ten fail for minutes: what then waits for its retry goes at the lane's own pace."""
    night = night_of(tmp_path, 300, failing(0.7, until=200.0))
    night.run()
    assert night.sent()[-1].at <= 200 + 300 + 15


@pytest.mark.parametrize("in_flight", [1, 5])
def test_a_token_that_comes_before_its_time_ends_no_run(tmp_path: Path, in_flight: int) -> None:
    """Every other row succeeds at its third request, and its success brings the token for the next one: all are sent,
    however few may go at once."""
    asked: Counter[str] = Counter()

    def third_time(sent: Sent) -> Answer:
        asked[sent.value] += 1
        return BUSY if int(sent.value[1:]) % 2 and asked[sent.value] <= 2 else OK

    acme = provider(in_flight=in_flight)
    night = Night(path=tmp_path / "r.db", values=80, providers=(acme,), scripts={"acme": third_time}, latency=0.05)
    summary = night.run()
    assert not summary.queued
    assert night.states() == {"succeeded": 80}


def test_waiting_for_a_token_is_no_hot_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is due but hopeless retries at a slow pace: the store is asked now and then, and nobody is done."""
    asked: list[float] = []
    night = night_of(tmp_path, 30, hopeless, Limit(at_most=6, per_seconds=60))

    async def count(store: Store) -> None:
        claim = store.jobs.claim

        def counted(wanted: Claim) -> Awaitable[list[Job]]:
            asked.append(anyio.current_time())
            return claim(wanted)

        monkeypatch.setattr(store.jobs, "claim", counted)

    night.during = count
    night.run()
    assert night.states() == {"succeeded": 15, "failed": 15}
    assert len(asked) < 2 * night.sent()[-1].at / 30 + 4 * len(night.sent())


@pytest.mark.parametrize("lone", [1, 2])
def test_a_short_list_never_meets_the_budget(tmp_path: Path, lone: int) -> None:
    """A row or two that fail use up their attempts at the pace of their backoff."""
    night = night_of(tmp_path, lone, lambda sent: REFUSED if sent.at > 0.5 else BUSY)
    night.run()
    assert not night.query("SELECT * FROM events WHERE event = 'pace.retries'")

"""The budget of retries piece by piece: what is taken, held, given back and spent, and who keeps whose."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import anyio
import pytest

from runner.domain.model import Answer, AttemptId, BatchId, Job, JobId, RunId
from runner.domain.provider import Limit
from runner.engine.account import Account
from runner.engine.attempt import STALE_SECONDS
from runner.engine.feed import FEW, Feed
from runner.engine.lane import Lane
from runner.engine.ports import Claim, Clock, JobStore, Opening
from runner.engine.realtime import RealTime
from runner.engine.retries import RESERVE, Retries
from runner.engine.waiting import Pending
from runner.store.store import Store
from tests.engine.night import Night
from tests.engine.scripted import BUSY, LATER, OK, Script, Sent
from tests.virtual import VirtualClock, run_virtual

SLOW = Limit(at_most=1000, per_seconds=86_400)
"""So slow that hardly a token comes by itself."""
MINUTE = Limit(at_most=60, per_seconds=60)


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        """As set."""
        return self.seconds


def budget(*limits: Limit, shut: bool = False, clock: Hands | None = None) -> Retries:
    """All of the reserve is there."""
    return Retries(clock=cast(Clock, clock or Hands()), limits=lambda: limits, shut=lambda: shut)


def job(number: int, *, spent: int = 1) -> Job:
    """A job that has spent so many attempts."""
    return Job(
        id=JobId(number), batch=BatchId(1), operation="acme.email", params={}, attempts=spent, attempts_spent=spent
    )


def left(retries: Retries) -> int:
    """How many more may go now."""
    there = retries.reserve(1000)
    retries.claimed([], reserved=there, wanted=there)
    return there


def claim(retries: Retries, *jobs: Job) -> int:
    """Those jobs, by a claim that wanted twice as many retries."""
    wanted = 2 * len(jobs)
    return retries.claimed(jobs, reserved=retries.reserve(wanted), wanted=wanted)


def test_a_claim_keeps_a_token_for_each_retry_and_gives_the_rest_back() -> None:
    """What was never tried needs none."""
    retries = budget(SLOW)
    assert claim(retries, job(1), job(2, spent=0), job(3, spent=3)) == 2
    assert left(retries) == RESERVE - 2


def test_no_more_is_reserved_than_there_is() -> None:
    """Two claims at once share the reserve; what the first does not need is the next one's."""
    retries = budget(SLOW)
    assert (retries.reserve(15), retries.reserve(15), retries.reserve(15)) == (15, 5, 0)
    retries.claimed([], reserved=15, wanted=15)
    assert retries.reserve(20) == 15


def test_a_token_that_was_not_needed_comes_back_once() -> None:
    """Whoever says it again, or holds none, brings nothing."""
    retries = budget(SLOW)
    claim(retries, job(1), job(2))
    for number in (1, 1, 7):
        retries.spare(JobId(number))
    assert left(retries) == RESERVE - 1


def test_a_retry_that_went_in_vain_is_paid_for() -> None:
    """Its token does not come back, not even when the same job needs none later."""
    retries = budget(SLOW)
    claim(retries, job(1))
    retries.spent(JobId(1))
    retries.spare(JobId(1))
    assert left(retries) == RESERVE - 1
    claim(retries, job(1))
    assert left(retries) == RESERVE - 2, "and the same job takes another one for its next"


def test_a_success_gives_its_token_back_and_a_tenth() -> None:
    """A tenth for each success, of whatever job; never more than the reserve in all."""
    retries = budget(SLOW)
    claim(retries, *(job(number) for number in range(3)))
    retries.succeeded(JobId(0))
    assert left(retries) == RESERVE - 2
    for number in range(10, 19):
        retries.succeeded(JobId(number))
    assert left(retries) == RESERVE - 1, "ten tenths"
    for number in range(1000):
        retries.succeeded(JobId(number))
    assert left(retries) == RESERVE


@pytest.mark.parametrize(("limits", "seconds"), [((), 1), ((MINUTE,), 10), ((SLOW, MINUTE), 864)])
def test_tokens_come_by_themselves(limits: tuple[Limit, ...], seconds: float) -> None:
    """One for each ten requests of the slowest limit; one a second where none is stated."""
    hands = Hands()
    retries = budget(*limits, clock=hands)
    assert retries.reserve(20) == RESERVE
    assert not retries.available()
    assert retries.available_at() == pytest.approx(seconds)
    hands.seconds += seconds / 2
    assert retries.available_at() == pytest.approx(seconds), "an instant, whenever it is asked for"
    assert left(retries) == 0
    hands.seconds += seconds / 2
    assert left(retries) == 1
    hands.seconds += 100 * seconds
    assert left(retries) == RESERVE


def test_one_that_goes_alone_is_never_held_back() -> None:
    """It goes to see whether the provider works."""
    retries = budget(SLOW, shut=True)
    assert retries.reserve(20) == RESERVE
    assert retries.available()


def test_it_ran_out_where_more_would_have_come() -> None:
    """Not where a claim asked for few, nor where what it had room for was enough."""
    retries = budget(SLOW)
    retries.claimed([job(1), job(2)], reserved=retries.reserve(2), wanted=2)
    retries.claimed([job(3)], reserved=retries.reserve(30), wanted=30)
    assert not retries.ran_out
    retries.claimed([job(number) for number in range(4, 21)], reserved=retries.reserve(30), wanted=30)
    assert retries.ran_out


class Lists:
    """A store of jobs that wait: some of them for another attempt."""

    def __init__(self, *, fresh: int = 0, retries: int = 0) -> None:
        self._fresh = [job(number, spent=0) for number in range(fresh)]
        self._retries = [job(1000 + number) for number in range(retries)]
        self.wait = 0
        self.asked: list[int | None] = []  # how many retries, claim by claim

    async def _give(self, jobs: list[Job]) -> list[Job]:
        return jobs

    def claim(self, claim: Claim) -> object:
        """Taken at once, told when awaited."""
        self.asked.append(claim.retries)
        most = 0 if self.wait > 0 else min(claim.limit, claim.retries or 0)
        tried, self._retries = self._retries[:most], self._retries[most:]
        room = claim.limit - len(tried)
        fresh, self._fresh = self._fresh[:room], self._fresh[room:]
        self.wait -= len(fresh)
        return self._give([*tried, *fresh])

    async def release(self, run: RunId, jobs: Sequence[JobId]) -> None:
        """They are of no use to anybody."""

    async def next_due(self, batch: BatchId, operations: tuple[str, ...]) -> int | None:
        """Long ago."""
        return 0 if self._fresh else 1 if self._retries else None


def feed_of(lists: Lists, retries: Retries, *, at_once: int = 20) -> Feed:
    clock = RealTime(VirtualClock())
    wanted = Claim(
        run=RunId(1), batch=BatchId(1), operations=("acme.email",), limit=at_once, now_us=0, lease_until_us=0
    )
    return Feed(cast(JobStore, lists), wanted, clock=clock, asked=Pending(clock), retries=retries)


def test_a_list_without_retries_keeps_none_from_another() -> None:
    """What the one claims ahead of need holds a few tokens at most, however long that lies there."""

    async def main() -> None:
        retries = budget(SLOW)
        long = feed_of(Lists(fresh=100), retries)
        for _ in range(15):
            await long.take()
        assert left(retries) == RESERVE - FEW
        other = feed_of(Lists(retries=5), retries)
        assert await other.take() is not None
        assert not retries.ran_out
        await long.close()
        await other.close()

    run_virtual(main)


def test_a_list_of_retries_soon_comes_in_whole_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each claim ahead of need has room for twice as many as came before."""
    monkeypatch.setattr("runner.engine.retries.RESERVE", 1000.0)

    async def main() -> list[int | None]:
        lists = Lists(fresh=100, retries=100)
        lists.wait = 30  # the retries fall due when so many were claimed
        feed = feed_of(lists, budget(SLOW))
        for _ in range(120):
            await feed.take()
        await feed.close()
        return lists.asked

    assert run_virtual(main)[:7] == [20, 2, 2, 4, 8, 16, 20]


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """No token comes by itself, nor for a success: what is missing in the end was spent."""
    monkeypatch.setattr("runner.engine.retries.WITHOUT_LIMITS", 1e-9)
    monkeypatch.setattr("runner.engine.retries.SHARE", 0.0)


def ended_with(
    folder: Path, script: Script, patch: pytest.MonkeyPatch, *, slow: Callable[[Opening], float] = lambda opening: 0.0
) -> tuple[Night, float]:
    """A night; how many tokens are left, with none held."""
    accounts: list[Account] = []

    async def during(store: Store) -> None:
        take = store.jobs.open

        async def taking_long(opening: Opening) -> AttemptId:
            attempt = await take(opening)
            await anyio.sleep(slow(opening))
            return attempt

        patch.setattr(store.jobs, "open", taking_long)
        await anyio.sleep(0.1)
        accounts.extend(lane.account for lane in cast(list[Lane], night.accounts.lanes()))

    night = Night(path=folder / "r.db", values=12, scripts={"acme": script}, during=during)
    night.run()
    said = re.fullmatch(r"<Retries (\S+) tokens, 0 held>", repr(accounts[0].retries))
    assert said is not None, accounts[0].retries
    return night, float(said[1])


@pytest.mark.usefixtures("strict")
def test_a_retry_that_was_told_to_wait_is_not_paid_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six fail, and when they are sent again the provider finds it too fast: that was no retry in vain."""
    asked: Counter[str] = Counter()

    def script(sent: Sent) -> Answer:
        asked[sent.value] += 1
        return (BUSY, LATER, OK)[min(asked[sent.value], 3) - 1] if int(sent.value[1:]) > 6 else OK

    night, tokens = ended_with(tmp_path, script, monkeypatch)
    assert night.states() == {"succeeded": 12}
    assert tokens == RESERVE


@pytest.mark.usefixtures("strict")
def test_a_retry_that_was_taken_back_is_not_paid_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What took too long to write down does not leave, and takes no second token when it does."""
    asked: Counter[str] = Counter()
    late: set[JobId] = set()

    def script(sent: Sent) -> Answer:
        asked[sent.value] += 1
        return BUSY if int(sent.value[1:]) > 6 and asked[sent.value] == 1 else OK

    def slow(opening: Opening) -> float:
        if opening.number != 2 or opening.job in late:
            return 0.0
        late.add(opening.job)
        return STALE_SECONDS + 1

    night, tokens = ended_with(tmp_path, script, monkeypatch, slow=slow)
    assert night.query("SELECT count(*) FROM attempts WHERE fault = 'withdrawn'") == [(6,)]
    assert tokens == RESERVE

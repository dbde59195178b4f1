"""The jobs of one lane, claimed in chunks a little ahead of need."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Iterable
from dataclasses import replace

import anyio

from runner.domain.model import Job, JobId
from runner.engine.ports import Claim, JobStore
from runner.engine.realtime import RealTime
from runner.engine.retries import Retries
from runner.engine.waiting import Pending

LEASE_SECONDS = 900.0
FEW = 2
"""Retries that a claim made ahead of need has room for at first; then for twice as many as the last one brought. What
is reserved is nobody else's until that claim is looked at, and the budget is the account's."""


def ahead(workers: int) -> int:
    """How many jobs are claimed at a time for so many workers."""
    return max(2, 2 * workers)


class Feed:
    """Hands out due jobs; knows when the next one falls due, and when there is none left.

    Of suspects (`Job.suspect`) one is out at a time: were two on the wire at a crash, nobody would know which it was.
    """

    def __init__(self, store: JobStore, claim: Claim, *, clock: RealTime, asked: Pending, retries: Retries) -> None:
        self._store = store
        self._asked = asked
        self._claim = claim
        self._clock = clock
        self._set_by = clock.set_by  # up to where what waits was put off anew
        self._buffer: deque[Job] = deque()
        self._apart: deque[Job] = deque()  # suspects
        self._out: set[JobId] = set()  # suspects handed out
        self._ahead: Awaitable[list[Job]] | None = None
        self._retries = retries
        self._wanted = self._reserved = 0  # of the budget, for the retries that `_ahead` may bring
        self._brought = 0  # retries, by the last claim
        self._waits_for_token = False  # retries are due, and there was none for them
        self._turn = anyio.Lock()
        self._dry = False
        self._looking = False  # when the next one falls due is being asked
        self.next_due_us: int | None = None  # of what is queued for later; None: nothing is

    @property
    def dry(self) -> bool:
        """Nothing was due at the last look, and nothing came back since."""
        if self._waits_for_token and self._retries.available():
            return False
        return self._dry and not self._looking and not self._has_ready() and self._ahead is None

    @property
    def rationed(self) -> bool:
        """Nothing is due but retries, and they wait for their budget."""
        return self._waits_for_token and not self._retries.available()

    def _has_ready(self) -> bool:
        return bool(self._buffer or (self._apart and not self._out))

    def ready(self) -> Job | None:
        """A claimed job at once, or None. Keeps the next chunk coming."""
        if self._apart and not self._out:
            return self._hand_out(self._apart.popleft())
        if not self._buffer:
            return None
        job = self._buffer.popleft()
        if self._ahead is None and not self._dry and len(self._buffer) <= self._claim.limit // 2:
            self._ask(retries=min(self._claim.limit, max(FEW, 2 * self._brought)))
        return job

    async def take(self) -> Job | None:
        """The next due job, or None if none is due (then `next_due_us` says when one will be)."""
        async with self._turn:
            if not self._has_ready() and not self.dry:
                await self._refill()
        return self.ready()

    async def take_probe(self) -> Job | None:
        """Whose answer tells most of the provider: one that has not failed yet; else the next due one, which is then no
        retry. None if none is due."""
        async with self._turn:
            if self._ahead is not None:
                await self._refill()
            found = self._untried()
            if found is None:
                self._keep(await self._asked.on(self._store.claim(replace(self._fresh(), retries=0))))
                found = self._untried()
            if found is None and not self._has_ready():
                self._keep(await self._asked.on(self._store.claim(replace(self._fresh(), limit=1))))
            if found is None and not self._has_ready():
                await self._refill()  # says when there is something
            if found is not None:
                self._buffer.remove(found)
                self._buffer.appendleft(found)
        job = self.ready()
        if job is not None:
            self._retries.spare(job.id)
        return job

    def _untried(self) -> Job | None:
        return next((job for job in self._buffer if not job.attempts_spent), None)

    async def take_only(self, job: JobId) -> Job | None:
        """The one job that has to go first, due or not; None if it is not queued."""
        async with self._turn:
            if self._ahead is not None:
                await self._refill()  # it may be among those on their way
            for waiting in (*self._buffer, *self._apart):
                if waiting.id == job:
                    self._place(waiting).remove(waiting)
                    self._retries.spare(job)
                    return self._hand_out(waiting)
            found = await self._asked.on(self._store.claim(replace(self._fresh(), limit=1, only=job)))
            return self._hand_out(found[0]) if found else None

    async def take_next(self, operation: str, *, after: JobId) -> Job | None:
        """The next due job of an operation, another than `after` if there is one; None if none is due."""
        async with self._turn:
            claim = replace(self._fresh(), operations=(operation,), limit=2)
            found = [job for job in self._buffer if job.operation == operation]
            if len(found) < 2:
                claimed = await self._asked.on(self._store.claim(claim))
                self._keep(claimed)
                found += claimed
            chosen = next((job for job in found if job.id != after), found[0] if found else None)
            if chosen is None:
                return None
            self._place(chosen).remove(chosen)
            self._retries.spare(chosen.id)
            return self._hand_out(chosen)

    def _keep(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            self._place(job).append(job)

    def _place(self, job: Job) -> deque[Job]:
        return self._apart if job.suspect else self._buffer

    def _hand_out(self, job: Job) -> Job:
        if job.suspect:
            self._out.add(job.id)
            self._retries.spare(job.id)
        return job

    def over(self, job: Job) -> bool:
        """What was handed out is settled, or put back; whether a suspect waited for that."""
        self._out.discard(job.id)
        return bool(self._apart)

    async def _refill(self) -> None:
        self.next_due_us = None
        # Nothing is known any more until this look is over: a token may have come before its time, with a success.
        self._dry = self._waits_for_token = False
        if self._ahead is None:
            self._ask(retries=self._claim.limit)
        rationed = self._reserved == 0
        jobs = await self._arrived()
        self._keep(jobs)
        if not jobs:
            self._dry = True
            due_us = await self._look()
            if due_us is not None and rationed and 0 < due_us <= self._now_us():
                self._wait_for_token()
            elif due_us is not None:
                self.requeued(due_us)

    async def _look(self) -> int | None:
        """When the next one falls due."""
        self._looking = True
        try:
            return await self._asked.on(self._store.next_due(self._claim.batch, self._claim.operations))
        finally:
            self._looking = False

    async def is_over(self) -> bool:
        """Nothing is queued, not even for later: asked of the store itself, since the last look may be an old one, and
        whoever is done takes up nothing any more."""
        self._looking = True  # at once: who comes meanwhile waits for this look, and makes none of its own
        try:
            async with self._turn:
                due_us = await self._look()
        finally:
            self._looking = False
        if due_us is not None:
            self.requeued(due_us)
        return due_us is None and self.dry

    def _ask(self, *, retries: int) -> None:
        """For the next chunk; of those that were tried before, so many, or as many as the budget has tokens for."""
        self._wanted, self._reserved = retries, self._retries.reserve(retries)
        self._ahead = self._store.claim(replace(self._fresh(), retries=self._reserved))

    async def _arrived(self) -> list[Job]:
        ahead, self._ahead = self._ahead, None
        wanted, reserved, self._reserved = self._wanted, self._reserved, 0
        jobs = [] if ahead is None else await self._asked.on(ahead)
        self._brought = self._retries.claimed(jobs, reserved=reserved, wanted=wanted)
        return jobs

    def _wait_for_token(self) -> None:
        self._waits_for_token = self._retries.ran_out = True
        ahead = self._retries.available_at() - self._clock.monotonic()
        self.next_due_us = self._now_us() + round(ahead * 1e6) + 1

    def _fresh(self) -> Claim:
        lease_until_us = self._clock.now_us() + round(LEASE_SECONDS * 1e6)
        return replace(self._claim, now_us=self._now_us(), lease_until_us=lease_until_us)

    def _now_us(self) -> int:
        """Not ahead of where what waits was put off anew: where the wall clock was set ahead, much only seems due."""
        now_us = self._clock.now_us()
        return now_us - round(max(0.0, self._clock.set_by - self._set_by) * 1e6)

    def clock_set(self, set_by: float) -> None:
        """The wall clock was, so far by so much, and what waits by it was put off anew."""
        self._set_by = set_by

    def put_back(self, job: Job) -> None:
        """It was not opened: it goes first again."""
        self._place(job).appendleft(job)

    def requeued(self, due_us: int) -> None:
        """A job of this lane went back to the queue."""
        if self.next_due_us is None or due_us < self.next_due_us:
            self.next_due_us = due_us
        if due_us <= self._now_us():
            self._dry = False

    def due(self) -> bool:
        """Whether something can be taken, or could be asked for, now."""
        return not self.dry or (self.next_due_us is not None and self.next_due_us <= self._now_us())

    def __repr__(self) -> str:
        suspects = f", {len(self._apart)} suspects, {len(self._out)} of them out" if self._apart or self._out else ""
        ahead = ", more on the way" if self._ahead is not None else ""
        return f"<Feed {len(self._buffer)} claimed{suspects}{ahead}, dry={self._dry}, next due {self.next_due_us} us>"

    def resize(self, limit: int) -> None:
        """Claim so many at a time."""
        self._claim = replace(self._claim, limit=limit)

    def look_again(self) -> None:
        """There may be new work."""
        self._dry = self._waits_for_token = False

    def wake_at(self) -> float | None:
        """When the next queued job falls due, on the monotonic clock; None: nothing is queued."""
        if self.next_due_us is None:
            return None
        # Never far ahead: the wall clock may be set while we wait.
        ahead = min(30.0, max(0.0, (self.next_due_us - self._now_us()) / 1e6))
        return self._clock.monotonic() + ahead

    async def close(self) -> None:
        """Give back what was claimed and not used."""
        async with self._turn:
            if self._ahead is not None:
                self._keep(await self._arrived())
            jobs = [job.id for job in (*self._buffer, *self._apart)]
            self._buffer.clear()
            self._apart.clear()
            for job in jobs:
                self._retries.spare(job)
            if jobs:
                await self._asked.on(self._store.release(self._claim.run, jobs))

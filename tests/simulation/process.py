"""One process of the runner: what it sees of the machine, and how it dies. As hard as kill -9: from that moment nothing
of it reaches the database, whatever its `finally` blocks try."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, TypeVar

import anyio

from runner.domain.model import Request
from runner.sandbox.calls import Sighting
from tests.simulation.axis import Axis
from tests.simulation.disk import Disk, Machine
from tests.simulation.loop import CrashError, SimLoop
from tests.simulation.options import CrashPlan
from tests.simulation.record import Entry, Life, Night, Watch
from tests.simulation.world import Account

T = TypeVar("T")

_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


class SimClock:
    """The clock port, and the machine that it is in. `shift_us` is what somebody did to the wall clock; durations never
    jump, and stand still while the machine sleeps."""

    def __init__(self, axis: Axis, began_us: int) -> None:
        self.axis = axis
        self.shift_us = 0
        self.asleep = 0.0
        self._fell_asleep: float | None = None
        self._at_waking: list[Callable[[], None]] = []
        self._began_us = began_us

    def monotonic(self) -> float:
        """Seconds for which the machine was awake since the night began."""
        now = self.axis.now if self._fell_asleep is None else self._fell_asleep
        return now - self.asleep

    def suspend(self, seconds: float, loop: SimLoop | None) -> None:
        """The machine sleeps; the world does not. `loop`: of the process at work."""
        axis = self.axis
        if self._fell_asleep is not None:
            return
        self._fell_asleep = axis.now
        try:
            axis.advance(axis.now + seconds)
        finally:
            slept, self._fell_asleep = axis.now - self._fell_asleep, None
            self.asleep += slept
            if loop is not None:
                loop.now, loop.asleep = axis.now, self.asleep
        waiting, self._at_waking = self._at_waking, []
        for callback in waiting:
            callback()

    def put_off(self, callback: Callable[[], None]) -> bool:
        """Whether the machine sleeps, and does that only when it wakes."""
        if self._fell_asleep is not None:
            self._at_waking.append(callback)
        return self._fell_asleep is not None

    def now_us(self) -> int:
        """The wall clock of the runner's machine."""
        return self._began_us + self.shift_us + round(self.axis.now * 1e6)

    def asleep_seconds(self) -> float:
        """For how long the machine was suspended in all."""
        return self.asleep

    async def sleep_until(self, deadline: float) -> None:
        """Sleep on the virtual loop."""
        await anyio.sleep_until(deadline)


class SimRandomness:
    """The randomness port from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def uniform(self) -> float:
        """A float in [0, 1)."""
        return self._random.random()

    def attempt_id(self) -> str:
        """16 characters of [a-z2-7]."""
        return "".join(self._random.choices(_LETTERS, k=16))


class Process:
    """What the seams of one life lead to."""

    def __init__(
        self,
        night: Night,
        life: Life,
        axis: Axis,
        machine: Machine,
        *,
        plan: CrashPlan | None,
        watch: Watch | None,
    ) -> None:
        self.night = night
        self.life = life
        self.axis = axis
        self.disk = Disk(machine)
        self.loop: SimLoop | None = None
        self.on_sent: Callable[[int], None] | None = None
        self.violation: AssertionError | None = None
        self.trouble: list[str] = []  # what a callback raised, and nobody was there to catch
        self._plan = plan
        self._watch = watch

    @property
    def dead(self) -> bool:
        """Whether it was killed."""
        return self.disk.dead

    def fault_point(self, name: str) -> None:
        """The seam: counts, lets oracles look, and dies here if that is the plan."""
        if self.dead:
            raise CrashError("dead")
        life = self.life
        life.visited[name] += 1
        self.night.visited[name] += 1
        self.night.trace.add(self.axis.now, name)
        plan = self._plan
        if plan is not None and plan.point == name and life.visited[name] == plan.visit:
            self.die(f"{name} {plan.visit}")
        if self._watch is not None and name in ("after-commit", "decision-after-commit"):
            self._look(self._watch.on_commit, name)

    def _look(self, oracle: Callable[[T], None], at: T) -> None:
        """A violation ends the life: nothing of the runner may catch it on its way to who asked for the night."""
        try:
            oracle(at)
        except AssertionError as violation:
            self.violation = violation
            self.die("violation")

    def die(self, where: str) -> NoReturn:
        """Now."""
        self.life.crash = where
        self.disk.die()
        crash = CrashError(where)
        if self.loop is not None:
            self.loop.die(crash)
        raise crash

    def sending(self, account: Account, request: Request, sighting: Sighting | None) -> Entry:
        """A request leaves: it is in the books from here on."""
        night = self.night
        entry = Entry(
            number=len(night.books) + 1,
            account=account.plan.name,
            life=self.life.number,
            sent_at=self.axis.now,
            operation=None if sighting is None else sighting.operation.key,
            value="" if sighting is None else sighting.value,
            client_request_id=request.client_request_id,
            params={} if sighting is None else sighting.params,
        )
        night.books.append(entry)
        night.trace.add(self.axis.now, f"send {entry.number} {account.plan.name} {request.client_request_id}")
        if self._watch is not None:
            self._look(self._watch.on_send, entry)
        if self.on_sent is not None:
            self.on_sent(entry.number)
        return entry

    def told(self, entry: Entry) -> None:
        """The runner has the answer in hand."""
        told = entry.told
        assert told is not None
        self.night.trace.add(self.axis.now, f"told {entry.number} {told.status} {told.fault} {len(told.body)}")
        if self._watch is not None:
            self._look(self._watch.on_told, entry)

    def second_signal(self, loop: SimLoop | None) -> None:
        """Gone at once, if it is still at work."""
        if self.loop is loop and loop is not None and loop.is_running() and not self.dead:
            self.night.met["a second signal"] += 1
            self.die("second signal")

    def bury(self, folder: Path) -> None:
        """What the kernel does for a dead process: its locks are free."""
        self.disk.die()
        held = []
        for descriptor in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                path = descriptor.readlink()
                if path.suffix == ".lock" and path.is_relative_to(folder):
                    held.append(int(descriptor.name))
        for number in held:
            os.close(number)

"""The lane-wide stop: who may send now, and when the next one may try.

A gate starts shut: one job goes first, the probe, and its answer opens the gate or not. It shuts again when the
provider asks to wait, when requests fail in a row, and it closes for the rest of the run at a halt or a long wait. All
batches at work on an account share its gate. Pure bookkeeping on a monotonic clock; nothing here waits.
"""

from __future__ import annotations

from typing import NamedTuple

from runner.domain.backoff import circuit_wait
from runner.domain.decide import Shut
from runner.domain.model import JobId

FAILURES_TO_TRIP = 5
JOBS_TO_TRIP = 3
PASSES_TO_HALT = 3
REFUSALS_TO_HALT = 20
OUTAGE_SECONDS_TO_HALT = 6 * 3600.0
KNOCK_SECONDS = 10.0
"""For so long the provider is known to answer: a probe that found nothing to send asks it no second time."""


class Pass(NamedTuple):
    """Leave to send one request. A probe goes alone."""

    probe: bool


class Gate:
    """Open (`shut` is None), shut for a reason until a time, or `closed` for the rest of the run."""

    def __init__(self) -> None:
        self.shut: Shut | None = Shut.START
        self.until = 0.0  # monotonic; nothing leaves before
        self.asked_until = 0.0  # what of that the provider asked for: it outlasts this run
        self.closed: str | None = None  # "halted" or "parked"
        self.probe_job: JobId | None = None  # goes first, if set
        self.probe_after: tuple[str, JobId] | None = None  # else the next job of an operation, after that one
        self._probing = False
        self._failures = 0
        self._failed_jobs: set[JobId] = set()
        self._down_since: float | None = None  # the circuit opened, or a probe failed
        self._waits = 0  # of this outage: they grow, and begin again when the provider has proved itself
        self._unproved = 0  # good answers it still owes after an outage
        self._spared: set[JobId] = set()  # failed while it owed them
        self._knocked: float | None = None  # when it answered a knock
        self._refusals = 0
        self._too_fast = 0
        self._passes = 0

    def __repr__(self) -> str:
        return f"<Gate probing={self._probing} failures={self._failures} refusals={self._refusals}>"

    def enter(self, now: float) -> Pass | None:
        """Leave to send now, or None. Every pass ends in one of the answers below or in `leave`."""
        if self.closed is not None:
            return None
        if self.shut is None:
            return Pass(probe=False)
        if self._probing or now < self.until:
            return None
        self._probing = True
        return Pass(probe=True)

    def may_go(self, leave: Pass, now: float) -> bool:
        """Whether what was let through may still be sent: the second look. A probe goes back if a longer wait was asked
        for meanwhile."""
        return self.closed is None and (self.shut is None or (leave.probe and now >= self.until))

    def wake_at(self) -> float | None:
        """When it is worth asking again: at once if it opened meanwhile; None: only after something has happened."""
        if self.closed is not None or self._probing:
            return None
        return 0.0 if self.shut is None else self.until

    def knocks(self, leave: Pass, now: float) -> bool:
        """Whether to ask first, for free, if anybody is there: before a probe that follows failures."""
        down = leave.probe and self._down_since is not None and self.shut is not Shut.PAUSE
        return down and (self._knocked is None or now - self._knocked > KNOCK_SECONDS)

    def knocked(self, now: float) -> None:
        """It answers: the probe may go."""
        self._knocked = now

    def unreachable(self, leave: Pass, *, now: float, chance: float) -> bool:
        """Nobody is there: nothing was sent, and the next look is later. True when that goes on for hours."""
        self.leave(leave)
        self._wait_longer(now, silent=False, chance=chance)
        return self._out_for_hours(now)

    def leave(self, leave: Pass) -> None:
        """Nothing was sent after all."""
        if leave.probe:
            self._probing = False

    def start_after_halt(self, job: JobId | None, operation: str | None, *, same_job: bool) -> None:
        """An earlier run was halted by the answer to `job`: only a success opens the gate. The same job goes first,
        or the next one of its operation."""
        self.shut = Shut.HALT
        if job is not None and same_job:
            self.probe_job = job
        elif job is not None and operation is not None:
            self.probe_after = operation, job

    def start_gated(self, until: float, *, refusals: int) -> None:
        """An earlier run was asked to wait: so is this one. A halt stays what only a success lifts."""
        self.shut = Shut.PAUSE if self.shut is not Shut.HALT else Shut.HALT
        self._refusals = max(self._refusals, refusals)
        self.hold_until(until)

    @property
    def refusals(self) -> int:
        """How often in a row the provider asked to wait: waits grow with it."""
        return self._refusals

    @property
    def too_fast(self) -> int:
        """How often of them it was to slow down, and not because it is in trouble itself."""
        return self._too_fast

    def succeeded(self, leave: Pass, *, now: float) -> None:
        """The provider did what was asked."""
        self._calm()
        if leave.probe or self.shut is None:  # what left before the refusal is no end of its episode
            self._refusals = self._too_fast = 0
        if leave.probe:
            self._open(now)

    def answered(self, leave: Pass, job: JobId, *, ended: bool, now: float) -> bool:
        """A readable answer that is no success. After a halt it opens nothing: the turn passes on when the job has
        `ended`; True when it did too often."""
        if not leave.probe:
            if ended:
                self._calm()
            return False
        self._probing = False
        if self.shut is not Shut.HALT:
            self._calm()
            self._open(now)
            return False
        if not ended:
            self.probe_job = job
            return False
        return self._pass_on()

    def failed(
        self, leave: Pass, job: JobId, *, now: float, silent: bool, doubt: bool, chance: float, again: bool = False
    ) -> bool:
        """A fault, a 5xx or a doubt. True when the provider has to be given up: down for hours, or a third probe in a
        row whose fate is unknown in a lane that has not worked yet.

        `again`: the job has failed before. If others succeeded since, that speaks of its row and not of the provider:
        many such rows at the end of a list, one after the other, are no outage."""
        if self.spares(job):
            self._spared.add(job)
        if again and not leave.probe and job not in self._failed_jobs:
            return False
        self._failures += 1
        self._failed_jobs.add(job)
        if leave.probe:
            self._probing = False
            self._wait_longer(now, silent=silent, chance=chance)
            if self.shut is Shut.HALT and not doubt:
                self.probe_job = job
            elif doubt and self.shut in (Shut.START, Shut.HALT):
                return self._pass_on() or self._out_for_hours(now)
        elif self.shut is None and self._failures >= FAILURES_TO_TRIP and len(self._failed_jobs) >= JOBS_TO_TRIP:
            self.shut = Shut.CIRCUIT
            self._wait_longer(now, silent=silent, chance=chance)
        return self._out_for_hours(now)

    def spares(self, job: JobId) -> bool:
        """Whether a failure of this job is put down to an outage that seemed over: its first, while the provider owes
        good answers. Else a provider that flaps would use up the attempts of job after job. Its second is its own,
        whatever succeeded between them: at the end of a list nothing may be left to pay what is owed."""
        return self.shut is None and self._unproved > 0 and job not in self._spared

    def refuse(self, leave: Pass, *, outage: bool = False) -> bool:
        """The provider asked to wait. False for what was on its way when an earlier refusal shut the gate: the same
        episode, counted once. `outage`: because of trouble of theirs."""
        if not leave.probe and (self.shut is not None or self.closed is not None):
            return False
        self._probing = False
        self._refusals += 1
        self._too_fast += not outage
        self.shut = Shut.PAUSE if self.shut is not Shut.HALT else Shut.HALT
        return True

    def ailing(self, now: float) -> bool:
        """The provider says that it is in trouble. True when it has said nothing else for hours."""
        if self._down_since is None:
            self._down_since = now
        return self._out_for_hours(now)

    def hold_until(self, until: float) -> None:
        """It was asked for: nothing leaves before; never earlier than was promised."""
        self.asked_until = max(self.asked_until, until)
        self.until = max(self.until, until)

    def slept(self, seconds: float) -> None:
        """This machine did, and nobody failed meanwhile: an outage is no older for it. A laptop that wakes has no
        network for its first seconds, which must not be taken for a provider that was down all night."""
        if self._down_since is not None:
            self._down_since += seconds

    def close(self, how: str) -> None:
        """For the rest of the run. A halt outranks a wait."""
        self._probing = False
        if self.closed is None or how == "halted":
            self.closed = how

    def _open(self, now: float) -> None:
        """Unless a longer wait was asked for while the probe was away: what was promised then holds, and one goes first
        again."""
        self.shut = Shut.PAUSE if now < self.until else None
        self._probing, self._passes = False, 0
        self.probe_job = self.probe_after = None

    def _calm(self) -> None:
        self._failures = 0
        self._failed_jobs.clear()
        self._down_since = self._knocked = None
        self._unproved = max(0, self._unproved - 1)
        if not self._unproved:
            self._waits = 0

    def _wait_longer(self, now: float, *, silent: bool, chance: float) -> None:
        """Until the next probe: each wait of an outage is longer than the one before. None is ever shortened."""
        if self._down_since is None:
            self._down_since = now
        self._waits += 1
        self._unproved = FAILURES_TO_TRIP
        self._spared.clear()
        self._knocked = None
        self.until = max(self.until, now + circuit_wait(self._waits, silent=silent, chance=chance))

    def _pass_on(self) -> bool:
        self._passes += 1
        self.probe_job = self.probe_after = None
        return self._passes >= PASSES_TO_HALT

    def _out_for_hours(self, now: float) -> bool:
        return self._down_since is not None and now - self._down_since >= OUTAGE_SECONDS_TO_HALT

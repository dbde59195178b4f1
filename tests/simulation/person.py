"""The person at the keyboard: steers from another terminal while a run is at work, and sees to what it left."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from typing import assert_never

from runner.app import Runner
from runner.domain.model import Resolution
from runner.domain.states import BatchState, JobState
from runner.errors import RunnerError
from runner.work.results import BatchStatus
from tests.simulation.options import Act, Mode, Verb
from tests.simulation.record import Done
from tests.simulation.stage import Stage

RESOLUTIONS = {
    Verb.CHARGED: Resolution.CHARGED,
    Verb.NOT_CHARGED: Resolution.NOT_CHARGED,
    Verb.RESEND: Resolution.RESEND,
}


class Person:
    """Acts on a stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._draws = stage.streams("person at work")
        self._acts = list(stage.options.acts)
        self.max_requests = stage.options.max_requests
        self.max_spend = stage.options.max_spend
        self.ignored = 0  # lives whose end nobody saw to
        self._repeated: set[str] = set()  # completed batches for which the same command was given again

    # --- beside a run ----------------------------------------------------------------------------------------------

    def on_sent(self, number: int) -> None:
        """The books have so many requests: what was planned for now is done at the next turn of the loop."""
        loop = self.stage.loop
        while self._acts and self._acts[0].at_send <= number and loop is not None and not self.healed:
            act = self._acts.pop(0)
            if act.after:
                self.stage.axis.at(self.stage.axis.now + act.after, partial(self._do_later, act))
            else:
                loop.call_soon(self._do_beside, act)

    def _do_later(self, act: Act) -> None:
        """Some time after it was planned: where a run is at work then."""
        if self.stage.loop is not None and not self.healed:
            self._do_beside(act)

    def _do_beside(self, act: Act) -> None:
        self.do(act, beside=True)

    def do(self, act: Act, *, beside: bool) -> bool:
        """Do it; False where it was refused."""
        stage = self.stage
        batch = stage.options.batches[act.batch].name
        life = stage.night.lives[-1].number
        try:
            changed: int | None = self._doing(act, batch)
        except RunnerError:
            changed = None
        stage.night.trace.add(stage.axis.now, f"act {act.verb} {batch} {beside} {changed}")
        stage.night.met[f"act:{act.verb}" if changed is not None else f"refused:{act.verb}"] += 1
        stage.night.done.append(
            Done(at=stage.axis.now, life=life, act=act, beside=beside, changed=changed, batch=batch)
        )
        return changed is not None

    def _doing(self, act: Act, batch: str) -> int:
        operator = self.stage.operator
        match act.verb:
            case Verb.PAUSE | Verb.RESUME | Verb.CANCEL | Verb.RETRY:
                commands = {
                    Verb.PAUSE: operator.pause,
                    Verb.RESUME: operator.resume,
                    Verb.CANCEL: operator.cancel,
                    Verb.RETRY: operator.retry,
                }
                return commands[act.verb](batch).changed
            case Verb.CHARGED | Verb.NOT_CHARGED | Verb.RESEND:
                return self._resolve(operator, batch, RESOLUTIONS[act.verb])
            case Verb.ADD:
                return self._add(batch)
            case Verb.JUMP | Verb.STALL | Verb.SUSPEND | Verb.SIGNAL | Verb.TOP_UP | Verb.RESTORE | Verb.RAISE:
                self._befalls(act)
                return 0
            case _:
                assert_never(act.verb)

    def _befalls(self, act: Act) -> None:
        """What is no command."""
        stage = self.stage
        if act.verb is Verb.JUMP:
            self._note_the_clock(act.seconds)
            stage.clock.shift_us += round(act.seconds * 1e6)
        elif act.verb is Verb.STALL:
            self._stall(act.seconds)
        elif act.verb is Verb.SUSPEND:
            stage.clock.suspend(act.seconds, stage.loop)
        elif act.verb is Verb.SIGNAL:
            stage.night.lives[-1].stopped_at = stage.axis.now
            stage.stop.set("signal:130")
            if act.seconds > 0 and stage.process is not None:
                stage.axis.at(stage.axis.now + act.seconds, partial(stage.process.second_signal, stage.loop))
        elif act.verb is Verb.RAISE:
            self.max_requests = 10**9 if self.max_requests else None
            self.max_spend = 10.0**9 if self.max_spend else None
        for account in stage.accounts.values():
            if act.verb is Verb.TOP_UP:
                account.top_up(stage.options.batches[0].rows * 3.0)
            elif act.verb is Verb.RESTORE:
                account.restore()

    def _note_the_clock(self, seconds: float) -> None:
        """Set back while a request waits for an instant: from then on it lies further away."""
        now_us = self.stage.clock.now_us()
        with closing(sqlite3.connect(self.stage.night.database)) as connection:
            (waiting,) = connection.execute(
                "SELECT count(*) FROM jobs WHERE state = 'queued' AND due_us > ?", (now_us,)
            ).fetchone()
        if seconds < 0 and waiting:
            self.stage.night.met["clock back across a due time"] += 1

    def _resolve(self, operator: Runner, batch: str, resolution: Resolution) -> int:
        doubts = operator.doubts(batch)
        row = self._draws.choice(doubts).row if doubts and self._draws.random() < 0.4 else None
        return operator.resolve(batch, resolution, row=row).changed

    def _add(self, batch: str) -> int:
        rows = self.stage.night.rows[batch]
        more = [f"person{len(rows) + number}.{batch}@example.com" for number in range(1, self._draws.randint(2, 6))]
        rows += more
        self.stage.write_list(batch)
        try:
            return int(self.stage.load(self.stage.operator, batch, add=True).added_rows)
        except RunnerError:
            del rows[-len(more) :]
            self.stage.write_list(batch)
            raise

    def _stall(self, seconds: float) -> None:
        """The process stands still; the world does not."""
        loop, axis = self.stage.loop, self.stage.axis
        if loop is not None:
            loop.now += seconds
            axis.advance(loop.now)

    # --- between lives ---------------------------------------------------------------------------------------------

    @property
    def healed(self) -> bool:
        """Whether the time of faults is over."""
        return self.stage.night.healed_at is not None

    def attend(self) -> bool:
        """See to what the last life left; False when there is nothing more to do."""
        going_on = [self._see_to(position) for position in range(len(self.stage.options.batches))]
        return any(going_on)

    def _see_to(self, position: int) -> bool:
        name = self.stage.options.batches[position].name
        status = self.stage.operator.status(name)
        cares = self.healed or self._draws.random() < self.stage.options.person
        match status.state:
            case BatchState.CANCELLED:
                return False
            case BatchState.COMPLETED:
                return self._completed(status, position) if cares else False
            case BatchState.HALTED:
                if cares:
                    self.do(Act(verb=Verb.TOP_UP, batch=position), beside=False)
                    self.do(Act(verb=Verb.RESTORE, batch=position), beside=False)
                if cares and status.reason == "person":
                    self.do(Act(verb=Verb.RESUME, batch=position), beside=False)
                return self._once_more(cares)
            case BatchState.PAUSED:
                return self._paused(status, position, cares=cares)
            case _:
                return True

    def _once_more(self, cares: bool) -> bool:
        """The same command without seeing to anything leads nowhere, twice is enough."""
        self.ignored += not cares
        return cares or self.ignored < 3

    def _paused(self, status: BatchStatus, position: int, *, cares: bool) -> bool:
        now_us = self.stage.clock.now_us()
        if status.resume_at_us is not None and status.resume_at_us > now_us:
            if cares:
                self.stage.rest((status.resume_at_us - now_us) / 1e6 + 1.0)
            return self._once_more(cares)
        if status.reason == "person":
            if cares:
                self.do(Act(verb=Verb.RESUME, batch=position), beside=False)
            return self._once_more(cares)
        if status.reason in ("max-requests", "max-spend"):
            if cares:
                self.do(Act(verb=Verb.RAISE, batch=position), beside=False)
            return self._once_more(cares)
        if status.reason is not None and "day" in status.reason and cares:
            self.stage.rest(86_400.0)
        return True

    def _completed(self, status: BatchStatus, position: int) -> bool:
        """What is in doubt is looked up, or sent again; what failed is tried again, at most now and then."""
        again = False
        if status.outcomes[JobState.IN_DOUBT]:
            verbs = (Verb.CHARGED, Verb.NOT_CHARGED, Verb.RESEND)
            verb = self._draws.choice(verbs)
            again = self.do(Act(verb=verb, batch=position), beside=False) and verb is not Verb.CHARGED
        if status.outcomes[JobState.FAILED] and self._draws.random() < 0.2 and self.stage.options.mode is Mode.SAFETY:
            again = self.do(Act(verb=Verb.RETRY, batch=position), beside=False) or again
        elif status.outcomes[JobState.FAILED] and status.batch not in self._repeated:
            self._repeated.add(status.batch)  # what failed for reasons that pass is sent again by the same command
            again = True
        return again

"""Where a night is played: the lives of the runner one after the other, and the world between them."""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from runner import app
from runner.app import Runner, Seams
from runner.domain.provider import Provider
from runner.engine import listening
from runner.engine.stop import StopSignal
from runner.errors import RunnerError
from runner.settings import Secret
from runner.work.results import RunResult
from runner.work.session import Session
from tests.simulation import lists
from tests.simulation.axis import Axis
from tests.simulation.disk import Disk, Machine
from tests.simulation.loop import CrashError, DeadlockError, LivelockError, SimLoop
from tests.simulation.options import CrashPlan, Kind, NightOptions, Streams
from tests.simulation.process import Process, SimClock, SimRandomness
from tests.simulation.record import Command, End, Life, Night, Trace, Watch
from tests.simulation.transport import SimTransport
from tests.simulation.world import Account


class Stage:
    """Everything of one night that is not the runner."""

    def __init__(self, options: NightOptions, folder: Path, *, watch: Watch | None, keep_trace: bool) -> None:
        self.options = options
        self.folder = folder
        self.watch = watch
        self.streams = Streams(options.seed)
        self.axis = Axis()
        self.clock = SimClock(self.axis, options.began_us)
        self.environ = {lists.KEYS[plan.kind][0]: lists.KEYS[plan.kind][1] for plan in options.accounts}
        lists.write_settings(folder, options)
        lists.write_database(folder / "runner.db")
        self.accounts: dict[str, Account] = {}
        self.night = Night(
            options=options,
            folder=folder,
            database=folder / "runner.db",
            accounts=self.accounts,
            trace=Trace(keep=keep_trace),
        )
        self.loop: SimLoop | None = None
        self.process: Process | None = None
        self.stop = StopSignal()
        self.machine = Machine(options.disk, self.axis, folder / "runner.db", self.streams("disk room"))
        self.night.disk = self.machine.log
        self.disk = Disk(self.machine)  # of the other terminal
        self.operator = self.runner(None)
        for plan in options.accounts:
            place = str(folder / "hostile.toml") if plan.kind is Kind.HOSTILE else plan.name
            self.accounts[plan.name] = Account(
                plan,
                self.operator.provider(place),
                key=lists.KEYS[plan.kind][1],
                axis=self.axis,
                seed=self.streams.number(f"world:{plan.name}"),
                began_us=options.began_us,
            )
        for batch in options.batches:
            self.night.rows[batch.name] = lists.cells(batch, self.streams(f"cells:{batch.name}"))
            self.write_list(batch.name)

    # --- one life --------------------------------------------------------------------------------------------------

    def live(
        self,
        command: Command,
        batches: Sequence[str],
        work: Callable[[Runner], Any],
        *,
        plan: CrashPlan | None = None,
        on_sent: Callable[[int], None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> Life:
        """One process: `work` does what it is there for (an awaitable runs on a loop of its own)."""
        life = Life(
            number=len(self.night.lives) + 1,
            command=command,
            batches=tuple(batches),
            began_at=self.axis.now,
            options=options or {},
        )
        self.night.lives.append(life)
        self.night.trace.add(self.axis.now, f"life {life.number} {command} {plan}")
        process = Process(self.night, life, self.axis, self.machine, plan=plan, watch=self.watch)
        process.on_sent = on_sent
        self.process = process
        runner = self.runner(process)
        try:
            result = self._drive(process, runner, work, plan)
            runner.close()
            if process.trouble:
                life.end, life.error = End.BROKEN, "\n".join(process.trouble)
            if process.dead:  # somebody caught the crash, and went on as if nothing had happened
                life.end = End.CRASHED
            _keep(life, result)
        except CrashError:
            life.end = End.CRASHED
        except RunnerError as error:
            causes = "".join(f" <- {cause!r}" for cause in (error.__cause__, error.__context__) if cause is not None)
            life.end, life.error = End.REFUSED, f"{type(error).__name__}: {error}: {error.why}{causes}"
        except DeadlockError as error:
            life.end, life.error = End.DEADLOCK, str(error)
        except LivelockError as error:
            life.end, life.error = End.LIVELOCK, str(error)
        except Exception:
            life.end, life.error = End.BROKEN, traceback.format_exc()
        process.bury(self.folder)
        life.ended_at = self.axis.now
        self.night.trace.add(self.axis.now, f"end {life.number} {life.end} {life.crash} {dict(life.exit_codes)}")
        if process.violation is not None:
            raise process.violation
        if self.watch is not None:
            self.watch.on_life(life)
        return life

    def _drive(
        self, process: Process, runner: Runner, work: Callable[[Runner], Any], plan: CrashPlan | None
    ) -> list[RunResult]:
        if process.life.command is not Command.RUN:
            work(runner)
            return []
        self.stop = StopSignal()
        listening.WISHES_SECONDS = self.options.poll_seconds  # a run of hours would do little else
        self.loop = process.loop = SimLoop(
            self.streams.number(f"schedule:{process.life.number}"),
            began_at=self.axis.now,
            asleep=self.clock.asleep,
            outside=self.axis,
            dies_at_step=plan.visit if plan is not None and plan.point is None else None,
            on_death=process.disk.die,
        )
        try:
            results: list[RunResult] = self.loop.live(work(runner))
        except CrashError as crash:
            process.life.crash = process.life.crash or str(crash)
            raise
        finally:
            process.life.steps = self.loop.steps
            process.trouble += [f"{one.get('message')}: {one.get('exception')!r}" for one in self.loop.trouble]
            self.loop = None
        return results

    def runner(self, process: Process | None) -> Runner:
        """The library, as a process opens it; None: another terminal's, which never dies."""
        life = 0 if process is None else process.life.number
        delays = self.streams(f"commits:{life}")
        seams = Seams(
            clock=self.clock,
            randomness=SimRandomness(self.streams.number(f"runner:{life}")),
            make_transport=None if process is None else self._wire(process),
            inline_writes=True,
            gather_seconds=self._gather(delays),
            fault_point=self._looked_at if process is None else process.fault_point,
            lock_folder=self.folder / "locks",
            connect=(self.disk if process is None else process.disk).connect,
        )
        if process is None:
            return app.open(directory=self.folder, environ=self.environ, seams=seams)
        # The settings do not change in a night: to read them and the profiles again would be half of what it costs.
        session = Session(self.operator._session.settings, seams)
        session.profiles = self.operator._session.profiles
        return Runner(session)

    def _gather(self, draws: random.Random) -> Callable[[], float] | None:
        most = self.options.commit_seconds
        return (lambda: most * draws.random()) if most else None

    def _wire(self, process: Process) -> Callable[[Provider, Secret | None], SimTransport]:
        return lambda provider, secret: SimTransport(self.accounts[provider.name], process, self.clock, secret)

    def _looked_at(self, name: str) -> None:
        """Another terminal's decision was committed."""
        if name == "decision-after-commit":
            self.night.trace.add(self.axis.now, "beside")
            if self.watch is not None:
                self.watch.on_commit(name)

    # --- what lives are made of ------------------------------------------------------------------------------------

    def operations(self, batch: str) -> list[str]:
        """The operations of a list, as one types them."""
        plan = next(one for one in self.options.batches if one.name == batch)
        return [lists.operation(self.options.accounts[position]) for position in plan.operations]

    def write_list(self, batch: str) -> None:
        """Write the rows of a list as they are now."""
        lists.write_list(self.folder / f"input-{batch}.csv", self.night.rows[batch])

    def load(self, runner: Runner, batch: str, *, add: bool = False) -> Any:
        """Import a list."""
        return runner.load(f"input-{batch}.csv", self.operations(batch), batch=batch, add=add, max_invalid=1.0)

    def rest(self, seconds: float) -> None:
        """Time passes, and the world goes on in it."""
        self.axis.advance(self.axis.now + seconds)


def _keep(life: Life, results: list[RunResult]) -> None:
    life.exit_codes = {result.batch: result.exit_code for result in results}
    life.results = {result.batch: result for result in results}
    life.states = {
        result.batch: f"{result.status.state}:{result.status.reason}" if result.status.reason else result.status.state
        for result in results
    }

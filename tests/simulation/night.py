"""A night: several lives of the whole runner on one file, with a world that goes on between them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from tests.simulation.draw import draw
from tests.simulation.limit import LIMIT
from tests.simulation.options import CrashPlan, Mode, NightOptions
from tests.simulation.person import Person
from tests.simulation.record import Command, End, Life, Night, Watch
from tests.simulation.stage import Stage

HEALED_LIVES = 25
"""So often at most is the command repeated once nothing goes wrong any more."""


def run_night(seed: int, *, mode: Mode, folder: Path, watch: Watch | None = None, keep_trace: bool = False) -> Night:
    """Run the night of a seed in `folder`, which is empty. AssertionError: `watch` saw a violation.

    What happened is in the Night, also while it goes on: `watch.begin` is given it.
    """
    return play_night(draw(seed, mode), folder, watch=watch, keep_trace=keep_trace)


def play_night(options: NightOptions, folder: Path, *, watch: Watch | None = None, keep_trace: bool = False) -> Night:
    """The same of options that somebody wrote."""
    stage = Stage(options, folder, watch=watch, keep_trace=keep_trace)
    try:
        with LIMIT.held_back(f"night {options.seed}"):
            _play(stage)
    finally:
        stage.operator.close()
        stage.disk.die()
        for account in stage.accounts.values():
            stage.night.met.update(account.met)
        stage.night.met.update(stage.machine.met)
    return stage.night


def _play(stage: Stage) -> None:
    night, options = stage.night, stage.options
    if stage.watch is not None:
        stage.watch.begin(night)
    if options.heal_after is not None:
        stage.axis.at(options.heal_after, partial(_heal, stage))
    plan = options.crash_in_load
    for batch in options.batches:
        while stage.live(Command.LOAD, [batch.name], partial(_load, stage, batch.name), plan=plan).end is not End.ENDED:
            plan = None
            stage.rest(60.0)
    _run_until_over(stage, Person(stage))
    stage.machine.heal()
    for batch in options.batches:
        target = stage.folder / f"export-{batch.name}.csv"
        life = stage.live(Command.EXPORT, [batch.name], partial(_export, batch.name, target))
        if life.end is End.ENDED:
            night.exports[batch.name] = target
    if stage.watch is not None:
        stage.watch.end(night)


def _run_until_over(stage: Stage, person: Person) -> None:
    rests = stage.streams("rests")
    crashes = list(stage.options.crashes)
    over = False
    while not over:
        for batches in _turns(stage):
            plan = crashes.pop(0) if crashes and stage.night.healed_at is None else None
            _run(stage, person, batches, plan)
            stage.rest(rests.expovariate(1 / stage.options.rest_seconds))
        over = _is_over(stage, person)


def _turns(stage: Stage) -> list[list[str]]:
    """`run --all`, or one batch after the other."""
    names = [batch.name for batch in stage.options.batches]
    return [names] if stage.options.together else [[name] for name in names]


def _is_over(stage: Stage, person: Person) -> bool:
    night = stage.night
    runs = [life for life in night.lives if life.command is Command.RUN]
    if runs[-1].end in (End.DEADLOCK, End.LIVELOCK):
        return True
    if night.healed_at is not None:
        healed = [life for life in runs if life.began_at >= night.healed_at]
        return len(healed) >= HEALED_LIVES or not person.attend()
    tired = len(runs) >= stage.options.most_lives
    if not tired and runs[-1].end in (End.CRASHED, End.REFUSED):
        return False
    if not tired and person.attend():
        return False
    if stage.options.heal_after is not None:
        stage.rest(stage.options.heal_after - stage.axis.now)
    elif not tired or not list(stage.folder.glob("*.answers")):
        return True
    else:
        stage.machine.heal()  # answers that wait beside the database have to arrive
    return False


def _run(stage: Stage, person: Person, batches: list[str], plan: CrashPlan | None) -> Life:
    options = stage.options
    keywords: dict[str, Any] = {
        "in_doubt": options.in_doubt,
        "max_requests": person.max_requests,
        "max_spend": None if person.max_spend is None else f"{person.max_spend:g}",
        "rate": options.rate,
        "max_wait": options.max_wait,
        "max_failed": options.max_failed if stage.night.healed_at is None else None,
        "output": "auto" if options.output else None,
    }
    given = {name: value for name, value in keywords.items() if value is not None}
    return stage.live(
        Command.RUN,
        batches,
        lambda runner: runner.arun_all(batches, stop=stage.stop, overwrite=True, **given),
        plan=plan,
        on_sent=person.on_sent,
        options=given,
    )


def _load(stage: Stage, batch: str, runner: Any) -> None:
    stage.load(runner, batch)


def _export(batch: str, target: Path, runner: Any) -> None:
    runner.export(batch, target, overwrite=True)


def _heal(stage: Stage) -> None:
    """The time of faults is over; from here on it has to get done."""
    night, options = stage.night, stage.options
    night.healed_at = stage.axis.now
    stage.machine.heal()
    for account in stage.accounts.values():
        account.heal()
    sends = 2 * sum(batch.rows * len(batch.operations) for batch in options.batches) + 100
    pace = max(sends / at_most * seconds for plan in options.accounts for at_most, seconds in plan.limits)
    answers = sends * max(plan.timeout_seconds for plan in options.accounts)
    night.bound_at = night.healed_at + 2 * 86_400 + 4 * pace + answers

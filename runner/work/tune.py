"""`tune`: other limits for a batch, kept with it; a run at work goes by them within a second."""

from __future__ import annotations

from typing import Final

from runner.domain.states import BatchState
from runner.errors import UsageError
from runner.settings import SpendCap
from runner.store.locks import is_locked
from runner.store.values import BatchInfo
from runner.work.caps import Wanted, from_defaults, run_options
from runner.work.results import Next, Tuned
from runner.work.standing import short_name
from runner.work.tools import Tools

TUNED: Final = ("rate", "in_flight", "max_requests", "max_spend")
"""What may be changed while a run is at work, by the names under which it is kept."""


def tune(
    info: BatchInfo,
    *,
    rate: str | None,
    in_flight: int | None,
    max_requests: int | None,
    max_spend: SpendCap | None,
    tools: Tools,
) -> Tuned:
    """Keep what is given with the batch. UsageError: nothing was given, or it cannot hold. BatchError: the batch is
    over."""
    wanted = Wanted.parse(rate=rate, in_flight=in_flight, max_requests=max_requests, max_spend=max_spend)
    changes = wanted.kept()
    if not changes:
        raise UsageError(
            f"nothing to tune of {info.name}",
            why="no limit was given",
            fix=f"runner tune {info.typed} --rate 30/min --in-flight 2",
        )
    operations = tools.profiles.of_batch(info.operations, info.source)
    _check_in_flight(info, wanted.in_flight, tools)
    run_options(wanted, info.settings, tools.settings.run, operations.values())
    done = tools.store.steering.tune(info.id, changes)
    locked = is_locked(tools.store.path)
    defaults = from_defaults(tools.settings.run, {operation.provider for operation in operations.values()})
    holds = {**defaults, **done.after}
    now = tools.store.reports.batch(info.id)
    at_work = locked and now.state is BatchState.RUNNING
    behind = " --wait 2h" if locked else ""  # of another batch's run
    run = f"runner run {short_name(now, tools.store)}{behind}{tools.settings.typed}"
    return Tuned(
        batch=now.name,
        state=now.state,
        at_us=done.at_us,
        at_work=at_work,
        changes={name: (done.before.get(name), changes[name]) for name in changes},
        holds={name: holds[name] for name in TUNED if name in holds},
        next=None if at_work else Next(command=run, why=f"It starts a run{' after the one at work' * locked}."),
    )


def _check_in_flight(info: BatchInfo, in_flight: int | None, tools: Tools) -> None:
    """UsageError where no provider of the batch takes so many at once."""
    operations = tools.profiles.of_batch(info.operations, info.source)
    most = max(tools.profiles.by_provider(operations, info.source).values(), key=lambda provider: provider.in_flight)
    if in_flight is not None and in_flight > most.in_flight:
        raise UsageError(
            f"--in-flight {in_flight} is more than {most.title} takes",
            why=f"its profile allows {most.in_flight} on the way at once",
            fix=f"runner tune {info.typed} --in-flight {most.in_flight}",
        )

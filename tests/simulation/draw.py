"""From a seed to the options of its night."""

from __future__ import annotations

import math
import random
from typing import Final

from runner.engine.faultpoints import FAULT_POINTS
from tests.simulation.options import (
    AccountPlan,
    Act,
    BatchPlan,
    CrashPlan,
    DiskPlan,
    DiskTrouble,
    Episode,
    EpisodePlan,
    Fault,
    Kind,
    Mode,
    NightOptions,
    Retry,
    Streams,
    Verb,
)
from tests.virtual import NOON_US

LIMITS: Final = (
    ((60, 60.0), (2, 1.0)),
    ((1000, 1.0),),
    ((10, 1.0), (300, 60.0)),
    ((5, 1.0),),
    ((3, 0.5), (20, 10.0), (200, 300.0)),
    ((1, 1.0),),
    ((50, 1.0), (100, 5.0)),
)
MOST_FAULTS: Final = 0.6
"""Of all requests: where nothing works a night is one outage after the other, hours long, and shows no more."""

MOST_ROWS: Final = 600
OPERATIONS: Final = {
    Kind.DEFASTRA: ("email",),
    Kind.DEFENDIS: ("email",),
    Kind.DFIRLAB: ("email",),
    Kind.HOSTILE: ("check", "look"),
}
SAFE: Final = {(Kind.HOSTILE, "look")}
STEERED: Final = (
    Verb.PAUSE,
    Verb.RESUME,
    Verb.CANCEL,
    Verb.RETRY,
    Verb.CHARGED,
    Verb.NOT_CHARGED,
    Verb.RESEND,
    Verb.ADD,
    Verb.JUMP,
    Verb.JUMP,
    Verb.STALL,
    Verb.SUSPEND,
    Verb.SUSPEND,
    Verb.SIGNAL,
    Verb.TOP_UP,
)
SECONDS: Final = {
    Verb.JUMP: (-86_400.0, -3600.0, -7.0, -0.5, 0.5, 7.0, 3600.0, 86_400.0),
    Verb.STALL: (0.3, 2.0, 20.0, 200.0),
    Verb.SUSPEND: (5.0, 40.0, 1200.0, 8 * 3600.0),
    Verb.SIGNAL: (0.0, 0.0, 0.05, 0.5),
}


def draw(seed: int, mode: Mode) -> NightOptions:
    """The options of one night."""
    streams = Streams(seed)
    size = streams("size")
    stubborn = _is_stubborn(streams)
    rows = max(_rows(size), streams("stubborn rows").randint(55, 78) if stubborn else 0)
    accounts = _accounts(streams, rows)
    batches = _batches(streams("batches"), rows, accounts)
    sends = sum(batch.rows * len(batch.operations) for batch in batches)
    money = streams("money")
    store = streams("store")
    person = streams("person")
    paid = all(account.kind is not Kind.DEFENDIS for account in accounts) and len(accounts) == 1
    return NightOptions(
        seed=seed,
        mode=mode,
        began_us=NOON_US + round(streams("clock").uniform(0, 86_400) * 1e6),
        accounts=accounts,
        batches=batches,
        in_doubt="resend-once" if money.random() < 0.35 else "hold",
        max_requests=max(1, int(sends * money.uniform(0.2, 1.2))) if money.random() < 0.2 else None,
        max_spend=round(sends * money.uniform(0.2, 1.5), 1) if money.random() < 0.25 and paid else None,
        max_spend_per_day=round(6.0 + sends * money.uniform(0.1, 1.0), 1) if money.random() < 0.12 and paid else None,
        rate=money.choice(("30/min", "5/s", "100/min")) if money.random() < 0.1 else None,
        max_wait=money.choice((60.0, 900.0, 900.0, 7200.0)),
        max_failed=0.5 if money.random() < 0.1 else None,
        commit_seconds=store.choice((0.0, 0.002, 0.02, 0.2)),
        poll_seconds=store.choice((0.5, 10.0, 10.0, 10.0, 10.0, 60.0)),
        crashes=_crashes(streams("crashes"), sends),
        crash_in_load=_crash_in_load(streams("load")),
        disk=_disk(streams("disk"), sends),
        acts=_acts(streams("acts"), sends, len(batches)),
        person=person.uniform(0.4, 1.0),
        together=person.random() < 0.5,
        output=person.random() < 0.1,
        rest_seconds=person.choice((1.0, 30.0, 600.0, 20_000.0)),
        most_lives=12,
        heal_after=streams("heal").uniform(1.0, 600.0) if mode is Mode.LIVENESS else None,
        strict_commits=seed % 10 == 0,
    )


def _rows(draws: random.Random) -> int:
    """Log-uniform, mostly up to 60, for one night in twelve up to 600: what goes wrong does so in small lists too."""
    most = MOST_ROWS if draws.random() < 1 / 12 else 60
    return round(math.exp(draws.uniform(0.0, math.log(most))))


def _is_stubborn(streams: Streams) -> bool:
    """One night in twelve has values that fail again and again: enough of them to use up the budget of retries."""
    return streams("stubborn").random() < 0.08


def _accounts(streams: Streams, rows: int) -> tuple[AccountPlan, ...]:
    draws = streams("accounts")
    kinds = draws.sample(list(Kind), k=2 if draws.random() < 0.2 else 1)
    return tuple(_account(streams, kind, rows) for kind in kinds)


def _account(streams: Streams, kind: Kind, rows: int) -> AccountPlan:
    draws = streams(f"account:{kind}")
    operation = draws.choice(OPERATIONS[kind])
    limits = draws.choice(LIMITS)
    again, stubborn = streams(f"stubborn:{kind}"), _is_stubborn(streams)
    if stubborn:  # else the budget is filled again before the retries are due
        limits = again.choice([some for some in LIMITS if min(most / seconds for most, seconds in some) <= 1])
    return AccountPlan(
        name=kind.value,
        kind=kind,
        operation=operation,
        safe=(kind, operation) in SAFE or kind is Kind.DEFENDIS,
        limits=limits,
        pace="arrival" if streams(f"pace:{kind}").random() < 0.2 else "strict",
        in_flight=draws.choice((1, 2, 3, 5, 8, 16, 32)),
        timeout_seconds=draws.choice((5.0, 30.0)),
        latency=draws.choice(("flat", "uniform", "exponential", "tailed")),
        latency_seconds=draws.choice((0.02, 0.15, 0.15, 0.6, 3.0)),
        faults=_faults(streams(f"faults:{kind}")),
        episodes=_episodes(streams(f"episodes:{kind}"), rows),
        stubborn=again.uniform(0.4, 0.6) if stubborn else 0.0,
        stubborn_for=again.choice((3, 4, 5)),
        wallet=round(rows * draws.uniform(0.1, 0.9) * 3, 1) if draws.random() < 0.25 else None,
    )


def _faults(draws: random.Random) -> dict[Fault, float]:
    """Swarm: some kinds at all, each with a rate of its own; in a third of the nights nothing goes wrong."""
    if draws.random() < 0.2:
        return {}
    some = draws.uniform(0.05, 0.5)
    worst = draws.choice((0.01, 0.05, 0.2))
    rates = {fault: draws.uniform(0.0, worst) for fault in Fault if draws.random() < some}
    scale = min(1.0, MOST_FAULTS / (sum(rates.values()) or 1.0))
    return {fault: round(rate * scale, 4) for fault, rate in rates.items()}


def _episodes(draws: random.Random, rows: int) -> tuple[EpisodePlan, ...]:
    found = []
    for episode in Episode:
        share = {Episode.OUTAGE: 0.2, Episode.TOO_FAST: 0.3, Episode.FUNDS: 0.15}.get(episode, 0.06)
        while draws.random() < share:
            found.append(
                EpisodePlan(
                    episode=episode,
                    at_send=draws.randint(1, rows),
                    seconds=draws.choice((0.5, 10.0, 120.0, 3600.0)),
                    retry=draws.choice(list(Retry)),
                )
            )
    return tuple(found)


def _crashes(draws: random.Random, sends: int) -> tuple[CrashPlan, ...]:
    """For half of the nights. A low visit of a point that recovery passes too makes a crash in recovery."""
    found: list[CrashPlan] = []
    chance = draws.random()
    if chance < 0.5:
        return ()
    if chance > 0.95:  # the same request is on the wire each time: poison
        return (CrashPlan(point=draws.choice(("opened", "answered")), visit=1),) * 5
    while len(found) < 6 and draws.random() < 0.7:
        if draws.random() < 0.4:
            found.append(CrashPlan(point=None, visit=round(math.exp(draws.uniform(0, math.log(20 + 60 * sends))))))
        else:
            most = max(2, 2 * sends)
            point = draws.choice(FAULT_POINTS)
            if point.startswith("decision"):
                most = 12
            found.append(CrashPlan(point=point, visit=round(math.exp(draws.uniform(0, math.log(most))))))
    return tuple(found)


def _crash_in_load(draws: random.Random) -> CrashPlan | None:
    if draws.random() > 0.08:
        return None
    return CrashPlan(point=draws.choice(("decision-before-commit", "decision-after-commit")), visit=draws.randint(1, 4))


def _disk(draws: random.Random, sends: int) -> tuple[DiskPlan, ...]:
    found: list[DiskPlan] = []
    while draws.random() < 0.12:
        trouble = draws.choice(list(DiskTrouble))
        lasts = (2.0, 40.0, 600.0) if trouble in (DiskTrouble.FULL, DiskTrouble.LOCKED) else (0.0,)
        found.append(DiskPlan(trouble=trouble, at_commit=draws.randint(1, 3 * sends + 5), seconds=draws.choice(lasts)))
    return tuple(found)


def _acts(draws: random.Random, sends: int, batches: int) -> tuple[Act, ...]:
    found: list[Act] = []
    while draws.random() < 0.5 and len(found) < 6:
        verb = draws.choice(STEERED)
        seconds = draws.choice(SECONDS.get(verb, (0.0,)))
        found.append(
            Act(
                verb=verb,
                at_send=draws.randint(1, max(1, sends)),
                after=draws.choice((0.0, 0.5, 20.0, 600.0)) if verb is Verb.SUSPEND else 0.0,
                seconds=seconds,
                batch=draws.randrange(batches),
            )
        )
    return tuple(sorted(found, key=lambda act: act.at_send))


def _batches(draws: random.Random, rows: int, accounts: tuple[AccountPlan, ...]) -> tuple[BatchPlan, ...]:
    everything = tuple(range(len(accounts)))
    count = 2 if draws.random() < 0.2 else 1
    return tuple(
        BatchPlan(
            name=f"list{number}",
            rows=max(1, rows // count),
            duplicates=draws.choice((0.0, 0.1, 0.4)),
            invalid=draws.choice((0.0, 0.0, 0.1, 0.3)),
            operations=everything if draws.random() < 0.6 else (draws.choice(everything),),
        )
        for number in range(1, count + 1)
    )

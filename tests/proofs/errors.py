"""Every documented error of a provider, and what is none of its answers: what becomes of row, batch and money."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from runner.domain.model import Answer
from runner.sandbox.replies import Behaviour, Manner
from tests.proofs.fates import GIVE_UP_AFTER, MIDNIGHT, Case, Fate, Table
from tests.proofs.place import Done, Place, draw, holds, same
from tests.proofs.provider import Played, played

HEAD = "| answer | HTTP | exit | state | action | debited | charged | requests | attempts spent |"
AT_ONCE = 3  # runs beside each other: some of them only wait
TOGETHER, AGAIN_TOGETHER = 12, 2  # cases in a run: three rows that fail again and again would be taken for an outage
MAX_WAIT = "4s"


def errors(
    folder: Path, *, seed: int, table: Callable[[], Table], most: int | None = None, show: Callable[[str], object] = str
) -> str:
    """Each case, or `most` of them, drawn. `show` is given the lines of a Markdown table."""
    given = table()
    every = list(given.cases)
    chosen = every if most is None else draw(seed).sample(every, most)
    runs = [_Run(number, given, cases) for number, cases in enumerate(_shared(chosen))]
    with played(given, seed=seed) as provider, ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda run: _violation(folder / str(run.number), provider, run), runs))
    holds("\n".join(filter(None, found)), not any(found))
    show(HEAD)
    show("| --- " * HEAD.count("|", 1) + "|")
    for case in chosen:
        show(_line(case))
    return f"{len(chosen)} of {len(every)} cases of {given.operation} as documented, in {len(runs)} runs"


@dataclass(frozen=True)
class _Run:
    """One list, one run: what may share a run does, so that all fit into minutes."""

    number: int
    table: Table
    cases: list[Case]

    @property
    def proven(self) -> bool:
        return all(case.proven for case in self.cases)

    def target(self, case: Case, row: int) -> str:
        """The address that is answered like the case says."""
        return f"target{self.number}-{self.cases.index(case)}-{row}@example.com"

    def targets(self) -> Iterator[tuple[Case, str]]:
        """All of them, in the list's order."""
        return ((case, self.target(case, row)) for case in self.cases for row in range(case.rows))

    def values(self) -> list[str]:
        """The list: before and after each case that shares the run a row that is answered well."""
        values = [f"well{self.number}@example.com"] if self.proven else []
        for index, case in enumerate(self.cases):
            values += [self.target(case, row) for row in range(case.rows)]
            values += [f"well{self.number}-{index}@example.com"] * (len(self.cases) > 1)
        return values


def _shared(cases: Iterable[Case]) -> Iterator[list[Case]]:
    once: list[Case] = []
    again: list[Case] = []
    for case in cases:
        if case.alone:
            yield [case]
        else:
            (once if case.fate.sends == 1 else again).append(case)
    for pile, most in ((once, TOGETHER), (again, AGAIN_TOGETHER)):
        yield from (pile[start : start + most] for start in range(0, len(pile), most))


def _violation(folder: Path, provider: Played, run: _Run) -> str:
    """What is not as documented; all of it is told, not the first alone."""
    try:
        _check(folder, provider, run)
    except AssertionError as violation:
        return str(violation)
    return ""


def _check(folder: Path, provider: Played, run: _Run) -> None:
    table = run.table
    for case, value in run.targets():
        provider.next(value, [_behaviour(case)] * _refusals(case.fate))
    place = Place(
        folder,
        provider.url,
        provider=table.provider,
        in_flight=1,
        retry=f"{{ attempts = {GIVE_UP_AFTER}, base = 0.01, cap = 0.02 }}",
        more=table.settings,
    )
    place.write_list(run.values())
    before = time.time()
    done = place.runner("run", "list.csv", "-p", table.operation, "--max-wait", MAX_WAIT, "--json", "-q")
    named = ", ".join(f"{case.name} with HTTP {case.status}" for case in run.cases) + ": "
    same(f"{named}exit code, with {done.err}", done.code, max(case.fate.exit for case in run.cases))
    for case, value in run.targets():
        _check_row(f"{case.name} with HTTP {case.status}: ", place, provider, case, value)
    if case.alone:
        _check_end(named, case, done, before, provider.times(value))


def _check_row(what: str, place: Place, provider: Played, case: Case, value: str) -> None:
    fate = case.fate
    same(f"{what}requests seen", len(provider.times(value)), fate.sends)
    found = place.query(
        "SELECT state, debited, attempts, attempts_spent, possible_double_charge, amount, final "
        f"FROM v_outcomes WHERE value = '{value}'"
    )
    same(f"{what}rows", len(found), 1)
    *stored, marked, amount, final = found[0]
    same(f"{what}state, debited, attempts, spent", tuple(stored), (fate.state, fate.debited, fate.sends, fate.spent))
    same(f"{what}marked", bool(marked), fate.marked)
    if fate.amount is not None:
        same(f"{what}charged", float(amount or 0), fate.amount)
    if fate.state == "failed":
        same(f"{what}final", bool(final), fate.final)
    if case.rows == 1:  # of a streak only the last knows that it is one
        of_row = f"FROM v_attempts WHERE job = (SELECT job FROM v_outcomes WHERE value = '{value}')"
        actions = [action for (action,) in place.query(f"SELECT action {of_row} ORDER BY attempt")]
        same(f"{what}actions", actions, fate.actions)


def _check_end(what: str, case: Case, done: Done, before: float, times: list[float]) -> None:
    """A halt names what to do; a wait says until when, and is kept."""
    status, fate = done.status, case.fate
    if fate.exit == 4:
        same(f"{what}halted", (status["state"], bool(status["halt"])), ("halted", True))
        holds(f"{what}a halt without advice", bool(status["halt"]["advice"]))
        holds(f"{what}the advice is not on screen: {done.err}", status["halt"]["advice"][:30] in done.err)
        holds(f"{what}their own words are not on screen: {done.err}", case.words in done.err)
    if fate.wait is not None:
        resume_at = datetime.fromisoformat(status["resume_at"])
        if fate.wait == MIDNIGHT:
            same(f"{what}waits until", resume_at, _midnight(before))
        else:
            seconds = resume_at.timestamp() - float(fate.wait)
            more = 2 if case.timed else 1  # at most a second so that not all come at once; times are told in whole ones
            holds(f"{what}waits until {resume_at}", before <= seconds <= time.time() + more)
    for earlier, later in pairwise(times):
        holds(f"{what}only {later - earlier:.2f} s between requests", later - earlier >= fate.pause)


def _midnight(now: float) -> datetime:
    return datetime.fromtimestamp((int(now) // 86_400 + 1) * 86_400, UTC)


def _refusals(fate: Fate) -> int:
    """Exactly the requests that are due; one more would be answered well and show."""
    return fate.actions.index("succeed") if fate.sends > 1 and "succeed" in fate.actions else fate.sends


def _behaviour(case: Case) -> Callable[[], Behaviour]:
    """Made when it is due, for headers that tell a time."""

    def now() -> Behaviour:
        if case.status is None:
            return Behaviour(manner=Manner.DROP)
        timed = {name: tell(time.time()) for name, tell in case.timed.items()}
        return Behaviour(answer=_answer(case.status, case.body, {**case.headers, **timed}))

    return now


def _answer(status: int, body: Any, headers: dict[str, str]) -> Answer:
    text = body if isinstance(body, str) else json.dumps(body)
    return Answer(status=status, headers=tuple(headers.items()), body=text.encode())


def _line(case: Case) -> str:
    fate = case.fate
    more = f" x {case.rows} rows" if case.rows > 1 else ""
    charged = "" if fate.amount is None else f"{fate.amount:g}"
    return (
        f"| `{case.name}`{more} | {case.status or 'closed'} | {fate.exit} | {fate.state} | {fate.action} "
        f"| {fate.debited} | {charged} | {fate.sends} | {fate.spent} |"
    )

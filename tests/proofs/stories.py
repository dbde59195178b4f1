"""A folder whose command is interrupted again and again: what differs from one to the next is drawn."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.proofs.books import OPEN, Books, compare
from tests.proofs.place import NO_LIMITS, Done, Place, Windows, holds, same
from tests.sandbox.process import Sandbox, sandbox

OVER = frozenset({0, 3})
"""How a command ends that nobody interrupts: with every row succeeded, or some in doubt or given up."""

MANY_STRIKES = 8
"""From so many on these pay: several lists, each loaded by a command of its own, and wide lanes, whose requests are
sent one a second once they were on the wire at two crashes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a story is played with."""

    provider: str = "defastra"  # its e-mail operation is paid; that of Defendis is free and safe
    lists: int = 1  # several are loaded one by one, then `run --all`
    rows: int = 200  # of each
    in_flight: int = 8
    resend: bool = False  # --in-doubt resend-once
    latency_seconds: tuple[float, float] = (0.02, 0.12)
    limits: Windows = NO_LIMITS
    timeout: float = 30.0

    def __str__(self) -> str:
        policy = "resend-once" if self.resend else "hold"
        return f"{self.provider}, {self.lists} x {self.rows} rows, {self.in_flight} in flight, {policy}"


def drawn(chance: Random, *, strikes: int) -> Setting:
    """Any setting, with about as many rows as so many short lives send."""
    many = strikes >= MANY_STRIKES
    lists, in_flight = chance.choice((1, 1, 3) if many else (1,)), chance.choice((2, 4, 8, 32) if many else (2, 4, 8))
    return Setting(
        provider=chance.choice(("defastra", "defastra", "defendis")),
        lists=lists,
        rows=12 + strikes * min(16, 2 + in_flight) // lists,
        in_flight=in_flight,
        resend=chance.random() < 0.5,
    )


@dataclass(slots=True, kw_only=True)
class Story:
    """One folder at work."""

    place: Place
    world: Sandbox
    setting: Setting
    chance: Random
    deaths: dict[str, float] = field(default_factory=dict)  # client request id -> when its process died

    @property
    def lists(self) -> dict[str, list[str]]:
        """The values of each batch by its name."""
        return {
            f"list{number}-{self.setting.provider}-email": _people(number, self.setting.rows)
            for number in range(1, self.setting.lists + 1)
        }

    def command(self) -> tuple[str, ...]:
        """What its person types next: the first list that is not loaded yet, or the run of them all."""
        operation = f"{self.setting.provider}.email"
        policy = ("--in-doubt", "resend-once") if self.setting.resend else ()
        if self.setting.lists == 1:
            return ("run", "list1.csv", "-p", operation, *policy, "-q")
        loaded = self.place.number("SELECT count(*) FROM batches WHERE state <> 'loading'")
        if loaded < self.setting.lists:
            return ("load", f"list{loaded + 1}.csv", "-p", operation)
        return ("run", "--all", *policy, "-q")

    def died(self, at: float) -> None:
        """Note which attempts the death of a process left open. One that was not recovered died at the first."""
        for (name,) in self.place.query(OPEN):
            self.deaths.setdefault(name, at)

    def end(self, *, seconds: float = 120.0) -> Books:
        """Let the same commands run until all is over; its books, checked."""
        while (command := self.command())[0] == "load":
            same(f"exit code of {command}", self._last(command, seconds).code, 0)
        done = self._last(command, seconds)
        books = compare(self.place, self.world, self.lists, deaths=self.deaths)
        left = self.place.number("SELECT count(*) FROM v_outcomes WHERE state <> 'succeeded'")
        # `--all` speaks of the batches that were not over yet.
        allowed = {3 if left else 0} | ({0} if self.setting.lists > 1 else set())
        holds(f"exit code {done.code} of the last run, {left} rows are not well: {done.err}", done.code in allowed)
        books.check()
        return books

    def _last(self, command: tuple[str, ...], seconds: float) -> Done:
        return self.place.runner(*command, seconds=seconds)


def _people(number: int, rows: int) -> list[str]:
    return [f"person{row}@list{number}.example.com" for row in range(1, rows + 1)]


@contextmanager
def story(folder: Path, setting: Setting, *, seed: int, runtime: Path | None = None) -> Iterator[Story]:
    """A folder with its lists, and a provider that outlives what is done to the runner. `runtime`: `Place`'s."""
    with sandbox(setting.provider, limits=setting.limits, latency_seconds=setting.latency_seconds, seed=seed) as world:
        place = Place(
            folder,
            world.url,
            provider=setting.provider,
            runtime=runtime,
            limits=setting.limits,
            in_flight=setting.in_flight,
            timeout=setting.timeout,
        )
        told = Story(place=place, world=world, setting=setting, chance=Random(seed))
        for number, values in enumerate(told.lists.values(), 1):
            place.write_list(values, f"list{number}.csv")
        yield told


Play = Callable[[Path, int, int], tuple[int, Books]]
"""(folder, seed, at most so many strikes) -> how many there were, and the books."""


def play(folder: Path, act: Play, *, seed: int, strikes: int, of_each: int, side_by_side: int = 2) -> Books:
    """Stories, some side by side, until there were so many strikes in all; `of_each` at most in one."""
    chance, lock = Random(seed), threading.Lock()
    left, told, books = strikes, 0, Books()

    def line() -> None:
        nonlocal left, told, books
        while True:
            with lock:
                wanted = min(left, of_each)
                if wanted <= 0:
                    return
                left, told = left - wanted, told + 1
                number, own = told, chance.randrange(2**31)
            done, found = act(folder / str(number), own, wanted)
            with lock:
                left += wanted - done
                books += found

    with ThreadPoolExecutor(side_by_side) as pool:
        for future in [pool.submit(line) for _ in range(side_by_side)]:
            future.result()
    return books

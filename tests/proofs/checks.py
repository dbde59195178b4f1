"""What `check` counts is what the provider then sees: lists of every kind after each other, at a real server.

In list after list of one database: new ones, the same again, changed ones with `--add`, with `--new` or without either;
with `--reuse`, a limit, a cap, parameters set, one operation or two. The server's ledger decides, and a model that
knows values alone says how many requests it should be.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import runner
from runner.app import Runner
from runner.work.check import as_json
from tests.proofs.place import KEYS, NO_LIMITS, Place, draw, holds, same
from tests.sandbox.process import Sandbox, sandbox

LISTS_OF_A_DATABASE = 20
PEOPLE = 25
BAD = ("", "  ", "nobody", "3.36E+10", "a@b@c")
OPERATIONS = (("defastra.email",), ("defastra.phone",), ("defastra.email", "defastra.phone"))
FLAGS: Mapping[str, Any] = {"max_invalid": 1.0}
MAPPING = {"defastra.email": "email=email", "defastra.phone": "phone=phone"}

Row = tuple[int | None, int | None, str, str]  # whose e-mail and phone, None: refused; as they are written
Asked = tuple[str, str, int]  # an operation, what is set for it, whose value


@dataclass
class Kept:
    """A list that was written, and how it is asked."""

    name: str
    operations: tuple[str, ...]
    params: tuple[str, ...]
    rows: list[Row]

    def asked(self) -> set[Asked]:
        """Every request that its rows need."""
        asked = set()
        for email, phone, *_ in self.rows:
            for operation, whose in (("defastra.email", email), ("defastra.phone", phone)):
                if operation in self.operations and whose is not None:
                    asked.add((operation, " ".join(self.params), whose))
        return asked


@dataclass
class Model:
    """What is known of values: by batch those asked and those that ended; everywhere those answered."""

    jobs: dict[str, set[Asked]] = field(default_factory=dict)
    ended: dict[str, set[Asked]] = field(default_factory=dict)
    answered: set[Asked] = field(default_factory=set)


def checks(folder: Path, *, seed: int, lists: int) -> str:
    """`check --json`, the model and the ledger agree on every list; one that is refused sends nothing."""
    chance, counts = draw(seed), Counter[str]()
    done = 0
    while done < lists:
        with sandbox(limits=NO_LIMITS) as world:
            Place(folder / str(done), world.url, in_flight=16)
            series = _Series(folder / str(done), world, chance, counts)
            for _ in range(min(LISTS_OF_A_DATABASE, lists - done)):
                series.step()
                done += 1
    told = ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))
    return f"{done} lists, each counted as it was sent: {told}"


class _Series:
    """Lists of one database."""

    def __init__(self, folder: Path, world: Sandbox, chance: random.Random, counts: Counter[str]) -> None:
        self._folder = folder
        self._world = world
        self._chance = chance
        self._counts = counts
        self._lists: list[Kept] = []
        self._model = Model()
        self._seen = 0

    def step(self) -> None:
        """One list, checked, then run."""
        chance = self._chance
        what = chance.choice(["list", "list", "again", "add", "new", "changed"]) if self._lists else "list"
        kept = self._new() if what == "list" else chance.choice(self._lists)
        before = kept.rows
        if what in ("add", "changed") or (what == "new" and chance.random() < 0.5):
            kept.rows = _changed(chance, kept.rows)
        _write(self._folder / f"{kept.name}.csv", kept.rows)
        how = {"add": what == "add", "new": what == "new"}
        limits: dict[str, Any] = {
            "reuse": chance.choice([None, "1d"]),
            "limit": chance.choice([None, None, chance.randint(1, 8)]),
        }
        if kept.operations == ("defastra.email",) and chance.random() < 0.3:
            self._world.next([{"rule": "invalid-request-email"}])
        environ = {**KEYS, "XDG_RUNTIME_DIR": str(self._folder / "runtime")}
        with runner.open(self._folder / "runner.db", directory=self._folder, environ=environ) as library:
            if not self._judge(library, kept, how, limits):
                kept.rows = before
        self._world.next([])
        self._counts["as " + what] += 1

    def _new(self) -> Kept:
        chance = self._chance
        kept = Kept(
            name=f"list{len(self._lists)}",
            operations=chance.choice(OPERATIONS),
            params=chance.choice([(), ("timeout=minimal",), ("timeout=normal",)]),
            rows=[_row(chance) for _ in range(chance.randint(1, 25))],
        )
        self._lists.append(kept)
        return kept

    def _judge(self, library: Runner, kept: Kept, how: Mapping[str, bool], limits: Mapping[str, Any]) -> bool:
        """False: the list was refused."""
        mapping = [MAPPING[operation] for operation in kept.operations]
        given = {"mapping": mapping, "params": kept.params, **how, **FLAGS}
        checked = library.check(f"{kept.name}.csv", kept.operations, **given, **limits)
        found = as_json(checked)
        if checked.problems:
            holds("a list may be refused for its change alone", "changed" in checked.problems[0].what)
            same("requests of a refused list", self._sent(), [])
            self._counts["of them refused"] += 1
            return False
        loaded = library.load(f"{kept.name}.csv", kept.operations, **given)
        expected, reused = self._expected(loaded.batch, kept, limits)
        result = library.run(loaded, **limits)
        sent = self._sent()
        same(f"batch of {kept.name}", found["batch"], loaded.batch)
        same(f"requests of {loaded.batch}", len(sent), found["at_most"])
        same("requests by the model", len(sent), expected)
        same("requests told by the run", result.sent, expected)
        same("answers taken", (found["reused"], result.reused), (reused, reused))
        if limits["limit"] is None:
            same("requests by operation", sum(found["requests"].values()), expected)
            by_operation = Counter(entry["operation"] for entry in sent)
            same("of each", {key: count for key, count in found["requests"].items() if count}, dict(by_operation))
        self._learn(loaded.batch, kept, sent)
        self._counts["requests"] += len(sent)
        self._counts["answers reused"] += reused
        return True

    def _expected(self, batch: str, kept: Kept, limits: Mapping[str, Any]) -> tuple[int, int]:
        """Requests and answers taken, by values alone."""
        model = self._model
        jobs = model.jobs.setdefault(batch, set())
        ended = model.ended.setdefault(batch, set())
        jobs |= kept.asked()
        taken = (jobs - ended) & model.answered if limits["reuse"] else set()
        ended |= taken
        waiting = len(jobs - ended)
        return waiting if limits["limit"] is None else min(waiting, limits["limit"]), len(taken)

    def _learn(self, batch: str, kept: Kept, sent: Sequence[Mapping[str, Any]]) -> None:
        for entry in sent:
            one = (str(entry["operation"]), " ".join(kept.params), _whose(str(entry["value"])))
            holds(f"{batch} never asked {one}", one in self._model.jobs[batch])
            holds(f"{batch} asked {one} twice", one not in self._model.ended[batch])
            self._model.ended[batch].add(one)
            if entry["charged"]:
                self._model.answered.add(one)

    def _sent(self) -> list[dict[str, Any]]:
        """What the server saw since the last look."""
        ledger = self._world.ledger()
        new, self._seen = ledger[self._seen :], len(ledger)
        return new


def _row(chance: random.Random) -> Row:
    email, phone = (chance.randrange(PEOPLE) if chance.random() < 0.9 else None for _ in range(2))
    return (
        email,
        phone,
        chance.choice(BAD)
        if email is None
        else chance.choice([f"p{email}@example.com", f"P{email}@EXAMPLE.com", f" p{email}@Example.com "]),
        chance.choice(BAD)
        if phone is None
        else chance.choice(["+1415555{:04}", "001 415 555 {:04}", "+1 (415) 555-{:04}"]).format(phone),
    )


def _whose(value: str) -> int:
    """The person of a value as it was sent."""
    return int(value.lower().removeprefix("p").partition("@")[0]) if "@" in value else int(value[-4:])


def _changed(chance: random.Random, rows: Sequence[Row]) -> list[Row]:
    """Some gone, some new, in another order now and then."""
    left = [row for row in rows if chance.random() < 0.8] + [_row(chance) for _ in range(chance.randint(0, 10))]
    if chance.random() < 0.5:
        chance.shuffle(left)
    return left or [_row(chance)]


def _write(path: Path, rows: Sequence[Row]) -> None:
    lines = ["email;phone", *(f"{email};{phone}" for _, _, email, phone in rows)]
    path.write_text("\n".join(lines) + "\n")

"""When a table that is followed is looked at, and how far: a table each question to which takes a second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Self

import anyio
import anyio.lowlevel
import pytest

from runner.engine.events import Event, PlaceTrouble
from runner.errors import InputError
from runner.sources.database import Key, NewRows
from runner.work.following import Follower
from tests.app.place import Place, Time
from tests.virtual import run_virtual


class Slow:
    """A table with these keys, two rows for each that its batch does not have; and its time."""

    def __init__(self, keys: str) -> None:
        self.keys = keys
        self.now = 0.0
        self.looks: list[tuple[float, str | None]] = []  # when each began, and behind which key
        self._asked = True

    @contextmanager
    def looking(self) -> Iterator[Self]:
        """Itself."""
        self._asked = False
        yield self

    def nameless(self) -> None:
        """All rows have keys."""

    def page(self, *, after: str | None = None) -> list[Key]:
        """The next key alone."""
        if not self._asked:
            self._asked = True
            self.looks.append((self.now, after))
        self.now += 1
        return [Key(key, key) for key in self.keys if after is None or key > after][:1]

    def rows(self, keys: Sequence[Key]) -> NewRows:
        """None can be taken."""
        return NewRows(rows=(), refused=tuple(InputError(f"two rows {key.text}", why="", fix="") for key in keys))


class SlowClock(Time):
    """The time of a table that is slow, until a number of looks is over."""

    def __init__(self, table: Slow, looks: int) -> None:
        super().__init__()
        self._table = table
        self._looks = looks

    def monotonic(self) -> float:
        """As the table has it."""
        return self._table.now

    async def sleep_until(self, deadline: float) -> None:
        """Until then; for ever after the last look."""
        self._table.now = max(self._table.now, deadline)
        await (anyio.sleep_forever() if len(self._table.looks) == self._looks else anyio.lowlevel.checkpoint())


def watch(place: Place, table: Slow, monkeypatch: pytest.MonkeyPatch, *, looks: int, poll: float) -> list[Event]:
    """So many looks of a batch that has `a`, `b` and `c`; what is told."""
    told: list[Event] = []
    place.write_list(["a@example.com"])
    monkeypatch.setattr("runner.work.following.follow_database", lambda *_, **__: table)
    monkeypatch.setattr("runner.work.following.source_url", lambda *_: "sqlite://")
    with place.runner() as r:
        r.load("leads.csv", ["defastra.email"])
        tools = r._session.tools()
        tools = replace(tools, seams=replace(tools.seams, clock=SlowClock(table, looks)))
        info = replace(tools.store.reports.batches()[0], source={"kind": "database", "table": "people", "key": "id"})
        monkeypatch.setattr(tools.store.reports, "known_keys", lambda _, keys: {"a", "b", "c"} & set(keys))
        run = tools.store.steering.start_run(pid=1, host="testhost", version="0", options={})
        follower = Follower(tools, info, run=run, poll_seconds=poll, observer=told.append)

        async def main() -> None:
            async with tools.store.writing(), anyio.create_task_group() as group:
                group.start_soon(follower.watch)
                await anyio.wait_all_tasks_blocked()
                group.cancel_scope.cancel()

        run_virtual(main)
    return told


def test_all_keys_are_read_for_a_tenth_of_the_time(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between that only what is behind the last one, a second each time."""
    table = Slow("abc")
    watch(place, table, monkeypatch, looks=21, poll=4)
    whole = [at for at, after in table.looks if after is None]
    assert whole == [0, 40, 80]
    assert [after for _, after in table.looks[1:10]] == ["c"] * 9


def test_a_look_that_is_not_through_goes_on_at_once_and_to_the_end(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long that takes, and however many keys before it are there twice: the next begins anew after nine times
    as long. Trouble that stays is told once."""
    monkeypatch.setattr("runner.work.following.AT_ONCE", 2)
    table = Slow("abcdefghijklmnopqrstuvw")
    told = watch(place, table, monkeypatch, looks=20, poll=60)
    first = [(0, None), *((5 + 2 * place, key) for place, key in enumerate("egikmoqsu"))]
    assert table.looks[: len(first)] == first
    whole = [at for at, after in table.looks if after is None]
    assert len(whole) == 2
    assert whole[1] >= 10 * 24
    assert [event.message is None for event in told if isinstance(event, PlaceTrouble)] == [False]


def test_trouble_that_is_gone_is_told_when_all_keys_were_read(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by a look that did not go where it was."""

    class Mended(Slow):
        def rows(self, keys: Sequence[Key]) -> NewRows:
            self.keys = "abc"
            return super().rows(keys)

    told = watch(place, Mended("abcd"), monkeypatch, looks=14, poll=4)
    trouble, mended = [event for event in told if isinstance(event, PlaceTrouble)]
    assert (trouble.message is None, mended.message is None) == (False, True)
    assert mended.at_us - trouble.at_us >= 9 * 5 * 1_000_000

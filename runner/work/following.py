"""`--follow`: new rows of a table or query go into their batch while it is at work."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from runner.domain.model import RunId
from runner.engine.events import AttemptClosed, Event, RowsAwaited
from runner.engine.ports import Observer
from runner.errors import RunnerError, UsageError
from runner.inputs import column_map
from runner.sources import Row, follow_database
from runner.store.values import BatchInfo, NewRow
from runner.work.outside import Outside, elsewhere
from runner.work.rows import Tally, later_rows, notes_of, tallies
from runner.work.tools import Tools

if TYPE_CHECKING:
    from runner.sources.database import Key

AT_ONCE: Final = 10_000
"""Rows that are taken in at a time."""

WHOLE_SHARE: Final = 10
"""All keys are read for a tenth of the time at most; between that only those behind the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a look has brought."""

    rows: tuple[Row, ...]
    refused: tuple[RunnerError, ...]
    last: Any  # the value of the last key that was read; None: there was none
    more: bool  # there may be further new rows


@dataclass(slots=True, kw_only=True)
class Round:
    """All keys are read in as many looks as that takes; then, for nine times as long, only those behind the last."""

    last: Any = None  # the value of the last key in their order
    more: bool = False  # the last look was not through
    refused: RunnerError | None = None  # what the last round found and could not take
    _whole: bool = False
    _clean: bool = True  # nothing was refused in this round
    _seconds: float = 0.0  # in the looks of this round
    _due_at: float = 0.0

    def begin(self, now: float) -> Any:
        """A look begins: the key behind which it reads, None for all."""
        if not self.more:
            self._whole = now >= self._due_at
            if self._whole:
                self.last, self._seconds, self._clean = None, 0.0, True
        return self.last

    def end(self, found: Found, *, began: float, now: float) -> None:
        """What it has brought is taken in; it had read from then to now."""
        self.last, self.more = found.last, found.more
        self._seconds += now - began
        if found.refused:
            self.refused, self._clean = found.refused[0], False
        if self._whole and not found.more:
            self._due_at = now + (WHOLE_SHARE - 1) * self._seconds
            if self._clean:
                self.refused = None


def is_followed(info: BatchInfo) -> bool:
    """Whether the list of a batch can be looked at again: a table or a query. Rows of others come by `load` alone."""
    return info.source.get("kind") == "database"


def source_url(tools: Tools, info: BatchInfo) -> str:
    """Where the table is. UsageError: that was not kept. ConfigError: the settings do not know it any more."""
    database = info.source.get("database")
    if database is None:
        raise UsageError(
            f"the list of {info.name} cannot be read again",
            why="its address had a password, which is not kept",
            fix='load it by a name that runner.toml knows:\n[sources.crm]\nurl = { env = "CRM_URL" }',
        )
    return tools.settings.source_url(database).reveal()


class Follower:
    """Looks at the list of one batch again and again; an observer that adds to what is told when the next look is."""

    def __init__(self, tools: Tools, info: BatchInfo, *, run: RunId, poll_seconds: float, observer: Observer) -> None:
        """UsageError, ConfigError: see `source_url`."""
        self._tools = tools
        self._info = info
        self._poll = poll_seconds
        self._observer = observer
        self._outside = Outside(tools, batch=info.id, run=run, place="source", observer=observer)
        source = info.source
        self._table = follow_database(
            source_url(tools, info), table=source["table"], key=source["key"], header=info.header
        )
        self._idle = False  # all is settled, and that was told
        self._next_us: int | None = None
        self._round = Round()

    def __call__(self, event: Event) -> None:
        """Pass it on."""
        if isinstance(event, RowsAwaited):
            self._idle = True
            event = replace(event, next_look_us=self._next_us)
        elif isinstance(event, AttemptClosed):
            self._idle = False
        self._observer(event)

    async def watch(self) -> None:
        """Until it is cancelled. Trouble with the list ends nothing: it is told, and looked at again."""
        clock = self._tools.clock
        began = clock.monotonic()  # the list was read a moment ago, or long ago: both begin with a whole look
        while True:
            await self._look()
            pause = 0.0 if self._round.more else self._outside.pause(self._poll)
            began = max(began + pause, clock.monotonic())
            self._next_us = clock.now_us() + round((began - clock.monotonic()) * 1e6)
            if self._idle:
                at_us = clock.now_us()
                self._observer(RowsAwaited(batch=self._info.id, at_us=at_us, next_look_us=self._next_us, again=True))
            await clock.sleep_until(began)

    async def _look(self) -> None:
        """One look: what is new in it is in the batch."""
        clock, seen = self._tools.clock, self._round
        began = clock.monotonic()
        after = seen.begin(began)
        try:
            found = await elsewhere(self._tools, partial(self._read, after), leave=True)
            ended = clock.monotonic()
            if found is not None and found.rows:
                taken = await elsewhere(self._tools, partial(self._take_in, found.rows))
                found = found if taken else None
        except RunnerError as error:
            seen.more = False
            await self._outside.failed(error, usual=self._poll)
            return
        if found is None:  # what another load brings comes first
            seen.more = False
            return
        seen.end(found, began=began, now=ended)
        if seen.refused is not None:
            await self._outside.troubled(seen.refused, usual=self._poll)
        else:
            await self._outside.worked()

    def _read(self, after: Any) -> Found | None:
        """The rows whose key the batch does not have, from behind a key on. None: somebody is adding rows to it."""
        if self._tools.store.loading.is_under_way(self._info.id):
            return None
        known = partial(self._tools.store.reports.known_keys, self._info.id)
        unknown: list[Key] = []
        with self._table.looking() as look:
            nameless = look.nameless() if after is None else None
            while len(unknown) < AT_ONCE and (page := look.page(after=after)):
                after = page[-1].value
                have = known([key.text for key in page])
                unknown += [key for key in page if key.text not in have]
            found = look.rows(unknown)
        refused = found.refused if nameless is None else (nameless, *found.refused)
        return Found(rows=found.rows, refused=refused, last=after, more=len(unknown) >= AT_ONCE)

    def _take_in(self, rows: tuple[Row, ...]) -> bool:
        """Into the batch, all of them or none; those that cannot be sent are kept as they are, and cost nothing.
        Whether: not while somebody else adds rows."""
        info, tools = self._info, self._tools
        operations = tools.profiles.of_batch(info.operations, info.source)
        mapping: Mapping[str, Any] = info.mapping

        def judges(national: Collection[str]) -> list[Tally]:
            return tallies(
                operations.values(),
                column_map(info.header, mapping["columns"], operations.values()),
                info.header,
                region=mapping["region"],
                given=info.params,
                folder=tools.settings.directory,
                national=national,
            )

        counted: list[Tally] = []

        def unknown() -> Iterator[NewRow]:
            # Once more, for no other load comes to its end from here on: it may have brought some of them.
            known = tools.store.reports.known_keys(info.id, [row.key or "" for row in rows])
            prepared, judged = later_rows([row for row in rows if row.key not in known], judges)
            counted.extend(judged)
            yield from prepared

        notes = notes_of(counted)
        return tools.store.loading.add_between(info.id, unknown(), notes=notes) is not None

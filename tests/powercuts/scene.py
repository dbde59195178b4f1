"""Where a proof of power cuts happens: its folder, its chance, its lists, and what it counts."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random

from runner.domain.model import InDoubtPolicy
from tests.engine.night import Night
from tests.powercuts.disk import Fate, Image
from tests.powercuts.filesystem import Refuse, never
from tests.powercuts.judge import Found, ended, look
from tests.powercuts.life import NAME, Kept, Knobs, Life, Work, content, finish, live, read_image, the_list
from tests.powercuts.provider import Book
from tests.proofs.place import holds
from tests.virtual import VirtualClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Where a life begins, and where a cut may leave it: the files, and what the world and the engine know of them."""

    image: Image
    content: bytes
    book: Book
    kept: Sequence[Kept] = ()  # answers that were acknowledged before


@dataclass(slots=True)
class Scene:
    """One proof."""

    folder: Path
    chance: Random
    clock: VirtualClock = field(default_factory=VirtualClock)
    counted: Counter[str] = field(default_factory=Counter)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _lists: dict[int, tuple[Image, bytes]] = field(default_factory=dict)

    def place(self) -> Path:
        """A folder that does not exist yet."""
        return self.folder / str(next(self._numbers))

    def loaded(self, rows: int, book: Book) -> Point:
        """A list that was loaded on a plain disk."""
        if rows not in self._lists:
            folder = self.place()
            folder.mkdir()
            Night(path=folder / NAME, values=rows)
            with closing(sqlite3.connect(folder / NAME)) as connection:
                self._lists[rows] = (read_image(folder), content(connection.execute))
            shutil.rmtree(folder)
        image, found = self._lists[rows]
        return Point(image=image, content=found, book=book)

    def knobs(self) -> Knobs:
        """Now and then every piece has its own commit; often a checkpoint comes every few pages."""
        return Knobs(
            in_flight=self.chance.choice((1, 2, 4, 8)),
            in_doubt=self.chance.choice((InDoubtPolicy.HOLD, InDoubtPolicy.RESEND_ONCE)),
            gather_seconds=self.chance.choice((None, 0.0, 0.01, 0.1)),
            checkpoint_pages=self.chance.choice((None, 4, 12, 40)),
        )

    def live(self, begin: Point, knobs: Knobs, *, number: int, refuse: Refuse = never) -> Life:
        """A life that works on the list, to its end."""
        work = the_list(begin.book, self.clock, knobs)
        return self.run(begin, knobs, work, number=number, refuse=refuse)

    def run(self, begin: Point, knobs: Knobs, work: Work, *, number: int = 1, refuse: Refuse = never) -> Life:
        """Any life. Its own error comes through unless syncs were refused on purpose."""
        self.counted["lives"] += 1
        life = live(self.place(), begin.image, begin.content, self.clock, knobs, work, number=number, refuse=refuse)
        if life.error is not None and refuse is never:
            raise life.error
        if refuse is never:
            shutil.rmtree(life.path.parent)
        return life

    def cut(self, begin: Point, life: Life, step: int, fate: Fate) -> tuple[Point, Found]:
        """Cut the power of a life at a step, and look at what is left."""
        image = life.disk.left(step, fate)
        book = begin.book.cut(life.number, step)
        self.counted["cuts"] += 1
        self.counted["in a recovery"] += life.number > 1 and step < life.began
        self.counted["in a checkpoint"] += bool(step) and life.disk.steps[step - 1].name == NAME
        found = look(self.place(), image, life, book, step)
        kept = (*begin.kept, *(one for one in life.kept if one.step <= step))
        return Point(image=image, content=found.content, book=book, kept=kept), found

    def end(self, begin: Point, knobs: Knobs, *, rows: int, number: int) -> None:
        """The product goes on with what a cut left, and the provider has a better day: to the end of the list."""
        book = begin.book.well()
        path = finish(self.place(), begin.image, self.clock, knobs, the_list(book, self.clock, knobs), number=number)
        self.counted.update(ended(path, book, rows, begin.kept))
        self.counted["continued"] += 1
        shutil.rmtree(path.parent)

    def goes_on(self, what: str, most: int, *situations: str) -> bool:
        """Whether there is more to do: there are to be `most` of `what`, and each situation at least once. A situation
        that does not come about in eight times as many makes the proof worthless, and ends it."""
        missing = [situation for situation in situations if not self.counted[situation]]
        holds(f"in {self.counted[what]} {what} there was none {missing}", not missing or self.counted[what] < 8 * most)
        return bool(missing) or self.counted[what] < most

    def line(self) -> str:
        """The counts of a proof that held."""
        counted = self.counted
        return (
            f"{counted['cuts']} cuts ({counted['in a recovery']} in a recovery, {counted['in a checkpoint']} in a "
            f"checkpoint) of {counted['lives']} lives, {counted['continued']} of them continued to the end: "
            "acknowledged commits lost 0, requests without an attempt 0, paid answers lost 0, rows lost 0, "
            "unexplained double charges 0"
        )

"""Power cuts at random and everywhere: what was acknowledged is there, and the list goes on to its end."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Final

from runner.domain.model import InDoubtPolicy
from tests.engine.night import Night
from tests.powercuts.disk import Fate, Image
from tests.powercuts.judge import Found, ended, look
from tests.powercuts.life import NAME, Knobs, Life, content, finish, live, read_image
from tests.powercuts.provider import Book
from tests.proofs.place import draw, holds
from tests.virtual import VirtualClock

CUTS_A_LIFE: Final = 10
LIVES: Final = 4
"""In a row, each but the last cut off; so many that jobs are on the wire at more than one cut."""
ROWS: Final = (1, 9)


@dataclass(slots=True)
class Scene:
    """A folder for one proof, and what was counted in it."""

    folder: Path
    chance: Random
    clock: VirtualClock = field(default_factory=VirtualClock)
    counted: Counter[str] = field(default_factory=Counter)
    _numbers: count[int] = field(default_factory=lambda: count(1))
    _lists: dict[int, tuple[Image, bytes]] = field(default_factory=dict)

    def place(self) -> Path:
        """A folder that does not exist yet."""
        return self.folder / str(next(self._numbers))

    def loaded(self, rows: int) -> tuple[Image, bytes]:
        """A list that was loaded on a plain disk: its files, and a digest of their content."""
        if rows not in self._lists:
            folder = self.place()
            folder.mkdir()
            Night(path=folder / NAME, values=rows)
            with closing(sqlite3.connect(folder / NAME)) as connection:
                self._lists[rows] = (read_image(folder), content(connection.execute))
        return self._lists[rows]

    def knobs(self, synchronous: str | None) -> Knobs:
        """Now and then every piece has its own commit, often a checkpoint comes every few pages."""
        return Knobs(
            in_flight=self.chance.choice((1, 2, 4, 8)),
            in_doubt=self.chance.choice((InDoubtPolicy.HOLD, InDoubtPolicy.RESEND_ONCE)),
            gather_seconds=self.chance.choice((None, 0.0, 0.01, 0.1)),
            checkpoint_pages=self.chance.choice((None, 4, 12, 40)),
            synchronous=synchronous,
        )

    def live(self, image: Image, began: bytes, book: Book, knobs: Knobs, *, number: int) -> Life:
        """A life to its end."""
        folder = self.place()
        life = live(folder, image, began, book, self.clock, knobs, number=number)
        shutil.rmtree(folder)
        if life.error is not None:
            raise life.error
        return life

    def cut(self, life: Life, book: Book, step: int, fate: Fate) -> tuple[Image, Found]:
        """Cut the power of a life at a step, and look at what is left."""
        image = life.disk.left(step, fate)
        self.counted["cuts"] += 1
        self.counted["in recovery"] += life.number > 1 and step < life.began
        self.counted["in a checkpoint"] += bool(step) and life.disk.steps[step - 1].name == NAME
        return image, look(self.place(), image, life, book.cut(life.number, step), step)

    def end(self, image: Image, book: Book, knobs: Knobs, *, rows: int, number: int) -> None:
        """The product goes on with what a cut left, to the end of the list."""
        path = finish(self.place(), image, book.well(), self.clock, knobs, number=number)
        self.counted.update(ended(path, book, rows))
        self.counted["continued to the end"] += 1
        shutil.rmtree(path.parent)


def power_cuts(folder: Path, *, seed: int, cuts: int) -> str:
    """Lists in lives that are cut off one after the other, with a provider that has faults: nothing stored is lost."""
    scene = Scene(folder, draw(seed))
    while scene.counted["cuts"] < cuts:
        _list(scene)
    holds("no cut fell into a checkpoint", scene.counted["in a checkpoint"] > 0)
    return _line(scene)


def _list(scene: Scene) -> None:
    """One list: each life is cut at several places, and one of these is where the next begins."""
    chance = scene.chance
    rows = chance.randint(*ROWS)
    image, began = scene.loaded(rows)
    knobs = scene.knobs(None)
    book = Book(seed=chance.randrange(2**31))
    for number in range(1, LIVES):
        life = scene.live(image, began, book, knobs, number=number)
        scene.counted["lives"] += 1
        chosen = chance.randrange(CUTS_A_LIFE)
        for place in range(CUTS_A_LIFE):
            step = _step(life, chance)
            left, found = scene.cut(life, book, step, Fate.drawn(chance))
            found.hold()
            if place == chosen:
                following = left, found.content, book.cut(number, step)
        image, began, book = following
    scene.end(image, book, knobs, rows=rows, number=LIVES)


def _step(life: Life, chance: Random) -> int:
    """Anywhere; often in the recovery of an earlier cut."""
    if life.number > 1 and chance.random() < 0.3:
        return chance.randint(0, life.began)
    return chance.randint(0, len(life.disk.steps))


def _line(scene: Scene) -> str:
    counted = scene.counted
    return (
        f"{counted['cuts']} cuts ({counted['in recovery']} in a recovery, {counted['in a checkpoint']} in a checkpoint), "
        f"{counted['continued to the end']} of them continued to the end: acknowledged commits lost 0, requests without "
        "an attempt 0, acknowledged answers lost 0, rows lost 0, unexplained double charges 0"
    )

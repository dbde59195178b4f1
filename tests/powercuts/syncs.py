"""A disk that refuses a sync, once or for good, and then a power cut: the error is final, and nothing stored is lost.

A sync that failed must not be tried again: a second one may succeed although what the first was to save is gone. The
record does the same: what was written before a failed sync has its fate at once, whatever is synced later.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from runner.errors import StoreError
from runner.store.spill import answers_path
from tests.powercuts.disk import Fate, Image, Kind
from tests.powercuts.life import Knobs, Life
from tests.powercuts.provider import Book
from tests.powercuts.scene import Point, Scene
from tests.proofs.place import draw, holds, same

ROWS: Final = (2, 9)
CUTS_A_LIFE: Final = 5


@dataclass(slots=True)
class _Refuse:
    """Refuses the sync that comes as number `first`, and, `for_good`, all that follow."""

    first: int
    for_good: bool
    seen: int = 0

    def __call__(self, _: str) -> bool:
        self.seen += 1
        return self.seen == self.first or (self.for_good and self.seen > self.first)


def failing_syncs(folder: Path, *, seed: int, lives: int) -> str:
    """Every life meets one that fails, at its start, in a commit, in a checkpoint or at its end."""
    scene = Scene(folder, draw(seed))
    while scene.goes_on("syncs refused", lives, "stopped", "kept beside"):
        _fail_once(scene)
    counted = scene.counted
    return (
        f"{counted['syncs refused']} syncs refused: {counted['stopped']} ended the run, {counted['passed over']} were "
        f"a checkpoint's, which is made again; {counted['kept beside']} answers kept beside the database; "
        f"{counted['cuts']} cuts afterwards: commits after it 0, acknowledged commits lost 0, requests without an "
        "attempt 0, paid answers lost 0, unexplained double charges 0"
    )


def _fail_once(scene: Scene) -> None:
    chance = scene.chance
    rows = chance.randint(*ROWS)
    knobs = scene.knobs()
    seed = chance.randrange(2**31)
    trial = scene.live(scene.loaded(rows, Book(seed=seed)), knobs, number=1)
    syncs = sum(step.kind is Kind.SYNC for step in trial.disk.steps)
    refuse = _Refuse(first=chance.randint(1, syncs), for_good=chance.random() < 0.5)
    begin = scene.loaded(rows, Book(seed=seed))
    life = scene.live(begin, knobs, number=1, refuse=refuse)
    refused = next(place for place, step in enumerate(life.disk.steps, start=1) if step.failed)
    scene.counted["syncs refused"] += 1
    if life.error is None:
        scene.counted["passed over"] += 1
    else:
        scene.counted["stopped"] += 1
        holds(f"it ends as an error of the store: {life.error!r}", isinstance(life.error, StoreError))
        same("commits after a sync that failed", [step for step, _ in life.commits if step > refused], [])
    for step in [
        len(life.disk.steps),
        *(chance.randint(refused, len(life.disk.steps)) for _ in range(CUTS_A_LIFE - 1)),
    ]:
        point, found = scene.cut(begin, life, step, Fate.drawn(chance))
        replace(found, answers_lost=0).hold()  # those that are beside the database are asked for at the end
        beside = _answers_beside(point, life)
        if chance.random() < 0.5:
            scene.end(_with(beside, point), knobs, rows=rows, number=2)
        else:
            _cut_again(scene, point, beside, knobs, rows=rows)
    scene.counted["kept beside"] += sum(one.beside > 0 for one in life.kept)
    shutil.rmtree(life.path.parent)


def _cut_again(scene: Scene, point: Point, beside: Image, knobs: Knobs, *, rows: int) -> None:
    """The power fails once more while the next run puts back what was kept."""
    begin = _with(beside, point)
    second = scene.live(begin, knobs, number=2)
    step = scene.chance.randint(0, second.began)
    after, found = scene.cut(begin, second, step, Fate.drawn(scene.chance))
    found.hold()
    # The file goes once its answers are committed; that it went, no sync makes sure.
    removed = second.acknowledged(step) > 0 and scene.chance.random() < 0.5
    scene.end(after if removed else _with(beside, after), knobs, rows=rows, number=3)


def _answers_beside(point: Point, life: Life) -> Image:
    """What was kept beside the database at that time: it was synced before it was acknowledged."""
    file = answers_path(life.path)
    size = max((one.beside for one in point.kept), default=0)
    return {file.name: file.read_bytes()[:size]} if size else {}


def _with(beside: Image, point: Point) -> Point:
    return replace(point, image={**point.image, **beside})

"""Power cuts under the engine at work: at random, and after every single step."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

from runner.domain.model import InDoubtPolicy
from tests.powercuts.disk import Fate
from tests.powercuts.life import Knobs, Life
from tests.powercuts.provider import Book
from tests.powercuts.scene import Point, Scene
from tests.proofs.place import draw

CUTS_A_LIFE: Final = 10
LIVES: Final = 4
"""In a row, each but the last cut off; so many that a job is on the wire at more than one cut."""
ROWS: Final = (1, 9)
CONTINUED: Final = 0.3
"""Share of the cuts after which the product works to the end of the list; all of them are looked at."""

SCRIPTS: Final = (
    Knobs(in_flight=2, gather_seconds=None, checkpoint_pages=6),
    Knobs(in_flight=2, gather_seconds=0.05, in_doubt=InDoubtPolicy.HOLD),
)
"""For the cuts after every step: a commit for each piece and many checkpoints; commits for groups and none."""


def power_cuts(folder: Path, *, seed: int, cuts: int) -> str:
    """Lists in lives that are cut off one after the other, with a provider that has faults: nothing stored is lost."""
    scene = Scene(folder, draw(seed))
    while scene.goes_on("cuts", cuts, "in a recovery", "in a checkpoint", "continued"):
        _cut_a_list(scene)
    return scene.line()


def _cut_a_list(scene: Scene) -> None:
    """Each life is cut at several places; one of these is where the next life begins."""
    chance = scene.chance
    rows = chance.randint(*ROWS)
    knobs = scene.knobs()
    begin = scene.loaded(rows, Book(seed=chance.randrange(2**31)))
    for number in range(1, LIVES):
        life = scene.live(begin, knobs, number=number)
        left: list[Point] = []
        for _ in range(CUTS_A_LIFE):
            point, found = scene.cut(begin, life, _somewhere(life, chance), Fate.drawn(chance))
            found.hold()
            left.append(point)
            if chance.random() < CONTINUED:
                scene.end(point, knobs, rows=rows, number=number + 1)
        begin = chance.choice(left)
    scene.end(begin, knobs, rows=rows, number=LIVES)


def _somewhere(life: Life, chance: Random) -> int:
    """Often in the recovery of an earlier cut."""
    if life.number > 1 and chance.random() < 0.3:
        return chance.randint(0, life.began)
    return chance.randint(0, len(life.disk.steps))


def power_cuts_everywhere(
    folder: Path, *, seed: int, rows: int, scripts: int, fates: int, again: int, ends: int
) -> str:
    """A short list, cut after every step; and of what is left, every `again`-th cut after every step of its recovery.

    It is worked on in so many of the ways above. Each cut has the two plain fates, all lost and all kept, and
    `fates` drawn ones. Every `ends`-th state that is left goes on to the end of the list.
    """
    scene = Scene(folder, draw(seed))
    for knobs in scene.chance.sample(SCRIPTS, scripts):
        begin = scene.loaded(rows, Book(seed=seed))
        life = scene.live(begin, knobs, number=1)
        left = _cut_everywhere(scene, begin, life, range(len(life.disk.steps) + 1), fates)
        scene.counted["steps"] += len(life.disk.steps)
        for point in left[::ends]:
            scene.end(point, knobs, rows=rows, number=2)
        for point in left[::again]:
            second = scene.live(point, knobs, number=2)
            scene.counted["steps of a recovery"] += second.began
            for after in _cut_everywhere(scene, point, second, range(second.began + 1), 0)[::ends]:
                scene.end(after, knobs, rows=rows, number=3)
    steps, recovery = scene.counted["steps"], scene.counted["steps of a recovery"]
    return f"after each of {steps} steps of a run and {recovery} steps of its recovery: {scene.line()}"


def _cut_everywhere(scene: Scene, begin: Point, life: Life, steps: Sequence[int], fates: int) -> list[Point]:
    """Cut after each of these steps; what is left, each different state once."""
    left: dict[bytes, Point] = {}
    for step in steps:
        plain = (Fate(chance=scene.chance, kept=kept) for kept in (0.0, 1.0))
        for fate in (*plain, *(Fate.drawn(scene.chance) for _ in range(fates))):
            point, found = scene.cut(begin, life, step, fate)
            found.hold()
            left.setdefault(_known_by(point), point)
    return list(left.values())


def _known_by(point: Point) -> bytes:
    known = hashlib.blake2b(f"{len(point.book.seen)} {len(point.kept)}".encode())
    for name, data in sorted(point.image.items()):
        known.update(name.encode() + data)
    return known.digest()


def power_cuts_weaker(folder: Path, *, seed: int, runs: int, synchronous: str) -> str:
    """The proof must see what a weaker setting of SQLite loses: it holds if acknowledged commits are found missing."""
    scene = Scene(folder, draw(seed))
    chance, counted = scene.chance, scene.counted
    weaker = Knobs(gather_seconds=0.01, checkpoint_pages=12, synchronous=synchronous)
    while scene.goes_on("runs", runs, "losing", "requests", "answers"):
        begin = scene.loaded(chance.randint(*ROWS), Book(seed=chance.randrange(2**31)))
        life = scene.live(begin, weaker, number=1)
        found = [scene.cut(begin, life, _somewhere(life, chance), Fate.drawn(chance))[1] for _ in range(3)]
        counted["runs"] += 1
        counted["losing"] += any(one.commits_lost for one in found)
        counted["broken"] += any(one.broken for one in found)
        for one in found:
            counted.update(commits=one.commits_lost, requests=one.requests_lost, answers=one.answers_lost)
    return (
        f"with synchronous = {synchronous} {counted['losing']} of {counted['runs']} runs lost acknowledged commits, as "
        f"they must ({counted['commits']} commits, {counted['requests']} requests without an attempt, "
        f"{counted['answers']} answers), and {counted['broken']} files were broken"
    )

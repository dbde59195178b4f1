"""Power cuts while a list is read in: all of it is there, or none that could be sent; the same load ends it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from runner.domain.states import BatchState
from runner.store.loading import PIECE
from runner.store.store import Store
from runner.store.values import NewBatch, NewJob, NewRow
from tests.powercuts.disk import Fate
from tests.powercuts.life import Knobs, Life, finish
from tests.powercuts.provider import Book
from tests.powercuts.scene import Point, Scene
from tests.proofs.place import draw, same

BEFORE: Final = 2
"""Rows of the list that is there already."""

CUTS_A_LOAD: Final = 10
_KNOBS: Final = (Knobs(), Knobs(load_checkpoint_pages=30))


def power_cuts_loading(folder: Path, *, seed: int, cuts: int) -> str:
    """A new list of some pieces, or rows added to one that is there."""
    scene = Scene(folder, draw(seed))
    while scene.goes_on("cuts", cuts, "whole", "hidden"):
        rows = scene.chance.randint(PIECE // 2, 2 * PIECE + PIECE // 2)
        knobs = scene.chance.choice(_KNOBS)
        begin = scene.loaded(BEFORE, Book(seed=0))
        add = scene.chance.random() < 0.4
        work = partial(_add if add else _load, rows=rows)
        life = scene.run(begin, knobs, work)
        for _ in range(CUTS_A_LOAD):
            step = scene.chance.randint(0, len(life.disk.steps))
            point, found = scene.cut(begin, life, step, Fate.drawn(scene.chance))
            found.hold()
            _load_again(scene, replace(point, book=begin.book), work, rows=rows, added=add)
    counted = scene.counted
    return (
        f"{counted['cuts']} cuts of {counted['lives']} loads, {counted['in a checkpoint']} in a checkpoint: "
        f"{counted['whole']} lists were whole, {counted['nothing']} not there, {counted['hidden']} begun and out of "
        "sight; the same load ended each, acknowledged commits lost 0, rows lost 0, rows twice 0"
    )


async def _load(store: Store, _: Life, *, rows: int) -> None:
    store.loading.load(NEW, _rows(1, rows))


async def _add(store: Store, _: Life, *, rows: int) -> None:
    batch = store.reports.named("leads")
    assert batch is not None
    store.loading.add(batch.id, _rows(BEFORE + 1, BEFORE + rows))


NEW: Final = NewBatch(
    name="more",
    source={},
    header=("email",),
    operations=("acme.email",),
    mapping={},
    params={},
    content_hash="",
    settings={},
)


def _rows(first: int, last: int) -> list[NewRow]:
    return [
        NewRow(
            line=n + 1,
            cells=(f"v{n}",),
            key=None,
            entries=(NewJob("acme.email", f"v{n}", f"v{n}", {"email": f"v{n}"}),),
        )
        for n in range(first, last + 1)
    ]


def _load_again(
    scene: Scene, point: Point, work: Callable[[Store, Life], Awaitable[None]], *, rows: int, added: bool
) -> None:
    """The product sees all of the list or nothing of it; the same command, where it is needed, makes it whole."""
    name, all_rows = ("leads", BEFORE + rows) if added else ("more", rows)

    async def again(store: Store, life: Life) -> None:
        store.steering.recover(safe=())
        batch = store.reports.named(name)
        if batch is None:
            scene.counted["nothing"] += 1
        elif batch.state is BatchState.LOADING or batch.rows == BEFORE:
            same("rows of a list that is not whole", batch.rows, BEFORE if added else 0)
            scene.counted["hidden"] += 1
        else:
            same("rows of a list", batch.rows, all_rows)
            scene.counted["whole"] += 1
            return
        await work(store, life)

    path = finish(scene.place(), point.image, scene.clock, Knobs(), again)
    with closing(sqlite3.connect(path)) as connection:
        same("integrity", connection.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        values = connection.execute("SELECT value FROM v_outcomes WHERE batch = ? ORDER BY row", (name,)).fetchall()
        same("values", [value for (value,) in values], [f"v{n}" for n in range(1, all_rows + 1)])
        found = connection.execute("SELECT count(*), count(DISTINCT key) FROM jobs").fetchall()
        same("jobs", found, [(BEFORE + rows, max(all_rows, BEFORE))])
    shutil.rmtree(path.parent)

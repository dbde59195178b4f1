"""Killed in an import or an export: no half list and no half file is ever to be seen, and the same command goes on."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

from tests.proofs.moments import GLANCE_SECONDS
from tests.proofs.place import BATCH, KEYS, Place, Process, draw, holds, pause, people, same

ROWS = 3_000
LIFE_SECONDS = 1.0
SAME_SHARE = 0.5
LOAD = ("load", "list.csv", "-p", "defastra.email")
OUT = "out.csv"
EXPORT = ("export", "-o", OUT)
NOWHERE = "http://127.0.0.1:9"
_PART = re.compile(rf"\.{re.escape(OUT)}\.[a-z0-9_]+\.part")


def imports(folder: Path, *, seed: int, kills: int) -> str:
    """A list is known whole or not at all, and after any number of kills it is there once."""
    chance, done, lists = draw(seed), 0, 0
    while done < kills:
        lists += 1
        place = Place(folder / str(lists), NOWHERE, environ=KEYS)
        place.write_list(people(ROWS))
        for _ in range(min(12, kills - done)):
            done += _killed(place, LOAD, lambda _: pause(chance.uniform(0.0, LIFE_SECONDS)))
            states = place.query("SELECT state, visible_row FROM batches")
            holds(f"half a list: {states}", states in [[], [("loading", 0)], [("ready", ROWS)]])
        ended = place.runner(*LOAD)
        same(f"exit code ({ended.err})", ended.code, 0)
        values = place.query('SELECT "row", value FROM v_outcomes ORDER BY "row"')
        same("rows", values, list(enumerate(people(ROWS), 1)))
    return f"{done} kills in the import of {ROWS} rows, {lists} lists: each whole or not there, 0 rows lost or double"


def exports(folder: Path, *, seed: int, kills: int) -> str:
    """The file is the old one or the new one, whole; nobody's own file is replaced; the same command writes it."""
    chance, done, files = draw(seed), 0, {"none": 0, "old": 0, "new": 0}
    place = Place(folder, NOWHERE, environ=KEYS)
    place.write_list(people(ROWS))
    same("exit code of the load", place.runner(*LOAD).code, 0)
    target = place.folder / OUT
    whole = _whole(place)
    columns = ("--columns", "risk_score")
    narrow = _whole(place, *columns)
    while done < kills:
        before = _start_over(place, chance, target, columns)
        while done < kills:
            done += _killed(place, EXPORT, partial(_amid, chance, target))
            now = _text(target)
            holds("half a file, or another's", now in (before, whole))
            files["none" if now is None else "old" if now == narrow else "new"] += 1
            seen = [path.name for path in place.folder.iterdir() if OUT in path.name and path != target]
            holds(f"more than parts nobody sees: {seen}", all(_PART.fullmatch(name) for name in seen))
            if now == whole:
                break
        if chance.random() < SAME_SHARE:
            ended = place.runner(*EXPORT)
            same(f"exit code of the same command ({ended.err})", ended.code, 0)
            same("the file", _text(target), whole)
    return f"{done} kills in the export of {ROWS} rows: file {files}, never half; {BATCH} written by the same command"


def _whole(place: Place, *arguments: str) -> str:
    name = f"whole{len(arguments)}.csv"
    same("exit code of an export", place.runner("export", "-o", name, *arguments).code, 0)
    return (place.folder / name).read_text()


def _start_over(place: Place, chance: Random, target: Path, columns: tuple[str, ...]) -> str | None:
    """The file as it is before the kills: as the last of them left it, an older one of this batch, or none."""
    match chance.choice(("left", "older", "none")):
        case "older":
            same("exit code of an older export", place.runner(*EXPORT, *columns).code, 0)
        case "none":
            target.unlink(missing_ok=True)
    return _text(target)


def _text(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def _amid(chance: Random, target: Path, process: Process) -> None:
    """Return at any moment of an export; mostly while the file is written, or right when it is in its place."""
    if chance.random() < 0.2:
        return pause(chance.uniform(0.0, LIFE_SECONDS))
    before, parts = _inode(target), _parts(target)
    placed = chance.random() < 0.5
    while process.popen.poll() is None and not (_inode(target) != before if placed else _parts(target) != parts):
        pause(GLANCE_SECONDS)
    return pause(chance.choice((0.0, chance.uniform(0.0, 0.002 if placed else 0.05))))


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _parts(target: Path) -> set[str]:
    return {path.name for path in target.parent.glob(f".{target.name}.*.part")}


def _killed(place: Place, command: tuple[str, ...], moment: Callable[[Process], None]) -> bool:
    """Kill it at that moment; whether it was still alive."""
    with place.process(*command) as process:
        moment(process)
        process.popen.kill()
        code = process.popen.wait()
    holds(f"exit {code}: {process.said}", code in {0, -signal.SIGKILL})
    return code != 0

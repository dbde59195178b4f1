"""What must hold of the files that a power cut leaves: asked of them as any program would, and as the product does."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.powercuts.disk import Image
from tests.powercuts.life import Kept, Life, content, write_image
from tests.powercuts.provider import Book
from tests.proofs.place import same


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One image, looked at."""

    content: bytes = b""
    commits_lost: int = 0  # acknowledged, and not there
    requests_lost: int = 0  # seen by the provider, and no attempt speaks of them
    answers_lost: int = 0  # acknowledged, and not there byte for byte
    broken: str = ""  # what is wrong with the file as such

    def hold(self) -> None:
        """What synchronous = FULL promises."""
        same("integrity", self.broken, "")
        same("acknowledged commits lost", self.commits_lost, 0)
        same("requests without an attempt", self.requests_lost, 0)
        same("acknowledged answers lost", self.answers_lost, 0)


def look(folder: Path, image: Image, life: Life, book: Book, cut: int) -> Found:
    """The image of a cut, opened by SQLite alone, against what the life was told and what the provider saw."""
    path = write_image(folder, image)
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            ((word,),) = connection.execute("PRAGMA integrity_check(1)").fetchall()
            if word != "ok":
                return Found(broken=word)
            found = content(connection.execute)
            attempts = {name for (name,) in connection.execute("SELECT client_request_id FROM attempts")}
            answers = dict(connection.execute("SELECT attempt, body FROM answers").fetchall())
    except sqlite3.DatabaseError as error:
        return Found(broken=str(error))
    finally:
        shutil.rmtree(folder)
    lost = _commits_lost(life, found, cut)
    if lost is None:
        return Found(broken="the content is that of no commit")
    return Found(
        content=found,
        commits_lost=lost,
        requests_lost=sum(one.request_id not in attempts for one in book.seen),
        answers_lost=sum(one.step <= cut and answers.get(one.attempt) != one.body for one in life.kept),
    )


def _commits_lost(life: Life, found: bytes, cut: int) -> int | None:
    """The content is that of the last acknowledged commit, of the one under way, or of an earlier: so many are lost."""
    last = life.acknowledged(cut)
    states = [*(state for _, state in life.commits), life.unsure]
    for place in range(last + 1, -1, -1):
        if states[place] == found:
            return max(0, last - place)
    return None


def ended(path: Path, book: Book, rows: int, kept: Sequence[Kept]) -> Counter[str]:
    """An ended list whose runs were cut off: nothing lost, each request and each charge accounted for."""
    with closing(sqlite3.connect(path)) as connection:
        same("integrity", connection.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        outcomes = connection.execute("SELECT value, state, possible_double_charge FROM v_outcomes").fetchall()
        debited = dict(connection.execute("SELECT client_request_id, debited FROM v_attempts").fetchall())
        answers = dict(connection.execute("SELECT attempt, body FROM answers").fetchall())
    same("rows", sorted(value for value, *_ in outcomes), sorted(f"v{n}" for n in range(1, rows + 1)))
    states = Counter(state for _, state, _ in outcomes)
    same("states of an ended list", set(states) - {"succeeded", "failed", "in_doubt"}, set())
    same("requests without an attempt", [one.value for one in book.seen if one.request_id not in debited], [])
    same("paid answers lost", [one.attempt for one in kept if answers.get(one.attempt) != one.body], [])
    denied = [one.value for one in book.seen if one.charged and debited[one.request_id] == "no"]
    same("charges that are denied", denied, [])
    marked = {value for value, _, twice in outcomes if twice}
    unexplained = {value for value, times in book.charges().items() if times > 1} - marked
    same("unexplained double charges", unexplained, set())
    return states

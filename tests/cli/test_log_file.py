"""`run --log-file`: what lines of a log would spoil is refused before anything is made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.place import inside, write_list

ASKED = ("-p", "defastra.email")
SETTINGS = """
[providers.defastra.http]
base_url = "http://127.0.0.1:9"
auth = { secret = { file = "the.key" } }
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a list, settings under a name of their own, and a batch of another list. No key: nothing can be
    sent."""
    write_list(tmp_path, "a@example.com")
    write_list(tmp_path, "b@example.com", name="other")
    (tmp_path / "base.toml").write_text(SETTINGS)
    for words in (["load", "other", *ASKED, "--batch", "b1"], ["export", "b1", "-o", "rows.csv"]):
        assert inside(tmp_path, *words, "--config", "base.toml").returncode == 0
    (tmp_path / "rows.csv").unlink()
    return tmp_path


def told(place: Path, *words: str) -> str:
    """The error of a run that sends nothing."""
    done = inside(place, "run", *words, "--config", "base.toml")
    assert done.returncode == 2
    return done.stderr.partition("error: ")[2]


def files(place: Path) -> dict[str, bytes]:
    """What lies there, but for what SQLite keeps beside an open file."""
    return {one.name: one.read_bytes() for one in place.iterdir() if not one.name.endswith(("-wal", "-shm"))}


@pytest.mark.parametrize(
    ("name", "words", "why"),
    [
        ("runner.toml", (), "a file of settings"),
        ("Runner.toml", (), "a file of settings"),
        (".env", (), "where keys are kept"),
        ("the.key", (), "where a secret is kept"),
        ("runner.db.lock", (), "the database, or belongs to it"),
        ("other", (), "the list of b1"),
        ("rows.csv", (), "where the rows of b1 go"),
        ("b1.csv", (), "where the rows of b1 go"),
        ("leads.csv", (), "named as the list, too"),
        ("out.csv", ("-o", "out.csv"), "where the rows go"),
        ("out.csv", ("-o", "./out.csv", "--overwrite"), "where the rows go"),
    ],
)
def test_a_log_spoils_nothing(name: str, words: tuple[str, ...], why: str, place: Path) -> None:
    """A list, an output, or what the work needs, of this batch or another one; not there yet, or empty."""
    for _ in range(2):
        before = files(place)
        error = told(place, "leads.csv", *ASKED, *words, "--log-file", name)
        assert error == (f"the log would be written into {name}\n  why: It is {why}.\n  fix: --log-file runner.log\n")
        assert files(place) == before
        (place / name).touch()


def test_no_log_is_made_of_what_is_asked_for(place: Path) -> None:
    """A list that is not there, or a batch: the next command would take the log for a list."""
    for name in ("fresh.csv", "b1"):
        assert "It is named as the list, too." in told(place, name, "--log-file", f"./{name}")
        assert not (place / name).exists()


@pytest.mark.parametrize("name", ["new.log", "own.txt", os.devnull])
def test_a_log_may_be_new_or_shared(name: str, place: Path) -> None:
    """With other programs; what is written nowhere spoils nothing."""
    (place / "own.txt").write_text("began\n")
    assert "the.key" in told(place, "leads.csv", *ASKED, "-o", os.devnull, "--log-file", name)

"""`run -o`: what cannot be written is refused before its list is a batch."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.cli.place import inside, write_list

ASKED = ("-p", "defastra.email")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a list, settings, and the page of a batch of another list. No key: nothing can be sent."""
    write_list(tmp_path, "a@example.com")
    write_list(tmp_path, "b@example.com", name="other.csv")
    (tmp_path / "runner.toml").write_text('[providers.defastra.http]\nbase_url = "http://127.0.0.1:9"\n')
    (tmp_path / "stranger.csv").write_text("mine\n")
    (tmp_path / "sub").mkdir()
    assert inside(tmp_path, "load", "other.csv", *ASKED, "--batch", "b1").returncode == 0
    assert inside(tmp_path, "report", "b1", "-o", "page.html").returncode == 0
    return tmp_path


def batches(place: Path) -> list[str]:
    """The names of those that are there."""
    return [one["batch"] for one in json.loads(inside(place, "status", "--json").stdout)["batches"]]


def told(place: Path, *words: str) -> str:
    """The error of a command that sends nothing."""
    done = inside(place, *words, DEFASTRA_API_KEY="")
    assert done.returncode == 2
    return done.stderr.partition("error: ")[2]


@pytest.mark.parametrize(
    ("output", "what"),
    [
        ("page.html", "page.html exists and was not written by b2"),
        ("stranger.csv", "stranger.csv exists and was not written by b2"),
        ("sub", "sub is a folder"),
        ("none/out.csv", "there is no folder"),
        ("runner.db-wal", "the database, or belongs to it"),
        ("runner.toml", "a file of settings"),
        ("sub/../leads.csv", "the list itself would be replaced"),
        ("out.xlsx", "would not be what its name says"),
        (f"{'o' * 300}.csv", "the name of the output is too long"),
        (f"{'o' * 246}.csv", "the name of the output is too long"),
    ],
)
def test_nothing_is_loaded_for_an_output_that_cannot_be(output: str, what: str, place: Path) -> None:
    """With the words that a batch that is there is told."""
    before = told(place, "run", "leads.csv", *ASKED, "--batch", "b2", "-o", output)
    assert what in before
    assert batches(place) == ["b1"]
    assert inside(place, "load", "leads.csv", *ASKED, "--batch", "b2").returncode == 0
    assert told(place, "run", "b2", "-o", output) == before


@pytest.mark.parametrize("output", ["stranger.csv", "sub", "runner.toml", "leads.csv", "out.xlsx"])
def test_what_is_proposed_without_a_name_works(output: str, place: Path) -> None:
    """The list is loaded then; only the key is missing."""
    words = ("run", "leads.csv", *ASKED, "-o")
    error = told(place, *words, output)
    assert batches(place) == ["b1"]
    _, name, *_ = shlex.split(error.partition("fix: ")[2])
    assert "DEFASTRA_API_KEY" in told(place, *words, name.rstrip(","))
    assert len(batches(place)) == 2


def test_an_output_that_the_batch_wrote_is_no_strangers(place: Path) -> None:
    """By its name or by its list; where no database is, every file is one."""
    for more in ((), ("--batch", "b2")):
        assert inside(place, "load", "leads.csv", *ASKED, *more).returncode == 0
        name = "b2" if more else "leads-defastra-email"
        assert inside(place, "export", name, "-o", "out.csv", "--overwrite").returncode == 0
        assert "DEFASTRA_API_KEY" in told(place, "run", "leads.csv", *ASKED, *more, "-o", "out.csv")
    gone = told(place, "run", "leads.csv", *ASKED, "-o", "out.csv", "--db", "new.db")
    assert gone.startswith(f"{place / 'out.csv'} exists and was not written by any batch here")
    assert not (place / "new.db").exists()


@pytest.mark.parametrize(
    "words", [("-o", "none"), ("-o", "-"), ("-o", "/dev/null"), ("-o", "stranger.csv", "--overwrite")]
)
def test_what_can_be_written_is_not_in_the_way(words: tuple[str, ...], place: Path) -> None:
    """The list is loaded."""
    assert "DEFASTRA_API_KEY" in told(place, "run", "leads.csv", *ASKED, *words)
    assert len(batches(place)) == 2

"""What no output may take the place of, whatever a person says: the list, the database, what belongs to the work."""

from __future__ import annotations

import gzip
import os
import re
import shlex
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from runner.errors import BatchError, UsageError
from runner.providers.starter import starter_text
from tests.app.place import QUICK, Place, emails

SECRETS = """
[run]
env_file = ".env.night"
[providers.defastra.http]
auth = { secret = { file = "the.key" } }
[sources.crm]
url = { file = "crm.url" }
[notify]
webhook = { file = "hook.url" }
"""

OF_SETTINGS = """
[run]
operations = ["./asked.toml:lookup"]
[providers.agency]
extends = "./base.toml"
http = { auth = { secret = { env = "AGENCY_KEY" } } }
[providers.beside]
max_spend_per_day = 5
"""


def _refused(folder: Path, act: Callable[[], object]) -> UsageError:
    """The error of an act that leaves every file as it was."""

    def files() -> dict[str, bytes]:
        lasting = (file for file in folder.iterdir() if file.is_file() and not file.name.startswith("runner.db-"))
        return {file.name: file.read_bytes() for file in lasting}

    before = files()
    with pytest.raises(UsageError) as caught:
        act()
    assert files() == before
    return caught.value


def _fix(error: UsageError) -> str:
    """The name that an error proposes."""
    flag, name, *_ = shlex.split(error.fix)
    assert flag == "-o"
    return name.rstrip(",")


@pytest.mark.parametrize(
    "name",
    [
        "runner.db",
        "runner.db-wal",
        "runner.db-shm",
        "runner.db-journal",
        "runner.db.lock",
        "runner.db.reserve",
        "runner.db.answers",
        "runner.db.answers.aside",
        "backup.db.csv",
        "other.db-wal",
        "big-endian.db-wal",
        "link.csv",
        "runner.toml",
        ".env",
        ".env.night",
        "the.key",
        "crm.url",
        "hook.url",
        "mine.toml",
    ],
)
def test_no_output_takes_the_place_of_what_the_work_needs(tmp_path: Path, name: str) -> None:
    """Not with `overwrite` either, by no other name, and whether or not it is there yet; what is proposed works."""
    place = Place(tmp_path, toml=f"{QUICK}{SECRETS}")
    for file in (".env", ".env.night", "the.key", "crm.url", "hook.url"):
        (tmp_path / file).write_text("A=b\n")
    with closing(sqlite3.connect(tmp_path / "their.db")) as connection:
        connection.executescript("PRAGMA journal_mode = WAL; CREATE TABLE leads (id)")
        log = (tmp_path / "their.db-wal").read_bytes()
    (tmp_path / "other.db-wal").write_bytes(log)
    (tmp_path / "big-endian.db-wal").write_bytes(log[:3] + bytes([log[3] ^ 1]) + log[4:])
    (tmp_path / "mine.toml").write_text(starter_text("mine"))
    (tmp_path / "link.csv").symlink_to("runner.db")
    place.write_list(emails(2))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email", "mine.toml:lookup"])
        r.backup(tmp_path / "backup.db.csv")
        error = _refused(tmp_path, lambda: r.export(batch, name, overwrite=True))
        assert "--overwrite" in error.why
        assert r.export(batch, _fix(error)).rows == 2
        error = _refused(tmp_path, lambda: r.report(batch, tmp_path / name, overwrite=True))
        assert r.report(batch, _fix(error)).size_bytes > 0
        _refused(tmp_path, lambda: place.run(r, batch, output=name, overwrite=True))
        assert place.values() == []


@pytest.mark.parametrize("name", ["leads.txt", "out.txt", "the.key", "runner.db"])
def test_no_log_goes_into_what_the_work_needs(tmp_path: Path, name: str) -> None:
    """The list and its output under whatever name; a new file, or one that is nobody's, is a log."""
    place = Place(tmp_path, toml=f"{QUICK}{SECRETS}")
    for file in (".env.night", "the.key", "crm.url", "hook.url", "own.txt"):
        (tmp_path / file).write_text("A=b\n")
    place.write_list(emails(2), name="leads.txt")
    with place.runner() as r:
        r.export(r.load("leads.txt", ["defastra.email"]), "out.txt")
        assert "--log-file" in _refused(tmp_path, lambda: r.check_log(name)).fix
        for fine in ("new.log", "own.txt"):
            r.check_log(fine)
            with pytest.raises(UsageError):
                r.check_log(fine, output=fine)


@pytest.mark.parametrize("name", ["more.csv", "app.toml", ".env.d/.ENV", "list.jsonl"])
def test_a_log_is_told_from_a_list_or_settings(place: Place, name: str) -> None:
    """By their names, and only where they hold something else."""
    file = place.folder / name
    file.parent.mkdir(exist_ok=True)
    with place.runner() as r:
        for text in ("", "2026-11-22T10:15:37Z INFO attempt.closed job=7\n"):
            file.write_text(text)
            r.check_log(name)
        file.write_text("id,email\n")
        with pytest.raises(UsageError) as caught:
            r.check_log(name)
    assert caught.value.why == "It is named as a list or settings are, and holds something else than a log."


def test_a_profile_takes_no_place_of_what_the_work_needs(place: Place) -> None:
    """A relative name counts from the folder that settings start in, as everywhere."""
    with place.runner() as r:
        for name in ("runner.db", "sub/Runner.toml"):
            with pytest.raises(UsageError, match="no place for a profile"):
                r.check_profile(name)
        r.check_profile("mine.toml")


@pytest.mark.parametrize("output", [None, "auto", "none", "-"])
def test_an_output_that_names_no_file_is_always_right(place: Place, output: str | None) -> None:
    """Even where a file is called so: they are the words of `run`."""
    (place.folder / str(output)).write_text("somebody's work")
    with place.runner() as r:
        r.check_output(output)
        r.check_log(str(output), output=output)


@pytest.mark.parametrize("way", ["name", "folder", "symlink", "hard link"])
def test_a_list_is_never_replaced_by_whatever_name(place: Place, way: str) -> None:
    """`sub/../leads.csv` and links are the list too; what is proposed works for a page as for rows."""
    place.write_list(emails(2))
    (place.folder / "sub").mkdir()
    link = place.folder / "link.csv"
    if way == "symlink":
        link.symlink_to("leads.csv")
    elif way == "hard link":
        os.link(place.folder / "leads.csv", link)
    target = {"name": "leads.csv", "folder": "sub/../leads.csv"}.get(way, "link.csv")
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        error = _refused(place.folder, lambda: r.export(batch, target, overwrite=True))
        assert "the list itself" in error.what
        assert r.export(batch, _fix(error)).rows == 2
        error = _refused(place.folder, lambda: r.report(batch, target, overwrite=True))
        assert _fix(error).endswith(".out.html")
        assert r.report(batch, _fix(error)).size_bytes > 0


@pytest.mark.parametrize(
    ("name", "proposed"),
    [("leads.csv.gz", "leads.out.csv.gz"), ("leads.jsonl", "leads.out.jsonl"), ("leads", "leads.out")],
)
def test_the_proposed_name_keeps_its_format(place: Place, name: str, proposed: str) -> None:
    """An ending that can be written stays."""
    lines = '{"email": "a@example.com"}\n' if "json" in name else "email\na@example.com\n"
    data = gzip.compress(lines.encode()) if name.endswith(".gz") else lines.encode()
    (place.folder / name).write_bytes(data)
    with place.runner() as r:
        batch = r.load(name, ["defastra.email"])
        assert _fix(_refused(place.folder, lambda: r.export(batch, name))) == proposed
        assert r.export(batch, proposed).rows == 1


def test_a_file_of_somebody_else_is_given_up_by_name_only(place: Place) -> None:
    """The first thing proposed is another name; the second one loses what is in it, and says so."""
    place.write_list(emails(2))
    (place.folder / "out.csv").write_text("somebody's work")
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        error = _refused(place.folder, lambda: r.export(batch, "out.csv"))
        assert (_fix(error), "--overwrite, which loses what is in it" in error.fix) == ("out-2.csv", True)
        assert r.export(batch, "out.csv", overwrite=True).rows == 2


def test_a_pipe_is_written_to(place: Place) -> None:
    """A named pipe holds nothing that could be lost, and nothing is read from it, which would wait for ever."""
    place.write_list(emails(2))
    pipe = place.folder / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with place.runner() as r:
            batch = r.load("leads.csv", ["defastra.email"])
            assert (r.export(batch, pipe).rows, r.export(batch, "/dev/null").rows) == (2, 2)
            assert r.report(batch, "/dev/null").size_bytes > 0
        assert os.read(reader, 9) == b"id,email,"
    finally:
        os.close(reader)


def test_a_shells_pipe_is_written_to_and_not_kept(place: Place) -> None:
    """`>(...)` and /dev/stdout are names that lead to no file; the next run without `-o` writes beside the list."""
    place.write_list(emails(3))
    read, write = os.pipe()
    try:
        with place.runner() as r:
            batch = r.load("leads.csv", ["defastra.email"])
            assert r.export(batch, f"/dev/fd/{write}").rows == 3
            assert os.read(read, 65536).startswith(b"id,email,")
            result = place.run(r, batch, output=f"/dev/fd/{write}", limit=2)
            assert (result.sent, result.notices) == (2, ())
            assert os.read(read, 65536).count(b"succeeded") == 2
            assert place.run(r, batch, output="auto").target == str(place.folder / f"{batch.batch}.csv")
    finally:
        os.close(read)
        os.close(write)


@pytest.mark.parametrize("name", ["theirs.toml", "asked.toml", "base.toml", "beside.toml", "theirs.csv"])
def test_no_output_takes_the_place_of_what_other_work_needs(tmp_path: Path, name: str) -> None:
    """Another batch's list and profile, and the profiles that the settings name: as those of the batch itself."""
    place = Place(tmp_path, toml=f"{QUICK}{OF_SETTINGS}")
    for profile in ("theirs", "asked", "base", "beside"):
        (tmp_path / f"{profile}.toml").write_text(starter_text(profile))
    place.write_list(emails(2))
    place.write_list(emails(3), name="theirs.csv")
    with place.runner() as r:
        r.load("theirs.csv", ["./theirs.toml:lookup"])
        with pytest.raises(BatchError, match=re.escape(name)) as early:
            r.check_output(name, lists=["leads.csv"], overwrite=True)
        batch = r.load("leads.csv", ["defastra.email"])
        error = _refused(tmp_path, lambda: r.export(batch, name, overwrite=True))
        assert "not even with --overwrite" in early.value.why == error.why
        assert r.export(batch, _fix(error)).rows == 2
        error = _refused(tmp_path, lambda: r.report(batch, name, overwrite=True))
        assert r.report(batch, _fix(error)).size_bytes > 0
        _refused(tmp_path, lambda: place.run(r, batch, output=name, overwrite=True))
        _refused(tmp_path, lambda: r.check_log(name))
        assert place.values() == []


def test_a_batch_goes_on_writing_what_another_was_loaded_from(place: Place) -> None:
    """Its own rows, made again: one batch's export may be the next one's list, until somebody changed it."""
    place.write_list(emails(2))
    with place.runner() as r:
        first = r.load("leads.csv", ["defastra.email"])
        r.export(first, "both.csv")
        r.load("both.csv", ["defastra.email"])
        assert r.export(first, "both.csv").rows == 2
        r.check_output("both.csv", lists=["leads.csv"])
        (place.folder / "both.csv").write_text("email\nada@example.com\n")
        error = _refused(place.folder, lambda: r.export(first, "both.csv", overwrite=True))
        assert "is the list of both-defastra-email" in error.what


def test_a_profile_that_the_settings_ask_for_is_written_by_whoever_makes_it(tmp_path: Path) -> None:
    """`providers new` fills the place that `[run] operations` names."""
    place = Place(tmp_path, toml=f"{QUICK}{OF_SETTINGS}")
    with place.runner() as r:
        r.check_profile("asked.toml")

"""Files and folders whose names begin with `-`: what is proposed for them works when it is pasted."""

from __future__ import annotations

import gzip
import json
import shlex
import socket
import zipfile
from pathlib import Path

import pytest

from tests.cli.place import inside, write_list

READY = {"DEFASTRA_API_KEY": "test-key-not-real-0123456789"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a list, one that was cut off, two of other kinds, and a folder."""
    write_list(tmp_path, "a@example.com", name="-x.csv")
    (tmp_path / "-cut.csv.gz").write_bytes(gzip.compress(b"email\na@example.com\n" * 9)[:-9])
    (tmp_path / "-x.json").write_text('[\n{"email": "a@example.com"}]')
    with zipfile.ZipFile(tmp_path / "-x.zip", "w") as archive:
        archive.writestr("leads.csv", "email\n")
    (tmp_path / "-d").mkdir()
    return tmp_path


def proposed(place: Path, *words: str) -> str:
    """Everything that a command says."""
    done = inside(place, *words)
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        ("check -p defastra.email ./-x.json", "jq -c '.[]' ./-x.json > leads.jsonl"),
        ("check -p defastra.email ./-x.zip", "unzip ./-x.zip "),
        ("check -p defastra.email ./-cut.csv.gz", "`gzip -t ./-cut.csv.gz`"),
        ("check -- -d", "ls ./-d "),
        ("check ./-d/none.csv", "ls ./-d "),
        ("load -p defastra.email --batch q --from t --key k --source sqlite:///-d/none.db", "ls ./-d\n"),
        ("providers test ./-d/none.toml", "ls ./-d "),
    ],
)
def test_other_programs_take_it_for_no_option(words: str, fix: str, place: Path) -> None:
    """What unpacks a list, or shows what is in a folder."""
    assert fix in proposed(place, *words.split())


def test_a_list_is_sent_as_it_was_checked(place: Path) -> None:
    """Its own name, the profile's and the database's are words of the next command, whatever they begin with."""
    assert inside(place, "providers", "new", "acme", "-o", "./-a.toml").returncode == 0
    asked = ["check", "-p=-a.toml:lookup", "--db=-x.db", "--", "-x.csv"]
    done = inside(place, *asked, ACME_API_KEY="test-key-not-real-0123456789")
    assert "runner run ./-x.csv -p ./-a.toml:lookup --db ./-x.db" in done.stderr


def test_a_profile_of_ones_own_is_asked_for_again(place: Path) -> None:
    """With its mistakes mended, or with another port."""
    inside(place, "providers", "new", "acme", "-o", "./-a.toml")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        told = proposed(place, "sandbox", f"--port={taken.getsockname()[1]}", "--", "-a.toml")
    assert "fix: runner sandbox ./-a.toml --port 0 " in told
    (place / "-a.toml").write_text('schema = 1\nname = "acme"\n')
    assert "then check it: runner providers test ./-a.toml\n" in proposed(place, "providers", "show", "--", "-a.toml")


@pytest.mark.parametrize(("folder", "typed"), [("", "./-p.csv"), ("-d/", "./-d/-p.csv")])
def test_phones_without_a_country_are_looked_at_again(folder: str, typed: str, place: Path) -> None:
    """The list is named so that `check` reads it, from where one stands."""
    (place / f"{folder}-p.csv").write_text("phone\n(415) 555-0100\n(415) 555-0101\n")
    (place / "runner.toml").write_text("[run]\n")
    assert inside(place, "run", f"./{folder}-p.csv", "-p", "defastra.phone", "--max-invalid", "100%").returncode == 0
    shown = proposed(place, "status")
    assert f"runner check {typed} -p defastra.phone --region CC" in shown
    assert inside(place, "check", typed, "-p", "defastra.phone", "--region", "US").returncode == 0


def test_another_name_is_one_too(place: Path) -> None:
    """A profile and a backup that are there already."""
    for words in ("providers new acme -o ./-a.toml", "db backup ./-b.db"):
        inside(place, "load", "-p", "defastra.email", "./-x.csv")
        assert inside(place, *words.split()).returncode == 0
        told = proposed(place, *words.split())
        (again,) = [line.partition("fix: runner ")[2] for line in told.splitlines() if "fix: " in line]
        assert inside(place, *again.split()).returncode == 0


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder with lists whose names begin as options do, and other files that do."""
    for name in ("-odd.csv", "-list.csv", "--db.csv", "-x", "leads.csv"):
        write_list(tmp_path, "a@example.com", name=name)
    (tmp_path / "-ada@example.com.csv").write_text("email\na@example.com\n")
    (tmp_path / "-k.db").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        ("check -odd.csv -p defastra.email", "check ./-odd.csv -p defastra.email"),
        ("check -p defastra.email -list.csv", "check -p defastra.email ./-list.csv"),
        ("check --db.csv -p defastra.email", "check ./--db.csv -p defastra.email"),
        ("load -p defastra.email -x", "load -p defastra.email ./-x"),
        ("load -p=defastra.email --db=-k.db -odd.csv", "load -p=defastra.email --db ./-k.db ./-odd.csv"),
        ("check -- -odd.csv -p defastra.email", "check ./-odd.csv -p defastra.email"),
        ("load --db=a.db -- -list.csv --db.csv --batch b -p defastra.email", ""),
        ("check -- leads.csv -p defastra.email", "check leads.csv -p defastra.email"),
    ],
)
def test_a_list_that_looks_like_options_is_told_how_it_is_named(words: str, fix: str, odd: Path) -> None:
    """The same command, and it works."""
    done = inside(odd, *words.split(), **READY)
    assert done.returncode == 2
    (again,) = [line.partition("fix: runner ")[2] for line in done.stderr.splitlines() if "fix: runner " in line]
    assert again == (fix or "load --db a.db ./-list.csv ./--db.csv --batch b -p defastra.email")
    assert not fix or inside(odd, *shlex.split(again), **READY).returncode == 0


def test_a_list_is_never_taken_for_a_flag_and_its_value(odd: Path) -> None:
    """`-odd.csv` is no `-o dd.csv`: the batch last worked on would be sent, and written there."""
    assert inside(odd, "load", "leads.csv", "-p", "defastra.email", "--batch", "b").returncode == 0
    for words in (["run", "-odd.csv"], ["export", "-odd.csv"], ["run", "--", "-odd.csv", "-p", "defastra.email"]):
        done = inside(odd, *words, DEFASTRA_API_KEY="")  # nothing can be sent
        assert (done.returncode, "./-odd.csv" in done.stderr) == (2, True), done.stderr
    assert not (odd / "dd.csv").exists()
    assert inside(odd, "export", "b", "-onew.csv").returncode == 0
    assert inside(odd, "export", "b", "-o", "-new.csv").returncode == 0
    assert inside(odd, "export", "b", "-o", "-new.csv").returncode == 0
    assert sorted(one.name for one in odd.glob("*new.csv")) == ["-new.csv", "new.csv"]


def test_what_may_be_a_persons_is_not_said_again(odd: Path) -> None:
    """A value beside the list, and a password; JSON has the same fix."""
    typed = ["check", "-odd.csv", "--set", "email=ada@example.com", "--source", "postgresql://me:fake@localhost/crm"]
    done = inside(odd, *typed, "--json")
    error = json.loads(done.stdout)["error"]
    assert error["fix"] == "runner check ./-odd.csv --set email=VALUE --source VALUE --json"
    for address in ("postgresql://h/db?password=hunter22", "postgresql://me:hunt=er22@h/db"):
        told = proposed(odd, "run", "-odd.csv", "--from", "t", "--source", address, "--batch", "x")
        assert "fix: runner run ./-odd.csv --from t --source VALUE --batch x\n" in told
        assert "hunt" not in told
    told = proposed(odd, "check", "-ada@example.com.csv")
    assert "error: -…@example.com.csv was taken for an option" in told


def test_an_option_nobody_knows_stays_one(odd: Path) -> None:
    """A file of another name changes nothing."""
    told = proposed(odd, "check", "./-odd.csv", "--bogus", "-o")
    assert "Unknown option: --bogus" in told
    assert f"Unknown option: -{'y' * 300}" in proposed(odd, "check", f"-{'y' * 300}")

"""`[providers.NAME]` over a profile file of one's own, and the commands that know such a file by its name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.place import inside, write_list

KEY = "acme-key-not-real-0123456789"

TABLE = "max_spend_per_day = 5\nlimits = [{ at_most = 7, per_seconds = 60 }]\n"
ASKED = '[run]\noperations = ["./acme.toml:lookup"]\n'


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a list, and acme.toml beside it."""
    write_list(tmp_path, "ada@example.com")
    assert inside(tmp_path, "providers", "new", "acme").returncode == 0
    return tmp_path


def settle(place: Path, text: str) -> None:
    (place / "runner.toml").write_text(text)


def listed(place: Path) -> dict[str, str]:
    """`providers list`: the limits, by operation."""
    done = inside(place, "providers", "list")
    assert done.returncode == 0, done.stderr
    rows = [line.split("  ") for line in done.stdout.splitlines()[1:]]
    return {row[0]: row[-1].strip() for row in rows}


def checked(place: Path, *words: str) -> str:
    done = inside(place, "check", "leads.csv", *words, ACME_API_KEY=KEY)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("extends", ["", 'extends = "./acme.toml"\n'])
def test_a_table_of_its_name_tunes_the_file_that_the_settings_ask(extends: str, place: Path) -> None:
    """Every command reads it in the same way; that the table names the file itself makes no second account."""
    settle(place, f"{ASKED}[providers.acme]\n{extends}{TABLE}")
    assert listed(place)["acme.lookup"] == "7 in 1 min, 4 at once"
    assert "max_spend_per_day acme=5" in checked(place)
    assert checked(place, "-p", "acme.lookup") == checked(place, "-p", "./acme.toml:lookup") == checked(place)
    assert "7 in 1 min" in inside(place, "providers", "show", "acme").stdout
    assert inside(place, "providers", "show", "./acme.toml").stdout == inside(place, "providers", "show", "acme").stdout
    assert "acme: 9 examples" in inside(place, "providers", "test").stdout
    assert inside(place, "providers", "test", "acme").returncode == 0
    found = json.loads(inside(place, "doctor", "--offline", "--json", ACME_API_KEY=KEY).stdout)
    assert [one["level"] for one in found["findings"] if one["about"] == "acme"] == ["ok"]
    shown = inside(place, "config", "show").stdout.splitlines()
    assert shown.count("[providers.acme]") == 1
    assert "[providers]" not in shown
    assert [line.split() for line in shown if "max_spend_per_day" in line][1][1:] == ["5", "runner.toml"]


def test_a_file_of_the_settings_is_known_by_its_name_without_a_table(place: Path) -> None:
    """It is listed and tried with the shipped ones; one that is not there is left out."""
    settle(place, ASKED)
    assert "acme.lookup" in listed(place)
    assert inside(place, "providers", "test").stdout.startswith("acme: ")
    assert "is here already" not in inside(place, "providers", "show", "acme").stderr
    assert "called acme already" in inside(place, "providers", "new", "acme", "-o", "other.toml").stderr
    (place / "acme.toml").unlink()
    assert "acme.lookup" not in listed(place)


def test_a_file_that_a_command_or_a_batch_names_is_tuned_too(place: Path) -> None:
    """Without either nobody knows the table, and a misspelt cap would be none."""
    (place / "own").mkdir()
    (place / "acme.toml").rename(place / "own" / "acme.toml")
    settle(place, f"[providers.acme]\n{TABLE}")
    refused = inside(place, "providers", "list")
    assert (refused.returncode, "providers.acme: unknown" in refused.stderr) == (2, True)
    assert "max_spend_per_day acme=5" in checked(place, "-p", "./own/acme.toml:lookup")
    assert inside(place, "load", "leads.csv", "-p", "./own/acme.toml:lookup").returncode == 0
    assert listed(place)["acme.lookup"] == "7 in 1 min, 4 at once"
    assert "acme: 0 of 5 credits of max_spend_per_day" in inside(place, "status").stdout


def test_a_second_account_of_a_file_has_what_the_file_has_here(place: Path) -> None:
    """As one of a shipped provider has; what it says itself goes before."""
    own = '[providers.agency]\nextends = "./acme.toml"\nhttp = { auth = { secret = { env = "AGENCY_KEY" } } }\n'
    settle(place, f"{ASKED}[providers.acme]\n{TABLE}{own}")
    assert listed(place)["agency.lookup"] == "7 in 1 min, 4 at once"
    settle(place, f"{ASKED}[providers.acme]\n{TABLE}{own}concurrency = {{ in_flight = 2 }}\n")
    assert listed(place)["agency.lookup"] == "7 in 1 min, 2 at once"


def test_a_file_that_is_called_as_a_shipped_provider_is_not_tuned_by_its_table(place: Path) -> None:
    """The table has been the shipped one's all along; both are listed."""
    path = place / "acme.toml"
    path.write_text(path.read_text().replace('name = "acme"', 'name = "defastra"'))
    settle(place, f"{ASKED}[providers.defastra]\n{TABLE}")
    limits = listed(place)
    assert (limits["defastra.email"], limits["defastra.lookup"]) == ("7 in 1 min, 5 at once", "60 in 1 min, 4 at once")


def test_a_mistake_of_the_table_is_told_as_one_and_the_fix_names_both(place: Path) -> None:
    """`config show` has the provider's name at its head, not the file's path."""
    settle(place, f"{ASKED}[providers.acme]\nlimts = []\n")
    refused = inside(place, "check", "leads.csv", ACME_API_KEY=KEY)
    assert refused.returncode == 2
    assert '[providers.acme]: limts: unknown key; did you mean "limits"?' in refused.stderr
    assert "acme.toml, or [providers.acme] in runner.toml, then check it: runner providers test" in refused.stderr
    settle(place, ASKED.replace("acme.toml", "nope.toml"))
    shown = inside(place, "config", "show").stdout
    assert "[providers]\n  nope  cannot be read: the profile " in shown


EVERY_WAY = [
    ("providers", "test", "./acme.toml"),
    ("providers", "show", "acme"),
    ("check", "leads.csv"),
    ("check", "leads.csv", "-p", "defastra.email"),
    ("run", "leads.csv"),
]


@pytest.mark.parametrize("words", EVERY_WAY, ids=" ".join)
def test_a_mistake_of_the_file_is_not_told_as_one_of_the_table(place: Path, words: tuple[str, ...]) -> None:
    """Nobody knows the name because the file cannot be read, is gone, or says none: it is what is to be mended."""
    settle(place, f"{ASKED}[providers.acme]\n{TABLE}")
    file = place / "acme.toml"
    good = file.read_text()
    for text, why in (
        (f"{good}oops = [\n", "it is not TOML"),
        (good.replace("name =", "nme =", 1), 'did you mean "name"?'),
    ):
        file.write_text(text)
        refused = inside(place, *words, ACME_API_KEY=KEY)
        assert (refused.returncode, "nobody knows" in refused.stderr) == (2, False)
        assert why in refused.stderr
        assert f"fix: edit {place / 'acme.toml'}" in refused.stderr or "fix: edit ./acme.toml" in refused.stderr
    file.unlink()
    refused = inside(place, *words, ACME_API_KEY=KEY)
    assert (refused.returncode, "nobody knows" in refused.stderr) == (2, False)
    assert "acme.toml cannot be read\n  why: No such file" in refused.stderr


def test_doctor_tells_the_mistake_of_the_file(place: Path) -> None:
    """With the edit that mends it."""
    settle(place, f"{ASKED}[providers.acme]\n{TABLE}")
    (place / "acme.toml").write_text("oops = [\n")
    told = inside(place, "doctor", "--offline").stdout
    assert "it is not TOML" in told
    assert "nobody knows" not in told


def test_a_misspelt_table_is_still_one_where_every_file_can_be_read(place: Path) -> None:
    """A cap of nobody would cap nothing."""
    settle(place, f"{ASKED}[providers.acmee]\n{TABLE}")
    refused = inside(place, "check", "leads.csv", "-p", "defastra.email")
    assert (refused.returncode, "providers.acmee: unknown" in refused.stderr) == (2, True)


def test_the_list_has_those_that_can_be_read_and_a_line_for_each_other(place: Path) -> None:
    """It is the command that others name as the way out; each file is told of once, by whatever names it is known."""
    (place / "good.toml").write_text((place / "acme.toml").read_text().replace('"acme"', '"good"', 1))
    (place / "acme.toml").write_text("oops = [\n")
    broken = '[run]\noperations = ["./acme.toml:lookup", "./good.toml:lookup"]\n'
    gone = '[providers.agency]\nextends = "./gone.toml"\n'
    typo = "[providers.defendis]\nlimts = []\n"
    settle(place, f"{broken}{gone}{typo}[providers.acme]\n{TABLE}")
    done = inside(place, "providers", "list")
    assert done.returncode == 0
    assert {"good.lookup", "defastra.email"} <= {line.split()[0] for line in done.stdout.splitlines()}
    assert "defendis" not in done.stdout
    lines = done.stderr.splitlines()
    assert [line.split(":")[0] for line in lines] == ["not listed"] * 3
    for what in ("acme.toml: it is not TOML", "gone.toml cannot be read: No such file", 'did you mean "limits"?'):
        assert len([line for line in lines if what in line]) == 1


def test_the_fix_of_a_file_that_is_gone_works(place: Path) -> None:
    """`ls` of its folder, or the list of what needs no file, which names the one that is gone."""
    settle(place, '[providers.acme]\nextends = "./gone.toml"\n[prices]\n"defastra.check" = "0.01 EUR"\n')
    refused = inside(place, "providers", "show", "acme")
    assert (refused.returncode, "or runner providers list" in refused.stderr) == (2, True)
    done = inside(place, "providers", "list")
    assert (done.returncode, "defastra.email" in done.stdout) == (0, True), done.stderr
    assert done.stderr.count("not listed: the profile ") == 1


def test_a_broken_file_hinders_no_trial_of_another(place: Path) -> None:
    """`providers test` says of each file what is wrong with that file."""
    settle(place, f"{ASKED}[providers.acme]\n{TABLE}")
    (place / "acme.toml").write_text("oops = [\n")
    assert inside(place, "providers", "test", "defastra").returncode == 0

"""`~` in a path: one's own folder; of somebody nobody knows, a name like any other, as a shell leaves it."""

from __future__ import annotations

from pathlib import Path

import pytest

import runner
from runner.domain.provider import SecretRef
from runner.errors import ConfigError, InputError, ProfileError
from runner.providers.loader import load
from runner.settings import FILE_NAME, Keys
from tests.app.place import QUICK, Place, emails

EMAIL = ["defastra.email"]
NOBODY = "~nobody-at-all"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One's own folder."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.mark.parametrize(("typed", "is_home"), [("~/", True), ("~", False), (NOBODY, False)])
def test_what_is_written_goes_where_a_shell_would_put_it(place: Place, home: Path, typed: str, is_home: bool) -> None:
    """A run's rows, an export, a report, a copy of the database: all of them, or none, are in one's own folder."""
    place.write_list(emails(1))
    with place.runner() as r:
        batch = r.load("leads.csv", EMAIL)
        place.run(r, batch, output=f"{typed}run.csv")
        r.export(batch, f"{typed}export.csv")
        r.report(batch, f"{typed}report.html")
        r.backup(f"{typed}copy.db")
    folder, name = (home, "") if is_home else (place.folder, typed)
    for file in ("run.csv", "export.csv", "report.html", "copy.db"):
        assert (folder / f"{name}{file}").is_file()


def test_a_list_is_read_where_a_shell_would_find_it(place: Place, home: Path) -> None:
    """Of nobody it is a file that is not there, or one that is called so."""
    (home / "leads.csv").write_text("email\na@example.com\n")
    (place.folder / f"{NOBODY}.csv").write_text("email\na@example.com\nb@example.com\n")
    with place.runner() as r:
        assert r.check("~/leads.csv", EMAIL).plan.rows == 1
        assert r.check(f"{NOBODY}.csv", EMAIL).plan.rows == 2
        with pytest.raises(InputError, match=r"x\.csv cannot be read"):
            r.check(f"{NOBODY}/x.csv", EMAIL)


def test_settings_are_found_where_a_shell_would_find_them(place: Place, home: Path) -> None:
    """The database, the settings, the variables, those that a settings file names, and a key."""
    (home / "mine.toml").write_text(QUICK)
    (home / "mine.env").write_text("X=1\n")
    (place.folder / FILE_NAME).write_text(f'{QUICK}[run]\ndb = "~/mine.db"\nenv_file = "~/mine.env"\n')
    with runner.open(directory=place.folder, environ={}) as r:
        assert r.path == home / "mine.db"
    with runner.open("~/other.db", config="~/mine.toml", directory=place.folder, environ={}) as r:
        assert r.path == home / "other.db"
    with pytest.raises(ConfigError, match=NOBODY):
        runner.open(config=f"{NOBODY}.toml", directory=place.folder, environ={})
    with pytest.raises(ConfigError, match=NOBODY):
        runner.open(env_file=f"{NOBODY}/x.env", directory=place.folder, environ={})
    extending = f'[run]\ndb = "{NOBODY}.db"\n[providers.second]\nextends = "{NOBODY}/x.toml"\n'
    (place.folder / FILE_NAME).write_text(extending)
    with runner.open(directory=place.folder, environ={}) as r:
        assert r.path == place.folder / f"{NOBODY}.db"
    keys = Keys({}, directory=place.folder)
    assert "missing" in keys.whereabouts(SecretRef(file=f"{NOBODY}/key"))
    (home / "key").write_text("x")
    assert "there" in keys.whereabouts(SecretRef(file="~/key"))


def test_a_profile_is_read_where_a_shell_would_find_it(place: Place, home: Path) -> None:
    """Also one that is only looked at; of nobody there is none."""
    with place.runner() as r:
        (home / "mine.toml").write_text(r.starter("mine"))
        assert r.provider("~/mine.toml").name == "mine"
        (trial,) = r.trials("~/mine.toml")
        assert trial.passed
        with pytest.raises(ProfileError, match=NOBODY):
            r.starter("other", base=f"{NOBODY}/x.toml")
    with pytest.raises(ProfileError, match=NOBODY):
        load(f"{NOBODY}.toml")


def test_no_path_is_read_in_a_way_of_its_own() -> None:
    """`Path.expanduser` raises for a user nobody knows: what people type goes through one place."""
    users = [file for file in (Path(runner.__file__).parent).rglob("*.py") if ".expanduser(" in file.read_text("utf-8")]
    assert [file.name for file in users] == ["home.py"]

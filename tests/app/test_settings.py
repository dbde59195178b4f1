"""Settings: where they are found, which wins, and what a mistake says."""

from __future__ import annotations

import contextlib
import shlex
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from runner.domain.model import InDoubtPolicy
from runner.errors import ConfigError
from runner.settings import read_settings
from tests.app.settings import settings


def test_nearest_file_is_searched_upwards_and_places_the_database(tmp_path: Path) -> None:
    """runner.toml two folders up is read, and runner.db lies beside it."""
    (tmp_path / "runner.toml").write_text('[run]\nmax_wait = "2h"\n')
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    found = settings(deep)
    assert found.run.max_wait == 7200.0
    assert found.database == tmp_path / "runner.db"


def test_without_any_file_the_database_is_in_the_current_folder(tmp_path: Path) -> None:
    """Defaults hold, and the database is named after nothing else."""
    found = settings(tmp_path)
    assert (found.database, found.files, found.run.max_invalid) == (tmp_path / "runner.db", (), 0.5)


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    """`--db FOLDER` is told as that, with a file in it as the fix."""
    with pytest.raises(ConfigError, match="is a folder") as refused:
        settings(tmp_path, database=tmp_path)
    assert refused.value.fix == f"--db {tmp_path / 'runner.db'}"


def test_order_is_flag_environment_file_user_file(tmp_path: Path) -> None:
    """Each place wins over the next."""
    (tmp_path / "user.toml").write_text('[run]\ndb = "user.db"\nmax_wait = 1\nmax_requests = 1\nregion = "FR"\n')
    (tmp_path / "runner.toml").write_text('[run]\ndb = "file.db"\nmax_wait = 2\nmax_requests = 2\n')
    environ = {"RUNNER_DB": "environment.db", "RUNNER_MAX_WAIT": "3"}
    found = settings(tmp_path, environ, database="flag.db")
    assert found.database == tmp_path / "flag.db"
    assert settings(tmp_path, environ).database == tmp_path / "environment.db"
    assert settings(tmp_path).database == tmp_path / "file.db"
    assert (found.run.max_wait, found.run.max_requests, found.run.region) == (3.0, 2, "FR")


def test_config_flag_replaces_both_files(tmp_path: Path) -> None:
    """Neither runner.toml nor the user's file is read when a file is named."""
    (tmp_path / "user.toml").write_text("[run]\nmax_requests = 1\n")
    (tmp_path / "runner.toml").write_text("[run]\nmax_wait = 2\n")
    (tmp_path / "night.toml").write_text("[run]\nin_flight = 3\n")
    found = settings(tmp_path, config="night.toml")
    assert (found.run.max_requests, found.run.max_wait, found.run.in_flight) == (None, 900.0, 3)


def test_named_config_that_is_missing_is_refused(tmp_path: Path) -> None:
    """A misspelt --config never falls back to something else."""
    with pytest.raises(ConfigError, match="no settings file"):
        settings(tmp_path, config="nigth.toml")


def test_all_mistakes_of_a_file_are_told_at_once_with_hints(tmp_path: Path) -> None:
    """Unknown keys, wrong types and bad quantities come together, each with its key."""
    (tmp_path / "runner.toml").write_text(
        '[run]\nmax_spnd = 3\nmax_wait = "soon"\nin_flight = 0\n[sources.crm]\nurll = "x"\n[suorces.x]\n'
    )
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path)
    lines = caught.value.why.splitlines()
    assert "run.max_spnd: unknown key; did you mean `max_spend`?" in lines
    assert "suorces: unknown key; did you mean `sources`?" in lines
    assert "sources.crm.urll: unknown key; did you mean `url`?" in lines
    assert any(line.startswith("run.max_wait: not a duration: 'soon'") for line in lines)
    assert any(line.startswith("run.in_flight:") for line in lines)
    assert caught.value.exit_code == 2


def test_misspelt_variable_is_refused_and_foreign_ones_are_not(tmp_path: Path) -> None:
    """RUNNER_MAX_SPEN would be an unlimited night; RUNNER_OS belongs to a build machine."""
    with pytest.raises(ConfigError, match="RUNNER_MAX_SPEN") as caught:
        settings(tmp_path, {"RUNNER_MAX_SPEN": "3"})
    assert "RUNNER_MAX_SPEND" in caught.value.why
    settings(tmp_path, {"RUNNER_OS": "Linux", "RUNNER_TEMP": "x", "RUNNER_NAME": "x", "RUNNER_WORKSPACE": "x"})


def test_environment_values_are_parsed_like_the_file(tmp_path: Path) -> None:
    """Lists have commas, shares have %, policies have their names."""
    environ = {
        "RUNNER_OPERATIONS": "defastra.email, defastra.phone",
        "RUNNER_MAX_INVALID": "30%",
        "RUNNER_IN_DOUBT": "resend-once",
        "RUNNER_MAX_SPEND": "defastra=3.5,acme=2",
    }
    run = settings(tmp_path, environ).run
    assert run.operations == ("defastra.email", "defastra.phone")
    assert (run.max_invalid, run.in_doubt) == (0.3, InDoubtPolicy.RESEND_ONCE)
    assert run.max_spend == ("defastra=3.5", "acme=2")


def test_provider_tables_merge_by_key_and_secrets_do_not_mix(tmp_path: Path) -> None:
    """The base URL of one file and the timeout of the other both hold; { env } of one never meets { file }."""
    (tmp_path / "user.toml").write_text(
        '[providers.defastra.http]\ntimeout = 9\nauth = { header = "X", secret = { env = "A" } }\n'
    )
    (tmp_path / "runner.toml").write_text(
        '[providers.defastra]\nhttp = { base_url = "http://127.0.0.1:8123", auth = { secret = { file = "k" } } }\n'
    )
    http = settings(tmp_path).providers["defastra"]["http"]
    assert (http["base_url"], http["timeout"]) == ("http://127.0.0.1:8123", 9)
    assert http["auth"] == {"header": "X", "secret": {"file": "k"}}


def test_the_cap_of_an_accounts_day_is_no_part_of_its_profile(tmp_path: Path) -> None:
    """It merges over the files as other keys do, and the loader of profiles never sees it."""
    (tmp_path / "user.toml").write_text('[run]\nmax_spend_per_day = 9\n[providers.acme]\nmax_spend_per_day = "2.5"\n')
    (tmp_path / "runner.toml").write_text('[providers.acme]\nextends = "defastra"\n[providers.defastra]\n')
    found = settings(tmp_path)
    assert found.providers == {"acme": {"extends": "defastra"}, "defastra": {}}
    assert [found.daily_cap(name) for name in ("acme", "defastra", "dfirlab")] == [2_500_000, 9_000_000, 9_000_000]


def test_sources_are_resolved_by_name(tmp_path: Path) -> None:
    """A name leads to its variable, a URL to itself, an unknown name to a hint; a password in the file is refused."""
    (tmp_path / "runner.toml").write_text('[sources.crm]\nurl = { env = "CRM_URL" }\n')
    found = settings(tmp_path, {"CRM_URL": "sqlite:///crm.db"})
    assert found.source_url("crm").reveal() == "sqlite:///crm.db"
    assert found.source_url("sqlite:///x.db").reveal() == "sqlite:///x.db"
    with pytest.raises(ConfigError, match="no source") as caught:
        found.source_url("cmr")
    assert caught.value.fix == "--source crm"
    for url in ("postgresql://me:fake@localhost/crm", "postgresql://localhost/crm?user=me&password=fake"):
        (tmp_path / "runner.toml").write_text(f'[sources.crm]\nurl = "{url}"\n')
        with pytest.raises(ConfigError) as refused:
            settings(tmp_path)
        assert "password" in refused.value.why
        assert "fake" not in refused.value.why


@pytest.mark.parametrize(
    ("typed", "fix"),
    [
        ("there", "--source sqlite:///there"),
        ("./crm.db", "--source sqlite:///crm.db"),  # it is there; [sources] has one that is like it
        ("empty.db", "--source sqlite:///empty.db"),  # as SQLite begins one; and the same
        ("new.SQLite3", "--source sqlite:///new.SQLite3"),
        ("our leads.db", "--source 'sqlite:///our leads.db'"),
        ("90%?.db", "--source sqlite:///90%25%3F.db"),
        ("crm2.db", "--source crm"),
        ("leads.csv", '[sources."leads.csv"]'),
        ("text.db", '[sources."text.db"]'),
        ("leads", "[sources.leads]"),
        ('Größe "x"\x7f', '[sources."Größe \\"x\\"\\u007f"]'),
        ("n" * 300, f"[sources.{'n' * 300}]"),
    ],
)
def test_an_unknown_source_is_told_what_works(
    typed: str, fix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database file by its URL; else lines for runner.toml, with the name as a key of its own."""
    monkeypatch.chdir(tmp_path)
    for name in ("there", "crm.db", "our leads.db"):
        sqlite3.connect(name).execute("CREATE TABLE leads (id)").connection.close()
    (tmp_path / "empty.db").touch()
    (tmp_path / "text.db").write_text("email\n")
    (tmp_path / "leads.csv").write_text("email\n")
    (tmp_path / "runner.toml").write_text(
        "".join(f'[sources.{n}]\nurl = {{ env = "URL" }}\n' for n in ("crm", "empty"))
    )
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path).source_url(typed)
    assert fix in caught.value.fix.splitlines()
    if "runner.toml" in caught.value.fix:
        (tmp_path / "runner.toml").write_text(caught.value.fix.partition("\n")[2])
        assert list(settings(tmp_path).sources) == [typed]
    elif "sqlite" in fix:
        with contextlib.closing(sa.create_engine(shlex.split(caught.value.fix)[1]).connect()):
            assert (tmp_path / typed).is_file()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("./tell.sh", "{folder}/tell.sh"),
        ("bin/tell", "{folder}/bin/tell"),
        ("/bin/tell", "/bin/tell"),
        ("tell", "tell"),
    ],
)
def test_a_command_with_a_slash_counts_from_its_file(tmp_path: Path, written: str, meant: str) -> None:
    """Wherever the run is started; one without is looked for as any program."""
    (tmp_path / "runner.toml").write_text(f'[notify]\ncommand = ["{written}", "./as-it-is"]\n')
    (tmp_path / "sub").mkdir()
    settings = read_settings(directory=tmp_path / "sub", environ={})
    assert settings.notify.command == (meant.format(folder=tmp_path), "./as-it-is")

"""Settings: where they are found, which wins, and what a mistake says."""

from __future__ import annotations

import os
import pickle
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.domain.model import InDoubtPolicy
from runner.domain.provider import Auth, Http, Provider, SecretRef
from runner.errors import ConfigError
from runner.settings import (
    Keys,
    Secret,
    Settings,
    parse_duration,
    parse_rate,
    parse_share,
    parse_spend,
    read_settings,
)
from runner.settings.envfile import read_env_file

FAKE_KEY = "fake-key-000000000000"


def settings(folder: Path, environ: dict[str, str] | None = None, **flags: str | Path) -> Settings:
    """Settings as read from a folder whose user file is `user.toml` beside it."""
    return read_settings(directory=folder, environ=environ or {}, user_file=folder / "user.toml", **flags)


def provider(ref: SecretRef, *, pattern: str | None = None) -> Provider:
    """A provider whose key is found by `ref`."""
    auth = Auth(kind="header", name="X-API-KEY", secret=ref, pattern=pattern)
    return Provider(name="acme", title="Acme", http=Http(base_url="https://x.test", auth=auth), operations={}, rules=())


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


def test_a_wrong_variable_is_told_as_one(tmp_path: Path) -> None:
    """The message sends nobody to a file that is right."""
    (tmp_path / "runner.toml").write_text("[run]\nin_flight = 2\n")
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, {"RUNNER_IN_FLIGHT": "many"})
    assert "environment" in caught.value.what
    assert "in_flight" in caught.value.why


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


def test_only_a_named_env_file_is_read(tmp_path: Path) -> None:
    """A stray .env changes nothing; a named one gives keys, below the environment."""
    (tmp_path / ".env").write_text(f"ACME_KEY={FAKE_KEY}\n")
    acme = provider(SecretRef(env="ACME_KEY"))
    assert settings(tmp_path).keys.present(acme) is not None
    named = settings(tmp_path, env_file=".env")
    key = named.keys.of(acme)
    assert key is not None
    assert key.reveal() == FAKE_KEY
    over = settings(tmp_path, {"ACME_KEY": "other"}, env_file=".env").keys.of(acme)
    assert over is not None
    assert over.reveal() == "other"


def test_env_file_lines(tmp_path: Path) -> None:
    """Quotes, comments, export and blank lines are understood; nothing is interpolated."""
    path = tmp_path / "keys.env"
    path.write_text('# c\n\nexport A=1 # one\nB="x # \\"y\\"" # two\nC=\'$A \\n\'\nD=\nE=a#b\n')
    path.chmod(0o600)
    values, notices = read_env_file(path)
    assert values == {"A": "1", "B": 'x # "y"', "C": "$A \\n", "D": "", "E": "a#b"}
    assert notices == ()


@pytest.mark.parametrize("line", ["no equals", "A='open", 'A="x" y', "1A=2"])
def test_env_file_mistakes_name_the_line_and_not_its_text(tmp_path: Path, line: str) -> None:
    """A broken line may hold a key: only its number is told."""
    path = tmp_path / "keys.env"
    path.write_text(f"OK=1\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        read_env_file(path)
    assert "Line 2" in caught.value.why
    assert line not in str(caught.value) + caught.value.why


@pytest.mark.skipif(sys.platform == "win32", reason="no owner-only mode there")
def test_env_file_that_others_can_read_is_told(tmp_path: Path) -> None:
    """A key file with group or world access is noted, not refused."""
    path = tmp_path / "keys.env"
    path.write_text("A=1\n")
    path.chmod(0o644)
    assert "chmod 600" in settings(tmp_path, env_file=path).notices[0]


def test_missing_key_has_three_parts_and_guesses_the_misspelling() -> None:
    """What is missing, where it was looked for, and the line to type."""
    keys = Keys({"DEFASTRA_APIKEY": FAKE_KEY}, directory=Path())
    with pytest.raises(ConfigError) as caught:
        keys.of(provider(SecretRef(env="DEFASTRA_API_KEY")))
    assert caught.value.what == "the key of Acme is missing"
    assert "DEFASTRA_APIKEY is set" in caught.value.why
    assert caught.value.fix.endswith("DEFASTRA_API_KEY=...")
    assert FAKE_KEY not in repr(caught.value) + caught.value.why


def test_key_of_the_wrong_shape_is_refused_unseen() -> None:
    """The shape is told, the value is not."""
    keys = Keys({"K": FAKE_KEY}, directory=Path())
    with pytest.raises(ConfigError) as caught:
        keys.of(provider(SecretRef(env="K"), pattern="^sk-"))
    assert FAKE_KEY not in str(caught.value) + caught.value.why + caught.value.fix
    assert keys.of(provider(SecretRef(env="K"), pattern="^fake-")) is not None


def test_a_program_that_fetches_a_key_is_not_handed_another(tmp_path, monkeypatch) -> None:
    """A variable that a key was read from is not in the program's environment; all others are."""
    monkeypatch.setenv("FIRST_API_KEY", FAKE_KEY)
    keys = Keys(os.environ, directory=tmp_path)
    script = "import os; print(os.environ.get('FIRST_API_KEY', 'not there'), 'PATH' in os.environ)"
    assert keys.fetch(SecretRef(env="FIRST_API_KEY"), what="it").reveal() == FAKE_KEY
    fetched = keys.fetch(SecretRef(command=(sys.executable, "-c", script)), what="it").reveal()
    assert fetched == "not there True"


def test_keys_from_file_and_command(tmp_path: Path) -> None:
    """Both are trimmed; a command is run once; a failing one and a missing file say so."""
    (tmp_path / "k").write_text(f"{FAKE_KEY}\n")
    keys = Keys({}, directory=tmp_path)
    assert keys.fetch(SecretRef(file="k"), what="it").reveal() == FAKE_KEY
    echo = (sys.executable, "-c", f"print('{FAKE_KEY}')")
    assert keys.fetch(SecretRef(command=echo), what="it").reveal() == FAKE_KEY
    once = tmp_path / "once"
    asks = (sys.executable, "-c", f"open({str(once)!r}, 'x'); print('{FAKE_KEY}')")
    assert {keys.fetch(SecretRef(command=asks), what="it").reveal() for _ in range(2)} == {FAKE_KEY}
    for ref in (
        SecretRef(file="none"),
        SecretRef(command=(sys.executable, "-c", "raise SystemExit(3)")),
        SecretRef(command=("no-such-program-here",)),
    ):
        with pytest.raises(ConfigError):
            keys.fetch(ref, what="it")


def test_secret_is_never_shown() -> None:
    """Neither its repr, nor its text, nor a pickle, nor the settings around it give it away."""
    secret = Secret(FAKE_KEY)
    assert f"{secret} {secret!r} {[secret]}" == "*** *** [***]"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    found = read_settings(directory=Path(), environ={"K": FAKE_KEY}, user_file=Path("none"))
    assert FAKE_KEY not in repr(found)


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
    ("text", "seconds"), [("90", 90.0), ("1.5m", 90.0), ("2h", 7200.0), ("1h30m", 5400.0), (12, 12.0), ("1 min", 60.0)]
)
def test_durations(text: str | float, seconds: float) -> None:
    """Numbers are seconds; units add up."""
    assert parse_duration(text, name="--wait") == seconds


@pytest.mark.parametrize("text", ["", "x", "-1", "1w", "h", "1h x", -1, float("nan")])
def test_bad_durations(text: str | float) -> None:
    """Anything else is refused with the setting's name."""
    with pytest.raises(ConfigError, match="--wait"):
        parse_duration(text, name="--wait")


def test_rates_shares_and_caps() -> None:
    """The forms of design 9."""
    assert parse_rate("30/min", name="--rate") == (30, 60.0)
    assert parse_share("10%", name="x") == parse_share(0.1, name="x") == 0.1
    assert parse_spend("12.5", name="x") == {None: 12_500_000}
    assert parse_spend(["defastra=1", "acme=0.000001"], name="x") == {"defastra": 1_000_000, "acme": 1}
    assert parse_spend({"acme": Decimal(2)}, name="x") == {"acme": 2_000_000}
    for bad in ("x", "-1", "0.0000001", "inf", "nan", ["a=1", "a=2"]):
        with pytest.raises(ConfigError):
            parse_spend(bad, name="x")


@given(st.text(max_size=12))
def test_parsers_answer_or_refuse(text: str) -> None:
    """No text makes a parser raise anything but its own refusal."""
    for parse in (parse_duration, parse_rate, parse_share, parse_spend):
        try:
            parse(text, name="x")
        except ConfigError:
            continue


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

"""`config show|path|schema`: what holds, where it was said, and what an editor is told; never a key."""

import json
import tomllib
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from runner.errors import RunnerError
from runner.providers.loader import load_tables, shipped_names
from runner.settings import read_settings
from tests.cli.place import KEY, inside
from tests.docs.pages import ROOT, blocks

FULL = """
[run]
operations = ["defastra.email"]
env_file = "keys.env"
max_wait = "2h"
max_spend = { defastra = 12.5 }
max_spend_per_day = 500
max_failed = "10%"

[prices]
"defastra.check" = "0.02 EUR"

[sources.crm]
url = { env = "CRM_URL" }

[sources.local]
url = "sqlite:///crm.db?timeout=5"

[providers.defastra]
limits = [{ at_most = 30, per_seconds = 60 }]
max_spend_per_day = "12.5"

[providers.defastra.http]
timeout = 10

[providers.acme]
extends = "defastra"
http = { auth = { secret = { command = ["pass", "show", "not-real-secret"] } } }
"""


@pytest.fixture
def place(tmp_path):
    """A folder with settings of every kind, and a key in its env file."""
    (tmp_path / "runner.toml").write_text(FULL)
    (tmp_path / "keys.env").write_text(f"DEFASTRA_API_KEY={KEY}\nRUNNER_RATE=30/min\n")
    (tmp_path / "keys.env").chmod(0o600)
    return tmp_path


def shown(place, *flags: str, **more: str) -> dict:
    """`config show --json` by name: (value, kind of origin, where, key)."""
    done = inside(place, "config", "show", "--json", *flags, **{"DEFASTRA_API_KEY": "", **more})
    assert done.returncode == 0, done.stderr
    settings = json.loads(done.stdout)["settings"]
    return {
        one["name"]: (one["value"], one["origin"]["kind"], one["origin"]["where"], one["origin"]["key"])
        for one in settings
    }


def test_every_setting_has_its_value_and_its_origin(place):
    """Flag, variable, file with its key, profile, built in; what nobody set is there too."""
    found = shown(place, "--db", "other.db", RUNNER_IN_FLIGHT="2")
    own = str(place / "runner.toml")
    assert found["run.db"] == (str(place / "other.db"), "flag", "--db", None)
    assert found["run.in_flight"] == (2, "environment", "RUNNER_IN_FLIGHT", None)
    assert found["run.rate"] == ("30/min", "environment", "RUNNER_RATE", None)
    assert found["run.max_wait"] == (7200, "file", own, "run.max_wait")
    assert found["run.wait"] == (None, "built-in", None, None)
    assert found['prices."defastra.check"'] == ("0.02 EUR", "file", own, "prices.defastra.check")
    limits = ([{"at_most": 30, "per_seconds": 60.0}], "file", own, "providers.defastra.limits")
    assert found["providers.defastra.limits"] == limits
    assert found["providers.defastra.http.timeout"] == (10, "file", own, "providers.defastra.http.timeout")
    assert found["providers.defastra.pace"] == ("strict", "profile", "defastra.toml", None)
    daily = "max_spend_per_day"
    assert found[f"providers.defastra.{daily}"] == (12.5, "file", own, f"providers.defastra.{daily}")
    assert found[f"providers.acme.{daily}"] == (500, "file", own, f"run.{daily}")
    assert found["providers.acme.http.timeout"] == (10, "file", own, "providers.defastra.http.timeout")
    assert found["providers.acme.pace"][:2] == ("strict", "profile")


def test_of_a_secret_only_its_place_is_told(place):
    """Variable (and the env file that sets it), file, command: whether it is there; no value, argument or option."""
    found = shown(place)
    key = f"environment variable DEFASTRA_API_KEY: set, in {place / 'keys.env'}"
    assert found["providers.defastra.http.auth"][0] == key
    assert found["providers.acme.http.auth"][0] == "command pass: asked when it is needed"
    assert found["sources.crm.url"][0] == "environment variable CRM_URL: not set"
    assert found["sources.local.url"][0] == "sqlite:///crm.db?timeout=5"
    everything = inside(place, "config", "show").stdout + inside(place, "config", "show", "--json").stdout
    assert KEY not in everything


def test_a_person_reads_it_table_by_table(place):
    """As it stands in a file: tables in brackets, units for people, paths as one would type them here."""
    text = inside(place, "config", "show", DEFASTRA_API_KEY="").stdout
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "[providers.defastra]" in lines
    assert "max_wait 2 h runner.toml" in lines
    assert "max_failed 10% runner.toml" in lines
    assert "rate 30/min environment variable RUNNER_RATE" in lines
    assert "region - built in" in lines
    assert "limits 30 in 1 min runner.toml" in lines
    assert "http.auth environment variable DEFASTRA_API_KEY: set, in keys.env profile defastra.toml" in lines


def test_a_provider_that_cannot_be_read_hides_no_other_setting(place):
    """Its mistake is one line, without what was written below `auth`."""
    (place / "runner.toml").write_text('[run]\nrate = "1/s"\n[providers.defastra.http.auth]\nsecret = "sk-not-real"\n')
    done = inside(place, "config", "show")
    assert done.returncode == 0
    assert "cannot be read" in done.stdout
    assert "sk-not-real" not in done.stdout + done.stderr


def test_the_files_are_told_in_the_order_in_which_they_win(place):
    """Flags, variables, this folder's file (where it would be), the user's, keys, database."""
    done = inside(place, "config", "path", "--json", RUNNER_MAX_WAIT="1h")
    places = json.loads(done.stdout)["places"]
    assert [one["role"] for one in places] == ["flag", "environment", "file", "user-file", "env-file", "database"]
    by_role = {one["role"]: one for one in places}
    assert by_role["environment"]["path"] == "RUNNER_MAX_WAIT, RUNNER_RATE"
    assert by_role["file"] == {"role": "file", "path": str(place / "runner.toml"), "found": True}
    assert by_role["database"] == {"role": "database", "path": str(place / "runner.db"), "found": False}
    empty = place / "empty"
    empty.mkdir()
    assert "runner.db   (not there)" in inside(empty, "config", "path").stdout
    assert list(empty.iterdir()) == []


def schema(folder, *flags: str) -> Draft202012Validator:
    """A printed schema, held to its meta-schema."""
    text = inside(folder, "config", "schema", *flags).stdout
    printed = json.loads(text)
    assert printed["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(printed)
    assert '"null"' not in text  # TOML has none
    return Draft202012Validator(printed)


def as_json(value: object) -> Any:
    """TOML as an editor's validator sees it: dates are texts."""
    return json.loads(json.dumps(value, default=lambda one: one.isoformat() if isinstance(one, date) else one))


def shipped(name: str) -> dict:
    """A profile that comes with the runner, as TOML says it."""
    return tomllib.loads((resources.files("runner.providers") / f"{name}.toml").read_text())


@pytest.mark.parametrize("name", shipped_names())
def test_shipped_profiles_fit_the_schema_and_mistakes_do_not(name, tmp_path):
    """What the loader takes the schema takes; an unknown key, a missing one and a wrong word are refused by both."""
    valid = schema(tmp_path, "--profile")
    profile = shipped(name)
    assert list(valid.iter_errors(as_json(profile))) == []
    operation = next(iter(profile["operations"]))
    spoilt = [
        {**profile, "limit": []},
        {key: value for key, value in profile.items() if key != "http"},
        {**profile, "http": {**profile["http"], "tiemout": 3}},
        {**profile, "operations": {operation: {**profile["operations"][operation], "sfae": True}}},
        {**profile, "rules": [{**profile["rules"][0], "then": "explode"}, *profile["rules"][1:]]},
        {**profile, "rules": [{**profile["rules"][0], "when": {"stauts": 400}}, *profile["rules"][1:]]},
        {**profile, "limits": [{"at_most": "60", "per_seconds": 60}]},
    ]
    for wrong in spoilt:
        assert list(valid.iter_errors(as_json(wrong)))
        with pytest.raises(RunnerError):
            load_tables(wrong, "spoilt.toml")


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md", "docs/money.md", "docs/providers.md"])
def test_settings_on_the_pages_fit_the_schema(page, tmp_path):
    """Every block of the pages that is a runner.toml."""
    valid = schema(tmp_path)
    tables = ("run", "prices", "sources", "providers")
    for block in blocks((ROOT / page).read_text()):
        settings = tomllib.loads(block.text) if block.kind == "toml" else {}
        if settings and all(key in tables for key in settings):
            assert list(valid.iter_errors(as_json(settings))) == [], block.line


def test_what_the_schema_of_settings_refuses_the_settings_refuse(place):
    """The example fits; each mistake is a mistake to both. Tables of a provider owe nothing, arrays in them do."""
    valid = schema(place)
    assert list(valid.iter_errors(tomllib.loads(FULL))) == []
    for text in (
        "[run]\nmax_wiat = 3",
        "[run]\nin_flight = 0",
        "[run]\nmax_wait = true",
        "[run]\nmax_requests = false",
        "[run]\nmax_spend_per_day = [1]",
        "[providers.defastra]\nmax_spend_per_day = true",
        '[run]\nin_doubt = "maybe"',
        '[prices]\n"defastra.check" = 0.02',
        "[sources.crm]\nurl = { variable = 'X' }",
        "[suorces]",
    ):
        assert list(valid.iter_errors(tomllib.loads(text))), text
        (place / "wrong.toml").write_text(text)
        with pytest.raises(RunnerError):
            read_settings(directory=place, environ={}, config=place / "wrong.toml")
    for text in (
        "[providers.defastra]\nretyr = { attempts = 3 }",
        "[providers.defastra]\nlimits = [{ at_most = 3 }]",
        '[providers.defastra]\nname = "other"',
    ):
        assert list(valid.iter_errors(tomllib.loads(text))), text
        (place / "runner.toml").write_text(text)
        assert inside(place, "providers", "show", "defastra").returncode == 2, text


def test_the_schemas_are_whole_files(tmp_path):
    """They can be redirected into a file as they are; every reference in them leads somewhere."""
    for flags in ((), ("--profile",)):
        validator = schema(tmp_path, *flags)
        Path(tmp_path / "schema.json").write_text(json.dumps(validator.schema))
        text = (tmp_path / "schema.json").read_text()
        names = {part.split('"')[0] for part in text.split("#/$defs/")[1:]}
        assert names == set(json.loads(text)["$defs"])

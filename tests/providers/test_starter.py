"""The profile that `runner providers new` writes: right as it is, and with every line that is commented out."""

from __future__ import annotations

import re
import tomllib
from urllib.parse import urlsplit

import pytest

from runner.domain.model import Action, Debited
from runner.errors import UsageError
from runner.providers.loader import load_file, load_tables, read_source, shipped_names
from runner.providers.starter import PORT, copied_text, starter_text
from runner.providers.trial import try_profile
from runner.sandbox.world import World
from tests.sandbox.process import Seeded

OPTIONAL = re.compile(r"^# ([a-z_]+ = .*)$", re.MULTILINE)


def test_the_starter_is_a_profile(tmp_path):
    """It loads, passes its examples, is on this machine, and the sandbox can play it."""
    path = tmp_path / "acme.toml"
    path.write_text(starter_text("acme"))
    provider = load_file(path)
    assert try_profile(read_source(path)).passed
    assert provider.http.base_url == f"http://127.0.0.1:{PORT}"
    assert provider.http.auth.secret is not None
    assert provider.http.auth.secret.env == "ACME_API_KEY"
    World(provider, randomness=Seeded(1))


def test_what_nobody_knows_stops_and_what_may_be_charged_is_not_repeated():
    """A person who fills in half of it loses no money: the last rule halts, and 5xx are in doubt."""
    rules = {rule.name: rule for rule in load_tables(tomllib.loads(starter_text("acme")), "acme.toml").rules}
    assert rules["unrecognised"].is_catch_all()
    assert (rules["unrecognised"].then, rules["unrecognised"].debited) == (Action.HALT, Debited.UNKNOWN)
    assert rules["their-trouble"].debited is Debited.UNKNOWN
    assert {rule.then for rule in rules.values()} == set(Action)


def test_every_line_that_is_commented_out_is_right():
    """Each optional key may be taken in as it stands, alone and with the others."""
    text = starter_text("acme")
    lines = OPTIONAL.findall(text)
    assert {line.partition(" ")[0] for line in lines} == {
        "client_request_id", "headers", "charge", "health", "learn", "halt_after",
    }  # fmt: skip
    for line in lines:
        load_tables(tomllib.loads(text.replace(f"# {line}", line)), "acme.toml")
    whole = load_tables(tomllib.loads(OPTIONAL.sub(r"\1", text)), "acme.toml")
    assert whole.http.health == "/health"


@pytest.mark.parametrize("name", shipped_names())
def test_a_copy_of_a_shipped_profile(tmp_path, name):
    """Another name, this machine's address, the real one kept in sight; all else as it was."""
    source = read_source(name)
    text = copied_text(source.text, "mine")
    path = tmp_path / "mine.toml"
    path.write_text(text)
    assert try_profile(read_source(path)).passed
    copy = load_file(path)
    before = source.tables["http"]["base_url"]
    assert copy.name == "mine"
    assert urlsplit(copy.http.base_url).port == PORT
    assert f'# in earnest: "{before}"' in text
    assert len(copy.examples) == len(source.tables["examples"])


@pytest.mark.parametrize(("name", "fix"), [("Acme Inc.", "acme_inc"), ("2nd", "nd"), ("", "acme"), ("é", "acme")])
def test_a_name_that_columns_cannot_have(name, fix):
    """Refused with one that they can."""
    with pytest.raises(UsageError) as caught:
        starter_text(name)
    assert caught.value.fix == f"runner providers new {fix}"
    assert starter_text(fix)


def test_a_copy_never_keeps_the_real_address() -> None:
    """Whatever quotes its base is written with; a base that cannot be turned is refused, not copied half."""
    text = read_source("defastra").text
    single = text.replace('base_url = "https://api.defastra.com"', "base_url = 'https://api.defastra.com'")
    single = single.replace('name = "defastra"', "name = 'defastra'")
    read = tomllib.loads(copied_text(single, "mine"))
    assert (read["name"], read["http"]["base_url"]) == ("mine", f"http://127.0.0.1:{PORT}")
    assert [rule["name"] for rule in read["rules"]] == [rule["name"] for rule in tomllib.loads(text)["rules"]]
    inline = 'schema = 1\nname = "x"\nhttp = { base_url = "https://api.example.com" }\n'
    with pytest.raises(UsageError, match="cannot be copied"):
        copied_text(inline, "mine")

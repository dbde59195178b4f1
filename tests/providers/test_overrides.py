"""`[providers.NAME]` of runner.toml over a shipped profile."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from runner.domain.provider import Auth, Limit, Provider, SecretRef
from runner.errors import ProfileError
from runner.providers.accounts import load_account
from runner.providers.loader import load, load_tables
from runner.providers.overrides import apply_overrides
from tests.providers.profiles import mine


def test_tables_merge_and_the_rest_replaces():
    """Key by key in tables; arrays, also of tables, as a whole. The arguments stay as they are."""
    below: dict[str, Any] = {"a": {"b": 1, "c": 2}, "list": [1, 2], "x": {"y": 1}}
    kept = copy.deepcopy(below)
    assert apply_overrides(below, {"a": {"b": 3}, "list": [9], "x": 0, "new": {"z": 1}}) == {
        "a": {"b": 3, "c": 2}, "list": [9], "x": 0, "new": {"z": 1},
    }  # fmt: skip
    assert below == kept


def test_pace_and_address_of_a_shipped_provider():
    """The usual wishes: a sandbox's address, a negotiated limit."""
    provider = load(
        "defastra", {"http": {"base_url": "http://127.0.0.1:8123"}, "limits": [{"at_most": 9, "per_seconds": 1}]}
    )
    shipped = load("defastra")
    assert provider.http.base_url == "http://127.0.0.1:8123"
    assert provider.limits == (Limit(at_most=9, per_seconds=1),)
    assert (provider.http.auth, provider.rules) == (shipped.http.auth, shipped.rules)


def test_one_of_several_takes_the_other_s_place():
    """A key file instead of the variable, basic instead of a header, form instead of json."""
    file = load("defastra", {"http": {"auth": {"secret": {"file": "key.txt"}}}})
    assert file.http.auth.secret == SecretRef(file="key.txt")
    basic = load("defastra", {"http": {"auth": {"basic": "user"}}})
    assert basic.http.auth == Auth(kind="basic", name="user", secret=SecretRef(env="DEFASTRA_API_KEY"))
    form = {"email": "{email}", "tier": "{tier?}", "tag": "{tag?}"}
    check = load_tables(mine(), "mine.toml", {"operations": {"check": {"form": form}}}).operations["check"]
    assert (check.form, check.json) == (form, None)


def advice(provider: Provider, rule: str) -> str:
    """What a rule tells people to do."""
    return next(one.advice for one in provider.rules if one.name == rule)


@pytest.mark.parametrize(
    ("secret", "place"),
    [
        ({"file": "the.key"}, "the file the.key"),
        ({"command": ["pass", "show", "SECRET"]}, "the place that the command pass reads"),
        ({"env": "OTHER_KEY"}, "OTHER_KEY"),
    ],
)
@pytest.mark.parametrize(
    ("name", "variable", "rules"),
    [
        ("defastra", "DEFASTRA_API_KEY", ["invalid-api-key", "no-key", "inactive-api-key"]),
        ("dfirlab", "DFIRLAB_API_KEY", ["missing-authorization", "api-key-invalid", "key-expired", "key-revoked"]),
        ("defendis", "DEFENDIS_API_KEY", ["out-of-scope", "missing-key", "invalid-key"]),
    ],
)
def test_advice_names_the_place_where_the_key_is_kept(name, variable, rules, secret, place):
    """Who mends a refused key where it is not looked for sends the refused one again."""
    shipped, here = load(name), load(name, {"http": {"auth": {"secret": secret}}})
    for rule in rules:
        assert f"into {variable}" in advice(shipped, rule)
        assert advice(here, rule) == advice(shipped, rule).replace(variable, place)
    assert not [one for one in here.rules if variable in one.advice or "SECRET" in one.advice]


def test_advice_of_an_account_names_its_own_key():
    """Also where runner.toml keeps the base's key elsewhere."""
    below = {"defastra": {"http": {"auth": {"secret": {"file": "base.key"}}}}}
    table = {"extends": "defastra", "http": {"auth": {"secret": {"env": "ACME_API_KEY"}}}}
    for here in ({}, below):
        acme = load_account("acme", table, accounts={"acme"}, below=here)
        assert "from the dashboard into ACME_API_KEY, then" in advice(acme, "invalid-api-key")


def test_advice_of_rules_in_runner_toml_stays_as_it_is_written():
    """Their writer knows where the key is kept."""
    told = "Not KEY_OF_MINE, MINE_API_KEY or MINE_API_KEY_2."
    tables = mine()
    tables["rules"][0]["advice"] = told
    secret = {"http": {"auth": {"secret": {"file": "k"}}}}
    assert load_tables(tables, "mine.toml", secret).rules[0].advice == told.replace("MINE_API_KEY or", "the file k or")
    own = load_tables(mine(), "mine.toml", secret | {"rules": tables["rules"]})
    assert own.rules[0].advice == told


def test_own_rules_keep_the_examples_that_still_fit():
    """Rules replace as a whole; an example whose rule is gone goes with it."""
    rules = [rule for rule in mine()["rules"] if rule["name"] != "busy"]
    provider = load_tables(mine(), "mine.toml", {"rules": rules})
    assert [example.rule for example in provider.examples] == ["ok", "no-funds", "unrecognised"]


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        ({"http": {"base_ulr": "x"}}, '[providers.defastra]: http.base_ulr: unknown key; did you mean "base_url"?'),
        (
            {"limits": [{"at_most": 0, "per_seconds": 1}]},
            "[providers.defastra]: limits[1].at_most: must be greater than 0",
        ),
        ({"name": "mine"}, "[providers.defastra]: name: belongs to the profile: it cannot be overridden"),
        ({"http": {"auth": {"secret": "fake"}}}, "[providers.defastra]: http.auth.secret: a key is never written"),
        ({"examples": []}, "defastra.toml: rules[success]: has no example"),
    ],
)
def test_mistakes_name_the_file_they_are_in(overrides, line):
    """What was written in runner.toml is told as such."""
    with pytest.raises(ProfileError) as caught:
        load("defastra", overrides)
    assert any(one.startswith(line) for one in caught.value.why.splitlines()), caught.value.why
    assert caught.value.fix == "edit [providers.defastra] in runner.toml, then check it: runner providers test defastra"

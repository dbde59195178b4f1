"""`[providers.acme] extends = "defastra"`: a second account of the same API."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from runner.domain.provider import Limit, SecretRef
from runner.errors import ProfileError
from runner.providers.accounts import load_account
from runner.providers.loader import load
from tests.providers.profiles import MINE

KEY: dict[str, Any] = {"http": {"auth": {"secret": {"env": "ACME_API_KEY"}}}}


def account(extends: Any = "defastra", name: str = "acme", **more: Any) -> dict[str, Any]:
    return {"name": name, "table": {"extends": extends, **KEY, **more}}


def refused(name: str, table: dict[str, Any], *accounts: str) -> ProfileError:
    with pytest.raises(ProfileError) as caught:
        load_account(name, table, accounts={name, *accounts})
    return caught.value


def test_a_second_account_has_its_own_lane_and_the_same_columns():
    """Name, key and limits are its own; rules, but for the key they advise about, examples and column names are the
    base's."""
    limits = [{"at_most": 9, "per_seconds": 1}]
    acme, base = load_account(**account(limits=limits), accounts={"acme"}), load("defastra")
    assert (acme.name, acme.title, acme.base) == ("acme", "Defastra (acme)", "defastra")
    assert acme.limits == (Limit(at_most=9, per_seconds=1),)
    assert acme.http.auth.secret == SecretRef(env="ACME_API_KEY")
    assert (acme.http.auth.name, acme.examples) == (base.http.auth.name, base.examples)
    assert [replace(rule, advice="") for rule in acme.rules] == [replace(rule, advice="") for rule in base.rules]
    email = acme.operations["email"]
    assert (email.key, email.provider, email.column_prefix) == ("acme.email", "acme", "defastra_email_")
    assert load_account(**account(title="Our second"), accounts={"acme"}).title == "Our second"
    assert base.base is None


def test_a_profile_of_ones_own_is_extended_by_its_path(tmp_path):
    """The base is the profile's name, not the file's."""
    path = tmp_path / "file.toml"
    path.write_text(MINE)
    acme = load_account(**account(extends=str(path)), accounts={"acme"})
    assert (acme.base, acme.operations["look"].column_prefix) == ("mine", "mine_look_")


def test_an_api_without_a_key_is_told_apart_by_its_address(tmp_path):
    """A second instance of a service that needs no key."""
    path = tmp_path / "mine.toml"
    path.write_text(MINE.replace('auth = { bearer = true, secret = { env = "MINE_API_KEY" }, pattern = "^mk-" }\n', ""))
    table = {"extends": str(path), "http": {"base_url": "https://second.example.com"}}
    assert load_account("acme", table, accounts={"acme"}).http.base_url == "https://second.example.com"
    told = refused("acme", {"extends": str(path)}).why
    assert told == "[providers.acme]: http.base_url: without a key only another address is another account"


def test_the_same_key_is_the_same_account():
    """A key that is inherited, or named again, would be asked twice as fast as it allows."""
    again = {"http": {"auth": {"secret": {"env": "DEFASTRA_API_KEY"}}}}
    for table in ({"extends": "defastra"}, {"extends": "defastra", **again}):
        error = refused("acme", table)
        assert error.why.startswith("[providers.acme]: http.auth.secret: the same key is the same account")
        assert error.fix == "edit [providers.acme] in runner.toml, then check it: runner providers test acme"


@pytest.mark.parametrize(
    ("name", "extends", "why"),
    [
        ("acme", "defasta", 'No provider is called "defasta"; did you mean "defastra"?'),
        ("acme", "zeta", "zeta is an account itself: name what it extends."),
        ("acme", "acme", "acme is an account itself"),
        ("acme", 7, "a provider's name, or the path"),
        ("acme", ["defastra"], "a provider's name, or the path"),
        ("acme", "./missing.toml", "No such file"),
        ("defastra", "defastra", "[providers.defastra]: extends: defastra is the name of a provider that is shipped"),
        ("Acme-2", "defastra", "[providers.Acme-2]: an account's name has a-z, 0-9 and _ alone"),
    ],
)
def test_what_cannot_be_extended_is_told(name, extends, why):
    """An unknown base with the nearest name, an account of an account, a name that is taken."""
    error = refused(name, account(extends)["table"], "acme", "zeta")
    assert why in error.why
    assert error.fix


def test_all_mistakes_of_the_table_at_once():
    """Those of the overrides and those of the account are told together, each with its place."""
    told = refused("acme", {"extends": "defastra", "name": "x", "limits": [{"at_most": 0, "per_seconds": 1}]}).why
    assert [line.partition(": ")[2].partition(":")[0] for line in told.splitlines()] == [
        "name", "limits[1].at_most", "http.auth.secret",
    ]  # fmt: skip
    assert all(line.startswith("[providers.acme]: ") for line in told.splitlines())


def test_what_runner_toml_says_of_the_base_holds_for_its_other_accounts():
    """Who points the base at a sandbox must not have its second account go to the real address."""
    here = {"defastra": {"http": {"base_url": "http://127.0.0.1:8765"}, "limits": [{"at_most": 3, "per_seconds": 1}]}}
    acme = load_account(**account(), accounts={"acme"}, below=here)
    assert acme.http.base_url == "http://127.0.0.1:8765"
    assert acme.limits == (Limit(at_most=3, per_seconds=1),)
    own = load_account(**account(limits=[{"at_most": 9, "per_seconds": 1}]), accounts={"acme"}, below=here)
    assert own.limits == (Limit(at_most=9, per_seconds=1),)


def test_the_key_that_runner_toml_names_for_the_base_is_not_an_accounts_own():
    """The same key is the same account, wherever it was named."""
    here = {"defastra": {"http": {"auth": {"secret": {"env": "OTHER_KEY"}}}}}
    with pytest.raises(ProfileError) as caught:
        load_account("acme", {"extends": "defastra"}, accounts={"acme"}, below=here)
    assert "the same key is the same account" in caught.value.why

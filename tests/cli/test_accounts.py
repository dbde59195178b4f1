"""A second account of a provider, `[providers.acme] extends = "defastra"`, through the real command line."""

import csv
import io
from pathlib import Path

from tests.cli.place import KEY, Provider, inside, seen, write_list

ACME = """
[providers.acme]
extends = "{base}"
limits = [{{ at_most = 1000, per_seconds = 1 }}]
[providers.acme.http]
base_url = "{url}"
auth = {{ secret = {{ env = "ACME_API_KEY" }} }}
"""

SECOND_KEY = "second-key-not-real-0123456789"


def settle(folder: Path, provider: Provider, base: str = "defastra") -> None:
    """Add the account to the folder's settings."""
    with (folder / "runner.toml").open("a") as file:
        file.write(ACME.format(base=base, url=provider.base_url))


def test_two_accounts_of_one_provider_in_one_batch(folder, provider):
    """Both lanes are paid; no column has the name of another; the account keeps the base's names when it is alone."""
    settle(folder, provider)
    write_list(folder, "twins0@example.com", "twins1@example.com")
    both = ("run", "leads.csv", "-p", "acme.email", "-p", "defastra.email", "-o", "-", "-q")
    done = inside(folder, *both, ACME_API_KEY=SECOND_KEY)
    assert (done.returncode, len(seen(provider, "twins"))) == (0, 4), done.stderr
    header, *rows = csv.reader(io.StringIO(done.stdout))
    assert len(set(header)) == len(header)
    assert {"defastra_email_risk_level", "defastra_email_risk_level_2", "defastra_email_state_2"} < set(header)
    for row in rows:
        told = dict(zip(header, row, strict=True))
        assert (told["defastra_email_state"], told["defastra_email_state_2"]) == ("succeeded", "succeeded")
    write_list(folder, "alone0@example.com", name="alone.csv")
    done = inside(folder, "run", "alone.csv", "-p", "acme.email", "-o", "-", "-q", ACME_API_KEY=SECOND_KEY)
    assert done.stdout.splitlines()[0].startswith("id,email,note,defastra_email_risk_level,")


def test_one_key_under_two_names_is_refused_before_anything_is_sent(folder, provider):
    """Two variables may hold the same key; that is found when both are looked up."""
    settle(folder, provider)
    write_list(folder, "twinkey0@example.com")
    both = ("run", "leads.csv", "-p", "acme.email", "-p", "defastra.email")
    done = inside(folder, *both, ACME_API_KEY=KEY)
    assert (done.returncode, seen(provider, "twinkey")) == (2, [])
    assert "acme and defastra have the same address and key" in done.stderr
    assert KEY not in done.stderr


def test_an_account_is_a_provider_like_any_other(folder, provider):
    """`providers list|show|test` and the loader's mistakes know it; a file is found beside its settings."""
    settle(folder, provider)
    assert "acme.email" in inside(folder, "providers", "list").stdout
    shown = inside(folder, "providers", "show", "acme").stdout
    assert "acme: Defastra (acme)" in shown
    assert "ACME_API_KEY" in shown
    assert inside(folder, "providers", "test", "acme").returncode == 0
    with (folder / "runner.toml").open("a") as file:
        file.write('[providers.zeta]\nextends = "./own/mine.toml"\n')
    (folder / "own").mkdir()
    below = folder / "below"
    below.mkdir()
    done = inside(below, "providers", "show", "zeta")
    assert done.returncode == 2
    assert str(folder / "own" / "mine.toml") in done.stderr
    near = inside(folder, "providers", "show", "acm")
    assert "Did you mean acme?" in near.stderr

"""`check` through the real command line, against a provider on loopback."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.place import Provider, inside, names, runner, seen, use, write_list

CHECK = ("check", "leads.csv", "-p", "defastra.email")
RUN = ("run", "leads.csv", "-p", "defastra.email", "--json", "-q")


def prices(folder: Path, line: str) -> None:
    """Add a price to the folder's settings."""
    with (folder / "runner.toml").open("a") as file:
        file.write(f"\n[prices]\n{line}\n")


def test_check_sends_nothing_and_makes_no_database(folder: Path, provider: Provider) -> None:
    """Data on stdout, the next command on stderr, exit 0; then the run sends exactly that."""
    write_list(folder, *names("chk", 5), "chk0@EXAMPLE.com", "nobody")
    files = sorted(path.name for path in folder.iterdir())
    done = runner(folder, *CHECK)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:6] == [
        "leads-defastra-email: 5 requests to send",
        "  list      7 rows",
        "  column    email <- email, 85 % valid",
        "  shared    1 row with an earlier one",
        "  refused   1 email: row 7 (line 8)",
        "  provider  Defastra: 5 requests, 5 checks, 0 s at its limits",
    ]
    assert done.stderr == "  next      runner run leads.csv -p defastra.email   (sends them)\n"
    assert sorted(path.name for path in folder.iterdir()) == files
    assert seen(provider, "chk") == []
    planned = json.loads(inside(folder, *CHECK, "--json").stdout)
    assert planned["requests"] == {"defastra.email": 5}
    assert inside(folder, *RUN).returncode == 0
    assert len(seen(provider, "chk")) == 5
    assert json.loads(inside(folder, "check", "leads", "--json").stdout)["requests"] == {"defastra.email": 0}


def test_what_cannot_be_sent_is_exit_2_with_its_fix(folder: Path) -> None:
    """A missing key, a list that changed, a wrong list: what, why and fix; in JSON too."""
    write_list(folder, *names("bad", 3))
    keyless = inside(folder, *CHECK, "--json", DEFASTRA_API_KEY="")
    assert keyless.returncode == 2
    (problem,) = json.loads(keyless.stdout)["problems"]
    assert (problem["code"], problem["fix"]) == ("config", "export DEFASTRA_API_KEY=...")
    assert "error: the key of Defastra is missing" in keyless.stderr
    shown = inside(folder, *CHECK, DEFASTRA_API_KEY="")
    assert "3 requests, 3 checks, 0 s at its limits; no usable key" in shown.stdout
    inside(folder, "load", "leads.csv", "-p", "defastra.email")
    write_list(folder, *names("bad", 4))
    changed = inside(folder, *CHECK)
    assert changed.returncode == 2
    assert "--add would send 4 requests, 4 checks. --new would send 4 requests, 4 checks." in changed.stderr
    assert "next" not in changed.stderr
    wrong = inside(folder, "check", "leads.csv", "-p", "defastra.phone", "--json")
    assert (wrong.returncode, json.loads(wrong.stdout)["error"]["code"]) == (2, "input")
    assert inside(folder, "check", "nowhere.csv").returncode == 2
    assert inside(folder, "check").returncode == 0


def test_limits_of_yours_are_counted_with(folder: Path) -> None:
    """A cap, a slower rate and the nights; the next command is the same with another word."""
    write_list(folder, *names("cap", 9))
    done = inside(folder, *CHECK, "--limit", "4", "--max-requests", "6", "--rate", "2/h", "--until", "07:00")
    lines = done.stdout.splitlines()
    assert lines[0] == "leads-defastra-email: at most 4 of 9 requests to send"
    assert "  provider  Defastra: 4 requests, 4 checks, 1 h at its limits" in lines
    assert "  stops at  --max-requests 6 and --limit 4" in lines
    assert any(line.startswith("  nights    ") for line in lines)
    assert "`run` in place of `check`" in done.stderr
    refused = inside(folder, *CHECK, "--max-spend", "acme=3")
    assert (refused.returncode, refused.stdout) == (2, "")


def test_every_amount_is_shown_in_money_too(folder: Path, provider: Provider) -> None:
    """With `[prices]`: before, at the end, and ever after; the JSON of status stays as it is."""
    prices(folder, '"defastra.check" = "0.02 EUR"')
    write_list(folder, *names("eur", 3))
    assert "3 requests, 3 checks (0.06 EUR), " in inside(folder, *CHECK).stdout
    before = json.loads(inside(folder, *CHECK, "--json").stdout)
    assert before["money"] == {"EUR": {"low": 0.06, "likely": 0.06, "high": 0.06}}
    ended = inside(folder, "run", "leads.csv", "-p", "defastra.email")
    assert "  charged   3 checks (0.06 EUR) in all" in ended.stderr
    assert "  charged   3 checks (0.06 EUR) in all" in inside(folder, "status").stdout
    write_list(folder, *names("eur", 1), name="other.csv")
    inside(folder, "load", "other.csv", "-p", "defastra.email")
    assert "3 checks (0.06 EUR)" in inside(folder, "status").stdout
    assert json.loads(inside(folder, "status", "leads", "--json").stdout)["spent"] == {"check": 3}
    use(folder, provider.base_url)
    prices(folder, '"dfirlab.credit" = "0.015 USD"')
    assert "  charged   3 checks (no price set) in all" in inside(folder, "status", "leads").stdout


def test_a_price_that_nobody_charges_is_refused_before_anything_is_sent(folder: Path, provider: Provider) -> None:
    """With what was meant."""
    prices(folder, '"defastra.chek" = "0.02 EUR"')
    write_list(folder, *names("nop", 2))
    done = inside(folder, "run", "leads.csv", "-p", "defastra.email")
    assert done.returncode == 2
    assert 'did you mean "defastra.check"?' in done.stderr
    assert seen(provider, "nop") == []


def test_countries_of_phones_are_told(folder: Path) -> None:
    """The most frequent first; of a batch that is there as well as before."""
    rows = ["+4930123456", "+14155550100", "+4930123457", "+88312345678901"]
    (folder / "phones.csv").write_text("\n".join(["phone", *rows, ""]))
    told = "  countries DE 2, US 1, unknown 1"
    assert told in inside(folder, "check", "phones.csv", "-p", "defastra.phone").stdout
    inside(folder, "load", "phones.csv", "-p", "defastra.phone")
    assert told in inside(folder, "check", "phones.csv").stdout

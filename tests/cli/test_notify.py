"""`[notify]` through the real command line: a command and a webhook on loopback are told, and no secret leaves."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.settings import read_settings
from tests.cli.place import KEY, RUN, clean_environment, inside, names, write_list
from tests.cli.told import FAKE_APPRISE, TOKEN, WRITES, command, receiving, told_by


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[dict]]]:
    """Takes what is told, and answers no question; its address and what came."""
    with receiving(get=501) as told:
        yield told.url, told.bodies


def test_a_command_and_a_webhook_are_told_the_same(folder, receiver):
    """The object on stdin is the webhook's; variables say it in short; keys and the address are not among them."""
    url, bodies = receiver
    told_by(folder, 'webhook = { env = "NIGHT_WEBHOOK" }', command(WRITES))
    write_list(folder, *names("both", 2))
    done = inside(folder, *RUN, "--json", NIGHT_WEBHOOK=url, DEFENDIS_API_KEY=KEY, PASSED_ON="yes")
    assert done.returncode == 0, done.stderr
    told, variables = json.loads((folder / "told.json").read_text())
    assert bodies == [told]
    status = json.loads(done.stdout)
    shared = set(told) & set(status)
    assert {key: told[key] for key in shared} == {key: status[key] for key in shared}
    assert (variables["RUNNER_EVENT"], variables["RUNNER_BATCH"]) == ("finish", "leads-defastra-email")
    again = read_settings(directory=Path("/"), environ=variables)
    assert again.database == folder / "runner.db", "a runner in it takes them for no settings, and finds the database"
    assert variables["PASSED_ON"] == "yes"
    assert not {"DEFASTRA_API_KEY", "DEFENDIS_API_KEY", "NIGHT_WEBHOOK"} & set(variables)
    assert KEY not in json.dumps(variables)
    assert "noise" not in done.stdout + done.stderr


def test_no_key_of_another_batch_reaches_a_command(folder):
    """Nor the address of a source: this run uses neither, and the profile is a file that the other batch names."""
    profile = Path("runner/providers/defastra.toml").read_text()
    text = profile.replace('name = "defastra"', 'name = "acme"').replace("DEFASTRA_API_KEY", "ACME_API_KEY")
    (folder / "acme.toml").write_text(text)
    told_by(folder, command(WRITES), "[sources.crm]", 'url = { env = "CRM_URL" }')
    write_list(folder, *names("other", 1))
    assert inside(folder, "load", "leads.csv", "-p", "./acme.toml:email", "--batch", "other").returncode == 0
    done = inside(folder, *RUN, ACME_API_KEY=KEY, CRM_URL="sqlite:///crm.db", PASSED_ON="yes")
    assert done.returncode == 0, done.stderr
    _, variables = json.loads((folder / "told.json").read_text())
    assert {"ACME_API_KEY", "CRM_URL", "PASSED_ON"} & set(variables) == {"PASSED_ON"}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (command("raise SystemExit(9)"), "ended with 9"),
        ('command = ["./no-such-program", "token-not-real"]', "could not be started: No such file"),
    ],
)
def test_a_command_that_fails_is_one_line(folder, line, says):
    """The exit code is the run's; the command's arguments are not shown."""
    told_by(folder, line)
    write_list(folder, *names(f"fails{len(says)}x", 1))
    done = inside(folder, *RUN)
    assert done.returncode == 0
    assert says in done.stderr
    assert "token-not-real" not in done.stderr


def test_apprise_is_told_in_a_process_of_its_own(folder, monkeypatch):
    """The extra: the addresses travel on stdin, a sentence and the next command come out."""
    told_by(folder, 'apprise = { env = "NIGHT_APPRISE" }')
    addresses = f"tgram://{TOKEN}/1 mailto://x"
    write_list(folder, *names("apprise", 1))
    (folder / "apprise.py").write_text(FAKE_APPRISE)
    path = f"{folder}{os.pathsep}{clean_environment()['PYTHONPATH']}"
    monkeypatch.syspath_prepend(str(folder))
    done = inside(folder, *RUN, NIGHT_APPRISE=addresses, PYTHONPATH=path)
    assert (done.returncode, "nobody" in done.stderr) == (0, False), done.stderr
    urls, title, body = json.loads((folder / "told.json").read_text())
    assert urls == addresses
    assert title == "runner: leads-defastra-email: is done"
    assert body.splitlines()[1].startswith("runner export leads-defastra-email")
    assert TOKEN not in done.stderr + (folder / "runner.db").read_bytes().decode("latin-1")


def test_no_address_is_shown_or_stored(folder, receiver):
    """Not with -v, in the log file, the database, or `config show`, whether it is written or named."""
    url, _ = receiver
    told_by(folder, f'webhook = "{url}"', 'ping_url = { env = "NIGHT_PING" }')
    write_list(folder, *names("veiled", 1))
    done = inside(folder, *RUN, "-v", "--log-file", "run.log", NIGHT_PING=f"{url}-ping")
    shown = inside(folder, "config", "show", NIGHT_PING=url)
    looked = inside(folder, "doctor", "--offline", NIGHT_PING=url)
    texts = [one.stdout + one.stderr for one in (done, shown, looked)]
    texts += [path.read_bytes().decode("latin-1") for path in folder.iterdir() if path.name != "runner.toml"]
    assert not any(TOKEN in text for text in texts)
    assert "webhook (http://127.0.0.1:" in looked.stdout
    assert "NIGHT_PING" in shown.stdout
    assert "nobody was told by ping_url: HTTP 501" in done.stderr


def test_who_is_not_told_is_said_of_a_run_that_breaks_off(folder):
    """Above the error, which has its three parts and no fourth."""
    told_by(folder, 'webhook = { env = "NIGHT_WEBHOOK" }')
    write_list(folder, *names("breaks", 1))
    done = inside(folder, *RUN, DEFASTRA_API_KEY="")
    assert done.returncode == 2
    lines = [line[:33] for line in done.stderr.splitlines()[-4:]]
    assert lines[0] == "nobody is told by webhook: the we"
    assert [line[:7].strip() for line in lines[1:]] == ["error:", "why:", "fix:"]


def test_apprise_that_is_not_there_is_one_line(folder):
    """What to install is said by `doctor`; the run goes on without."""
    told_by(folder, 'apprise = { env = "NIGHT_APPRISE" }')
    write_list(folder, *names("without", 1))
    done = inside(folder, *RUN, NIGHT_APPRISE="tgram://x")
    assert done.returncode == 0
    assert "nobody is told by apprise: Apprise is not installed" in done.stderr
    assert "pip install 'bulk-runner[notify]'" in inside(folder, "doctor", "--offline").stdout


def test_doctor_says_what_of_it_cannot_work(folder):
    """A variable that is not set, a program that is not there, a limit that no answer can be held against."""
    told_by(
        folder,
        'webhook = { env = "NIGHT_WEBHOOK" }',
        'command = ["./no-such-program"]',
        "low_balance = { defendis = 5 }",
    )
    told = inside(folder, "doctor", "--offline")
    assert told.returncode == 2
    lines = [line for line in told.stdout.splitlines() if " notify " in line]
    assert [line.split()[0] for line in lines] == ["problem", "problem", "warning"]
    assert "NIGHT_WEBHOOK is not set" in lines[0]
    assert "no-such-program is no program here" in lines[1]
    assert "do not say what is left" in lines[2]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('webhook = "http://hooks.example.com/x"', "notify.webhook"),
        ('webhok = "https://hooks.example.com/x"', "did you mean `webhook`?"),
        ('on = ["finished"]', "notify.on.0"),
        ("command = []", "notify.command"),
        ('low_balance = { defastra = "few" }', "not an amount"),
    ],
)
def test_a_mistake_in_the_table_is_told_with_its_place(folder, line, says):
    """As everywhere in the settings: exit 2, nothing sent, and what was written is not quoted."""
    told_by(folder, line)
    done = inside(folder, "status")
    assert done.returncode == 2
    assert says in done.stderr
    assert "hooks.example.com" not in done.stderr

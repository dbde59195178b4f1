"""`doctor --notify`: everybody of `[notify]` hears before the night what they would hear in it, and nothing is kept."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.place import KEY, clean_environment, inside, names, write_list
from tests.cli.told import FAKE_APPRISE, TOKEN, WRITES, Receiver, command, receiving, told_by

WEBHOOK = 'webhook = { env = "NIGHT_WEBHOOK" }'
PING = 'ping_url = { env = "NIGHT_PING" }'
MISTAKE = "--offline and --notify exclude each other"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody who takes everything."""
    with receiving() as told:
        yield told


def findings(folder: Path, *flags: str, **more: str) -> tuple[int, list[dict]]:
    """The exit code, and what was found about `[notify]`."""
    own = {"XDG_CONFIG_HOME": str(folder / "no-config"), **more}
    done = inside(folder, "doctor", "--json", *flags, **own)
    assert done.stderr == ""
    assert TOKEN not in done.stdout
    return done.returncode, [one for one in json.loads(done.stdout)["findings"] if one["about"] == "notify"]


def test_everybody_is_told_once_that_it_is_a_test(tmp_path, receiver):
    """The object of schema 1 with everything of a batch null; the same for a command; the switch's plain question."""
    told_by(tmp_path, WEBHOOK, PING, command(WRITES), 'on = ["halt"]')
    code, found = findings(tmp_path, "--notify", NIGHT_WEBHOOK=receiver.url, NIGHT_PING=f"{receiver.url}-ping")
    assert (code, [one["level"] for one in found]) == (0, ["ok", "ok", "ok"])
    assert found[0]["text"] == "told by webhook (environment variable NIGHT_WEBHOOK: set)"
    assert found[1]["text"].startswith("told by command (")
    assert found[2]["text"] == "the dead man's switch answered: ping_url (environment variable NIGHT_PING: set)"
    told, variables = json.loads((tmp_path / "told.json").read_text())
    assert (receiver.bodies, receiver.asked) == ([told], [f"/{TOKEN}-ping"])
    assert {key: value for key, value in told.items() if value is not None} == {
        "schema": 1,
        "id": told["id"],
        "event": "test",
        "at": told["at"],
        "text": "This is a test of [notify]: nothing has happened.",
        "next": {"command": "runner doctor", "why": "it looks at everything a run needs"},
    }
    assert {"batch", "state", "outcomes", "run", "wallet"} < set(told)
    own = {name: value for name, value in variables.items() if name.startswith("RUNNER_")}
    assert (own["RUNNER_EVENT"], own["RUNNER_BATCH"], own["RUNNER_NEXT"]) == ("test", "", "runner doctor")
    assert own["RUNNER_TEXT"] == told["text"]
    assert not {"DEFASTRA_API_KEY", "NIGHT_WEBHOOK", "NIGHT_PING"} & set(variables)
    assert not (tmp_path / "runner.db").exists(), "it needs none and makes none"


def test_without_it_nobody_is_told(tmp_path, receiver):
    """What is set is looked at, as ever, and nothing leaves."""
    told_by(tmp_path, WEBHOOK, PING, command(WRITES))
    code, found = findings(tmp_path, NIGHT_WEBHOOK=receiver.url, NIGHT_PING=receiver.url)
    assert (code, len(found)) == (0, 3)
    assert (receiver.bodies, receiver.asked, (tmp_path / "told.json").exists()) == ([], [], False)


def test_who_was_not_told_is_a_problem_each_with_its_fix(tmp_path):
    """Refused, ended with 9, refused again: exit 2; the file that names each is in the fix, no address anywhere."""
    with receiving(post=404, get=500) as receiver:
        told_by(tmp_path, f'webhook = "{receiver.url}"', command(f"raise SystemExit(9) # {TOKEN}"), PING)
        code, found = findings(tmp_path, "--notify", NIGHT_PING=receiver.url)
        done = inside(tmp_path, "doctor", "--notify", NIGHT_PING=receiver.url)
    assert (code, {one["level"] for one in found}) == (2, {"problem"})
    webhook, program, ping = found
    assert webhook["text"].startswith("nobody was told by webhook (http://127.0.0.1:")
    assert webhook["text"].endswith("/…): HTTP 404")
    place = f"{tmp_path / 'runner.toml'}: notify"
    assert webhook["fix"] == f"check the address ({place}.webhook) and who answers there, then: runner doctor --notify"
    assert program["text"].endswith(" ended with 9")
    assert f" by hand with the arguments of {place}.command: " in program["fix"]
    assert ping["text"] == "nobody was told by ping_url (environment variable NIGHT_PING: set): HTTP 500"
    assert len(receiver.asked) == 2, "the switch is asked once each time"
    assert (done.returncode, TOKEN in done.stdout + done.stderr) == (2, False)
    assert "(runner.toml: notify.webhook)" in done.stdout


def test_what_cannot_be_used_is_one_problem(tmp_path, receiver):
    """A variable that is not set, an extra that is not there, a program that is nowhere: the others are told."""
    told_by(tmp_path, WEBHOOK, PING, 'apprise = { env = "NIGHT_APPRISE" }', 'command = ["./no-such", "not-shown"]')
    code, found = findings(tmp_path, "--notify", NIGHT_PING=receiver.url, NIGHT_APPRISE="tgram://x")
    assert (code, receiver.asked) == (2, [f"/{TOKEN}"])
    texts = [one["text"] for one in found]
    assert texts[0].startswith("nobody was told by webhook: the webhook of [notify] is missing: ")
    assert texts[1].startswith("nobody was told by apprise: Apprise is not installed: ")
    assert "no-such could not be started: No such file" in texts[2]
    fixes = [one["fix"] for one in found]
    assert fixes[:2] == ["export NIGHT_WEBHOOK=...", "pip install 'bulk-runner[notify]'"]
    assert fixes[2].startswith("chmod +x ")
    assert "not-shown" not in json.dumps(found)


def test_apprise_is_told_a_title_and_a_sentence(tmp_path, monkeypatch):
    """In a process of its own, as in the night."""
    (tmp_path / "apprise.py").write_text(FAKE_APPRISE)
    monkeypatch.syspath_prepend(str(tmp_path))
    path = f"{tmp_path}{os.pathsep}{clean_environment()['PYTHONPATH']}"
    told_by(tmp_path, 'apprise = { env = "NIGHT_APPRISE" }')
    code, found = findings(tmp_path, "--notify", NIGHT_APPRISE=f"tgram://{TOKEN}/1", PYTHONPATH=path)
    assert (code, found[0]["text"]) == (0, "told by apprise (environment variable NIGHT_APPRISE: set)")
    _, title, body = json.loads((tmp_path / "told.json").read_text())
    assert title == "runner: a test"
    assert body == "This is a test of [notify]: nothing has happened.\nrunner doctor"


@pytest.mark.parametrize("settings", [None, "", '[notify]\non = ["halt"]\n'])
def test_where_nobody_is_named_the_fix_can_be_pasted(tmp_path, receiver, settings):
    """Exit 2; its lines go below the table that is there, or bring it; the next fix is the variable's."""
    path = tmp_path / "runner.toml"
    if settings is not None:
        path.write_text(settings)
    code, (found,) = findings(tmp_path, "--notify")
    assert (code, found["level"]) == (2, "problem")
    assert found["text"] == "nobody is told: neither webhook, command nor apprise is set"
    where, *lines = found["fix"].splitlines()
    place = "runner.toml" if settings is None else path
    assert where == f"put this into {'[notify] of ' if settings else ''}{place}:"
    path.write_text((settings or "") + "\n".join(lines) + "\n")
    assert findings(tmp_path, "--notify")[1][0]["fix"] == "export NIGHT_WEBHOOK=..."
    assert findings(tmp_path, "--notify", NIGHT_WEBHOOK=receiver.url)[0] == 0


def test_a_fix_of_several_lines_is_shown_as_such(tmp_path):
    """Each below the other, not as one line with marks in it."""
    shown = inside(tmp_path, "doctor", "--notify", XDG_CONFIG_HOME=str(tmp_path / "none")).stdout.splitlines()
    assert [line.strip() for line in shown[-2:]] == ["[notify]", 'webhook = { env = "NIGHT_WEBHOOK" }']


def test_a_switch_alone_is_asked(tmp_path, receiver):
    """It answers; that nobody is told a message is to be known."""
    told_by(tmp_path, PING)
    code, found = findings(tmp_path, "--notify", NIGHT_PING=receiver.url)
    assert (code, [one["level"] for one in found]) == (0, ["ok", "warning"])
    assert found[1]["fix"].startswith(f"put this into [notify] of {tmp_path / 'runner.toml'}:\n")


def test_offline_and_notify_are_two_wishes(tmp_path, receiver):
    """Exit 2 in three parts, with or without --json; nobody is told."""
    told_by(tmp_path, WEBHOOK)
    done = inside(tmp_path, "doctor", "--offline", "--notify", "--db", "x.db", NIGHT_WEBHOOK=receiver.url)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        f"error: {MISTAKE}",
        "  why: one asks nobody, the other tells somebody",
        "  fix: runner doctor --db x.db --notify",
    ]
    assert inside(tmp_path, "doctor", "--offline", "--notify", "--json").returncode == 2
    assert receiver.bodies == []


def test_no_key_of_a_batch_reaches_the_command(tmp_path):
    """The profile is a file that only a batch names: the database is read for it, and nothing is written into it."""
    profile = Path("runner/providers/defastra.toml").read_text()
    text = profile.replace('name = "defastra"', 'name = "acme"').replace("DEFASTRA_API_KEY", "ACME_API_KEY")
    (tmp_path / "acme.toml").write_text(text)
    write_list(tmp_path, *names("key", 1))
    assert inside(tmp_path, "load", "leads.csv", "-p", "./acme.toml:email").returncode == 0
    told_by(tmp_path, command(WRITES))
    before = (tmp_path / "runner.db").read_bytes()
    code, _ = findings(tmp_path, "--notify", ACME_API_KEY=KEY, PASSED_ON="yes")
    _, variables = json.loads((tmp_path / "told.json").read_text())
    assert (code, {"ACME_API_KEY", "PASSED_ON"} & set(variables)) == (0, {"PASSED_ON"})
    assert (tmp_path / "runner.db").read_bytes() == before
    assert "notify." not in inside(tmp_path, "log", "--json").stdout

"""`[notify]` through the real command line: a command and a webhook on loopback are told, and no secret leaves."""

from __future__ import annotations

import http.server
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.place import KEY, RUN, inside, names, write_list

WRITES = (
    "import json, os, sys; print('noise of the command'); told = json.load(sys.stdin); "
    "json.dump([told, dict(os.environ)], open('told.json', 'w'))"
)
TOKEN = "hook-token-not-real-0001"


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[dict]]]:
    """Takes what is told; its address and what came."""
    bodies: list[dict] = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    with http.server.HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/{TOKEN}", bodies
        server.shutdown()
        thread.join()


def told_by(folder: Path, *lines: str) -> None:
    """Add a `[notify]` table to the folder's settings."""
    settings = folder / "runner.toml"
    settings.write_text("\n".join([settings.read_text(), "[notify]", *lines, ""]))


def command(code: str) -> str:
    """A piece of Python as the command."""
    return f"command = {json.dumps([sys.executable, '-c', code])}"


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
    assert variables["RUNNER_DB"] == str(folder / "runner.db")
    assert variables["PASSED_ON"] == "yes"
    assert not {"DEFASTRA_API_KEY", "DEFENDIS_API_KEY", "NIGHT_WEBHOOK"} & set(variables)
    assert KEY not in json.dumps(variables)
    assert "noise" not in done.stdout + done.stderr


def test_what_a_command_may_start_is_the_same_database(folder):
    """`runner status` in it goes by the run's database and takes the variables of the message for no settings."""
    code = (
        "import os, subprocess, sys; "
        "sys.exit(subprocess.run([sys.executable, '-m', 'runner', 'status', os.environ['RUNNER_BATCH'], '--json'], "
        "stdout=open('status.json', 'w'), cwd='/').returncode)"
    )
    told_by(folder, command(code.replace("open('status.json'", f"open({str(folder / 'status.json')!r}")))
    write_list(folder, *names("again", 1))
    done = inside(folder, *RUN, "--db", "other.db")
    assert "nobody was told" not in done.stderr
    assert json.loads((folder / "status.json").read_text())["state"] == "completed"


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

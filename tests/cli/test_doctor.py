"""`doctor`: what it looks at, what it finds wrong, and that it leaves everything as it was."""

import json
import socket
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest

from runner import app
from runner.domain.model import MILLION, Answer, Fault
from runner.providers.loader import load
from runner.store.condition import NETWORK, check_integrity, look_at_folder
from runner.store.locks import lock_database
from runner.system import SystemClock
from runner.work.findings import Level, exit_code, look_at_machine
from runner.work.health import read_health, skew_seconds
from runner.work.tools import Seams
from tests.cli.place import KEY, RUN, inside, names, write_list
from tests.sandbox.process import sandbox as served

DEFENDIS_KEY = "defendis-key-not-real-01"


def doctor(folder: Path, *flags: str, **more: str) -> dict[str, list[dict]]:
    """The findings of `doctor --json` by what they are about, and its exit code under `exit`."""
    done = inside(folder, "doctor", "--json", *flags, **{"XDG_CONFIG_HOME": str(folder / "no-config"), **more})
    assert done.stderr == ""
    answer = json.loads(done.stdout)
    assert answer["ok"] == (done.returncode == 0)
    found: dict[str, list[dict]] = {"exit": [{"code": done.returncode}]}
    for one in answer["findings"]:
        assert (one["level"] == "ok") == (one["fix"] is None), one
        found.setdefault(one["about"], []).append(one)
    return found


def levels(found: dict[str, list[dict]], about: str) -> list[str]:
    """How bad each finding about something is."""
    return [one["level"] for one in found.get(about, [])]


def test_a_new_folder_is_well_and_is_told_how_to_begin(tmp_path):
    """No problem, exit 0, nothing created; without any provider the next command is `init`."""
    found = doctor(tmp_path, DEFASTRA_API_KEY="")
    assert found["exit"] == [{"code": 0}]
    assert levels(found, "python") == levels(found, "sqlite") == levels(found, "database") == ["ok"]
    assert found["providers"][0]["fix"] == "runner init"
    assert list(tmp_path.iterdir()) == []


def test_it_reads_as_one_line_for_each_thing(folder):
    """level, what, how it is; the fix below; the count last, on stderr."""
    done = inside(folder, "doctor", DEFASTRA_API_KEY="")
    assert done.returncode == 2
    lines = done.stdout.splitlines()
    assert lines[0].startswith("ok       python      3.")
    at = next(number for number, line in enumerate(lines) if line.startswith("problem  defastra"))
    assert lines[at].startswith("problem  defastra    the key of Defastra is missing: ")
    assert lines[at + 1] == "         fix         export DEFASTRA_API_KEY=..."
    assert done.stderr == "1 problem\n"


def test_a_key_is_looked_at_and_never_shown(tmp_path):
    """Missing, of the wrong shape, or there: exit 2, 2, 0; its value is nowhere."""
    (tmp_path / "runner.toml").write_text('[run]\noperations = ["dfirlab.email"]\n')
    missing = doctor(tmp_path, "--offline", DFIRLAB_API_KEY="")
    assert (missing["exit"][0]["code"], levels(missing, "dfirlab")) == (2, ["problem"])
    wrong = inside(tmp_path, "doctor", "--offline", DFIRLAB_API_KEY="sk-not-real-1")
    assert wrong.returncode == 2
    assert "does not look like one" in wrong.stdout
    assert "sk-not-real-1" not in wrong.stdout
    (tmp_path / "runner.toml").write_text('[run]\noperations = ["defastra.email"]\n')
    right = inside(tmp_path, "doctor", "--offline")
    assert right.returncode == 0
    assert "has its key (environment variable DEFASTRA_API_KEY: set)" in right.stdout
    assert KEY not in right.stdout


def test_files_that_others_can_read_are_told(tmp_path):
    """An env file, a key file and a database: a warning each, with its chmod."""
    (tmp_path / "keys.env").write_text("A=1\n")
    (tmp_path / "key").write_text(KEY)
    auth = 'http = { auth = { secret = { file = "key" } } }'
    (tmp_path / "runner.toml").write_text(
        f'[run]\noperations = ["defastra.email"]\nenv_file = "keys.env"\n[providers.defastra]\n{auth}\n'
    )
    write_list(tmp_path, "mode0@example.com")
    assert inside(tmp_path, "load", "leads.csv").returncode == 0
    for name in ("keys.env", "key", "runner.db"):
        (tmp_path / name).chmod(0o644)
    found = doctor(tmp_path, "--offline")
    fixes = [one["fix"] for about in ("keys", "defastra", "database") for one in found[about] if one["fix"]]
    assert fixes == [f"chmod 600 {tmp_path / name}" for name in ("keys.env", "key", "runner.db")]
    assert found["exit"] == [{"code": 0}]


def test_settings_that_are_wrong_are_one_problem_beside_the_machine(tmp_path):
    """Python and SQLite are looked at all the same; the mistake is told with its key."""
    (tmp_path / "runner.toml").write_text("[run]\nmax_spnd = 3\n")
    found = doctor(tmp_path)
    assert (found["exit"][0]["code"], levels(found, "settings"), levels(found, "sqlite")) == (2, ["problem"], ["ok"])
    assert "did you mean `max_spend`?" in found["settings"][0]["text"]


def test_wrong_profiles_and_prices_hide_nothing_else(tmp_path):
    """Each is a problem of its own, and the next thing is looked at."""
    (tmp_path / "runner.toml").write_text(
        '[run]\noperations = ["defastra.email", "./mine.toml:check"]\n[prices]\n"defastra.credit" = "1 EUR"\n'
    )
    (tmp_path / "mine.toml").write_text('name = "mine"\n')
    found = doctor(tmp_path, "--offline")
    assert levels(found, "defastra") == ["ok"]
    assert levels(found, "mine") == ["problem"]
    assert levels(found, "prices") == ["problem"]


def test_a_database_is_looked_through(folder):
    """Well; damaged; of a newer version; not ours: told with what to do, and not one byte is changed by the looking."""
    write_list(folder, *names("doctor", 3))
    assert inside(folder, "load", *RUN[1:]).returncode == 0
    path = folder / "runner.db"
    before = path.read_bytes()
    assert levels(doctor(folder), "database") == ["ok"]
    assert path.read_bytes() == before
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    newer = doctor(folder)
    assert newer["database"][0]["fix"] == "pip install --upgrade bulk-runner"
    pages = bytearray(before)
    pages[-4096:] = bytes(range(256)) * 16
    path.write_bytes(pages)
    assert "problem" in levels(doctor(folder), "database")
    path.write_text("this is no database at all, but a text of some length")
    assert levels(doctor(folder), "database") == ["problem"]


def test_looking_through_a_database_ends_in_time(folder):
    """A clock that runs away ends the check: it says so and finds nothing, rather than holding everybody up."""
    write_list(folder, *names("time", 3))
    inside(folder, "load", *RUN[1:])
    whole = check_integrity(folder / "runner.db", clock=SystemClock(), seconds=20)
    assert (whole.faults, whole.complete) == ((), True)

    class Hurried(SystemClock):
        ticks = 0.0

        def monotonic(self) -> float:
            self.ticks += 100.0
            return self.ticks

    with closing(sqlite3.connect(folder / "runner.db")) as connection, connection:
        connection.execute(
            "CREATE TABLE much AS WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300000) SELECT i FROM n"
        )
        connection.execute("CREATE INDEX much_i ON much (i)")
    cut = check_integrity(folder / "runner.db", clock=Hurried(), seconds=20)
    assert (cut.faults, cut.complete) == ((), False)


def test_a_run_at_work_is_named(folder):
    """Its process and its start; nobody, where nobody is."""
    write_list(folder, *names("work", 1))
    inside(folder, "load", *RUN[1:])
    assert doctor(folder)["run"][0]["text"] == "none is at work"
    with lock_database(folder / "runner.db", clock=SystemClock()):
        text = doctor(folder)["run"][0]["text"]
    assert text.startswith("at work: process ")
    assert "started 20" in text


def test_batches_that_wait_for_a_person_come_with_their_command(folder, provider):
    """Halted, and in doubt: a warning each, whose fix is the command that `status` names."""
    write_list(folder, "rule-insufficient-funds+doctor@example.com", name="poor.csv")
    assert inside(folder, "run", "poor.csv", "-p", "defastra.email").returncode == 4
    write_list(folder, "doctordoubt@example.com", name="lost.csv")
    provider.post("next", [{"manner": "drop", "charged": True}] * 3)
    inside(folder, "run", "lost.csv", "-p", "defastra.email")
    found = doctor(folder)
    texts = {one["text"]: one for one in found["batch"]}
    halted = next(one for text, one in texts.items() if text.startswith("poor-defastra-email: halted (defastra: "))
    assert (halted["level"], halted["fix"]) == ("warning", "runner run poor-defastra-email")
    assert any(text.startswith("lost-defastra-email: ") for text in texts)
    assert found["exit"] == [{"code": 0}]


@pytest.fixture(scope="module")
def defendis():
    """Defendis on loopback."""
    with served("defendis") as world:
        yield world


def pointed(folder: Path, url: str) -> None:
    """Settings that use Defendis at this address."""
    (folder / "runner.toml").write_text(
        f'[run]\noperations = ["defendis.email"]\n[providers.defendis.http]\nbase_url = "{url}"\n'
    )


def test_a_free_call_is_made_once_and_without_the_key(tmp_path, defendis):
    """The provider is there and its clock agrees; its books show no request; offline nothing is asked."""
    pointed(tmp_path, defendis.url)
    before = defendis.summary()
    found = doctor(tmp_path, DEFENDIS_API_KEY=DEFENDIS_KEY)
    assert levels(found, "defendis") == ["ok", "ok"]
    assert "without the key" in found["defendis"][1]["text"]
    assert found["clock"][0]["text"] == "agrees with Defendis's"
    after = defendis.summary()
    assert (after["health_calls"] - before["health_calls"], after["requests"]) == (1, before["requests"])
    doctor(tmp_path, "--offline", DEFENDIS_API_KEY=DEFENDIS_KEY)
    assert defendis.summary() == after


def test_what_leaves_is_bare(tmp_path):
    """Whoever listens at the address gets one GET without a key, an id of ours or anything else of the settings."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        heard = []

        def listen() -> None:
            with listener.accept()[0] as line:
                heard.append(line.recv(65536))
                line.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

        listening = threading.Thread(target=listen)
        listening.start()
        pointed(tmp_path, f"http://127.0.0.1:{listener.getsockname()[1]}")
        found = doctor(tmp_path, DEFENDIS_API_KEY=DEFENDIS_KEY)
        listening.join()
    assert levels(found, "defendis") == ["ok", "ok"]
    head, _, body = heard[0].partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == "get /health http/1.1"
    assert {line.split(":")[0] for line in lines[1:]} <= {
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "connection",
    }
    assert DEFENDIS_KEY.encode() not in heard[0]
    assert body == b""


def test_a_clock_that_is_wrong_is_told(tmp_path, defendis):
    """More than a minute apart from the provider's Date: a warning that says how far, and on which side."""
    pointed(tmp_path, defendis.url)

    class Ahead(SystemClock):
        def now_us(self) -> int:
            return super().now_us() + 600 * MILLION

    environ = {"DEFENDIS_API_KEY": DEFENDIS_KEY}
    with app.open(directory=tmp_path, environ=environ, seams=Seams(clock=Ahead())) as library:
        (clock,) = [one for one in library.doctor() if one.about == "clock"]
    assert clock.level is Level.WARNING
    assert "s ahead of Defendis" in clock.text
    assert not (tmp_path / "runner.db").exists()


def test_a_provider_that_cannot_be_reached_is_a_problem(tmp_path):
    """Nobody listens there: exit 2, where it was looked for, and a command to try by hand."""
    pointed(tmp_path, "http://127.0.0.1:1")
    found = doctor(tmp_path, DEFENDIS_API_KEY=DEFENDIS_KEY)
    assert found["exit"] == [{"code": 2}]
    assert "cannot be reached at http://127.0.0.1:1/health" in found["defendis"][1]["text"]
    assert found["defendis"][1]["fix"] == "check the network: curl -I http://127.0.0.1:1/health"


NOW = 1_795_000_000 * MILLION


@pytest.mark.parametrize(
    ("answer", "level"),
    [
        (Answer(status=200), Level.OK),
        (Answer(status=204), Level.OK),
        (Answer(status=503), Level.WARNING),
        (Answer(status=301), Level.WARNING),
        (Answer(fault=Fault.NO_ANSWER, detail="no answer came within 5 s"), Level.PROBLEM),
        (Answer(fault=Fault.TLS, detail="the server's certificate was refused"), Level.PROBLEM),
    ],
)
def test_what_an_answer_says(answer, level):
    """2xx is well, other statuses are theirs to mend, faults are ours; each that is not well has a fix."""
    (found,) = read_health(load("defendis"), answer, seconds=0.1, now_us=NOW)
    assert (found.level, bool(found.fix)) == (level, level is not Level.OK)
    assert exit_code([found]) == (2 if level is Level.PROBLEM else 0)


@pytest.mark.parametrize(("date", "skew"), [(NOW / MILLION - 75, 75), (NOW / MILLION + 90, -90), (NOW / MILLION, 0)])
def test_the_skew_is_ours_against_theirs(date, skew):
    """Positive: this machine is ahead. No Date, or one that cannot be read: not known."""
    answer = Answer(status=200, headers=(("date", formatdate(date, usegmt=True)),))
    assert skew_seconds(answer, now_us=NOW) == skew
    for text in ("", "yesterday", "Mon, 99 Foo 2026 00:00:00 GMT"):
        assert skew_seconds(replace(answer, headers=(("date", text),)), now_us=NOW) is None
    assert skew_seconds(Answer(status=200), now_us=NOW) is None


def test_a_folder_is_tried_and_left_as_it_was(tmp_path):
    """The write-ahead log works on a local disk; what was tried is gone; a folder nobody can write in is a problem."""
    found = look_at_folder(tmp_path / "not" / "there")
    assert (found.write_ahead_log, found.is_network) == ("", False)
    assert list(tmp_path.iterdir()) == []
    assert Level.PROBLEM in {one.level for one in look_at_machine(Path("/proc"))}


def test_network_file_systems_are_known():
    """Those that machines share, by the name that Linux gives them."""
    assert all(NETWORK.fullmatch(kind) for kind in ("nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph"))
    assert not any(NETWORK.fullmatch(kind) for kind in ("ext4", "xfs", "btrfs", "tmpfs", "overlay", "apfs", "zfs", ""))

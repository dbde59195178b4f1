"""The real command line against a provider on loopback: runs, exit codes, JSON, files, signals, prompts."""

import csv
import io
import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from tests.cli.place import KEY, Provider, clean_environment, inside, runner, sandbox, use, write_list

STATUS_KEYS = [
    *("schema", "batch", "state", "reason", "resume_at", "rows", "jobs", "outcomes", "not_sent", "attempts", "debited"),
    *("spent", "held", "in_doubt_amount", "lanes", "halt", "halts", "eta", "next"),
]
RUN = ("run", "leads.csv", "-p", "defastra.email")


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    """One sandbox for tests that do not read its counts from the start."""
    with sandbox(tmp_path_factory.mktemp("sandbox")) as served:
        yield served


@pytest.fixture
def folder(tmp_path, provider):
    """A folder whose runner.toml points to the sandbox."""
    use(tmp_path, provider.base_url)
    return tmp_path


def names(who: str, count: int) -> list[str]:
    """Addresses that no other test asks about."""
    return [f"{who}{number}@example.com" for number in range(count)]


def seen(provider: Provider, who: str) -> list[dict]:
    """What the provider's books say of these addresses."""
    return [entry for entry in provider.ledger() if entry["value"].startswith(who)]


def await_line(stream: IO[str] | None, word: str) -> None:
    """Read lines until one has this word; an end without it is a failure."""
    assert stream is not None
    read: list[str] = []
    while word not in (line := stream.readline()):
        assert line, f"{word} never came: {read}"
        read.append(line)


def test_a_list_runs_end_to_end(folder, provider):
    """Exit 0; stdout empty; the rows come back in order with their answers; each distinct value is sent once."""
    write_list(folder, "end0@example.com", "END0@example.com", "", "broken@", "end1@example.com")
    done = runner(folder, *RUN)
    assert (done.returncode, done.stdout) == (0, "")
    assert "event=start batch=leads-defastra-email" in done.stderr
    assert "event=end batch=leads-defastra-email state=completed sent=2 charged=2" in done.stderr
    assert "leads-defastra-email.csv" in done.stderr
    rows = list(csv.DictReader((folder / "leads-defastra-email.csv").read_text().splitlines()))
    assert [row["id"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [row["defastra_email_state"] for row in rows] == [
        *("succeeded", "succeeded", "invalid", "invalid", "succeeded"),
    ]
    assert [row["note"] for row in rows] == [f"note {number}" for number in range(1, 6)]
    assert len(seen(provider, "end")) == 2


def test_the_same_command_sends_nothing_again(folder, provider):
    """A completed batch is continued: same exit code, no request."""
    write_list(folder, *names("same", 3))
    assert inside(folder, *RUN).returncode == 0
    again = inside(folder, *RUN)
    assert again.returncode == 0
    assert "0 requests now" in again.stderr
    assert len(seen(provider, "same")) == 3


def test_json_is_exactly_the_status_object(folder):
    """One line on stdout, and `status --json` says the same."""
    write_list(folder, *names("json", 3))
    done = inside(folder, *RUN, "--json")
    assert done.returncode == 0
    assert done.stdout.count("\n") == 1
    status = json.loads(done.stdout)
    assert list(status) == STATUS_KEYS
    assert (status["state"], status["jobs"], status["outcomes"]["succeeded"]) == ("completed", 3, 3)
    assert status["spent"] == {"check": 3}
    assert json.loads(inside(folder, "status", "leads", "--json").stdout) == status
    assert json.loads(inside(folder, "status", "--json").stdout) == {"schema": 1, "batches": [status]}


def test_rows_go_to_stdout_when_asked(folder):
    """`-o -`: the CSV and nothing else on stdout; a reader that leaves early changes nothing."""
    write_list(folder, *names("pipe", 3))
    done = inside(folder, *RUN, "-o", "-", "-q")
    assert done.returncode == 0
    assert [row["id"] for row in csv.DictReader(io.StringIO(done.stdout))] == ["1", "2", "3"]
    assert done.stderr == ""
    assert not (folder / "leads-defastra-email.csv").exists()
    line = f"{sys.executable} -m runner export leads -o - | true; echo ${{PIPESTATUS[0]}}"
    piped = subprocess.run(["bash", "-c", line], cwd=folder, env=clean_environment(), capture_output=True, text=True)
    assert (piped.stdout, piped.stderr) == ("0\n", "")


def test_a_cap_stops_with_5_and_raising_it_goes_on(folder, provider):
    """`--max-requests` is never passed; a higher one continues."""
    write_list(folder, *names("cap", 6))
    first = inside(folder, *RUN, "--max-requests", "4", "--json")
    status = json.loads(first.stdout)
    assert first.returncode == 5
    assert (status["state"], status["reason"], status["outcomes"]["queued"]) == ("paused", "max-requests", 2)
    assert len(seen(provider, "cap")) == 4
    assert "--max-requests" in status["next"]["command"]
    assert inside(folder, *RUN, "--max-requests", "6").returncode == 0
    assert len(seen(provider, "cap")) == 6


def test_spend_caps_limits_and_rates_are_read(folder, provider):
    """`--max-spend`, `--limit`, `--rate`, `--in-flight`: each has its effect or its error."""
    write_list(folder, *names("lim", 5))
    assert inside(folder, *RUN, "--limit", "2").returncode == 5
    assert len(seen(provider, "lim")) == 2
    assert inside(folder, *RUN, "--max-spend", "3").returncode == 5
    assert len(seen(provider, "lim")) == 3
    for flag, value in (("--rate", "fast"), ("--max-wait", "soon"), ("--max-spend", "lots"), ("--max-failed", "11")):
        wrong = inside(folder, *RUN, flag, value)
        assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 3), wrong.stderr
    assert inside(folder, *RUN, "--max-spend", "5", "--rate", "1000/s", "--in-flight", "1").returncode == 0


def test_an_empty_wallet_halts_with_words_advice_and_the_next_command(tmp_path):
    """Exit 4; the rest waits, nothing failed; after a top-up the same command finishes, nobody is charged twice."""
    with sandbox(tmp_path, "--wallet", "3") as own:
        write_list(tmp_path, *names("wallet", 8))
        done = inside(tmp_path, *RUN, "--json")
        status = json.loads(done.stdout)
        assert done.returncode == 4
        assert (status["state"], status["outcomes"]["queued"], status["outcomes"]["failed"]) == ("halted", 5, 0)
        assert status["halt"]["code"] == "INSUFFICIENT_FUNDS"
        assert "halted    defastra says INSUFFICIENT_FUNDS" in done.stderr
        assert "Top it up" in done.stderr
        assert f"next      {status['next']['command']}" in done.stderr
        requests = own.summary()["requests"]
        assert inside(tmp_path, *RUN, "-q").returncode == 4
        assert own.summary()["requests"] == requests + 1
        own.post("top-up", {"units": 100})
        assert inside(tmp_path, *RUN).returncode == 0
        assert (own.summary()["charged"], own.summary()["charged_twice"]) == (8, 0)


def test_a_failed_row_is_explained_exported_and_retried(folder, provider):
    """Exit 3; `explain` shows the evidence without the address; `--only failed` loads again; `retry` sends it again."""
    bad = "rule-invalid-request-email+fail@example.com"
    write_list(folder, "fail0@example.com", bad)
    assert inside(folder, *RUN).returncode == 3
    shown = inside(folder, "explain", "leads", "2")
    assert shown.returncode == 0
    assert "row 2 (line 3), defastra.email, r…@example.com: failed (invalid-request-email)" in shown.stdout
    assert "POST /deep_email_check" in shown.stdout
    assert bad not in shown.stdout
    assert inside(folder, "explain", "leads", bad).stdout == shown.stdout
    assert inside(folder, "explain", "leads", "99").returncode == 2
    assert inside(folder, "export", "leads", "--only", "failed", "-o", "failed.csv").returncode == 0
    assert (folder / "failed.csv").read_text() == f"id,email,note\n2,{bad},note 2\n"
    assert inside(folder, *RUN).returncode == 3
    assert len(seen(provider, "rule-invalid-request-email+fail")) == 1
    retried = inside(folder, "retry", "leads")
    assert "1 request queued again" in retried.stderr
    assert "runner run leads-defastra-email" in retried.stderr
    assert inside(folder, *RUN).returncode == 3
    assert len(seen(provider, "rule-invalid-request-email+fail")) == 2


def test_a_lost_answer_is_in_doubt_until_a_person_decides(folder, provider):
    """Exit 3; listed with its label; resolved as not charged it is sent again, and the run is well."""
    write_list(folder, "doubt0@example.com", "doubt1@example.com")
    assert inside(folder, *RUN, "--limit", "1").returncode == 5
    provider.post("next", [{"manner": "drop", "charged": False}])
    done = inside(folder, *RUN)
    assert done.returncode == 3
    assert "in doubt" in done.stderr
    assert "runner doubt" in done.stderr
    listed = inside(folder, "doubt", "list", "leads")
    assert "d…@example.com" in listed.stdout
    assert seen(provider, "doubt")[-1]["params"]["label"] in listed.stdout
    resolved = inside(folder, "doubt", "resolve", "leads", "--all", "--as", "not-charged")
    assert "1 request resolved as not-charged" in resolved.stderr
    assert inside(folder, *RUN).returncode == 0
    assert inside(folder, "doubt", "list", "leads").stdout == ""


def test_wishes_are_carried_out_at_once_when_nobody_is_at_work(folder, provider):
    """pause: `run` is refused or stops with 5 and sends nothing; resume; cancel is for good."""
    write_list(folder, *names("steer", 2))
    assert inside(folder, "load", "leads.csv", "-p", "defastra.email").returncode == 0
    assert "paused" in inside(folder, "pause", "leads").stderr
    assert inside(folder, *RUN).returncode in (2, 5)
    assert seen(provider, "steer") == []
    assert "runner run" in inside(folder, "resume", "leads").stderr
    assert inside(folder, *RUN, "--limit", "1").returncode == 5
    assert "cancelled" in inside(folder, "cancel", "leads").stderr
    assert json.loads(inside(folder, "status", "leads", "--json").stdout)["state"] == "cancelled"
    assert inside(folder, "cancel", "nobody").returncode == 2


def test_ctrl_c_drains_saves_and_exports(tmp_path):
    """130; requests on the way are answered and stored; the file is written; the same command finishes."""
    with sandbox(tmp_path) as own:
        write_list(tmp_path, *names("sig", 12))
        own.post("next", [{"delay_seconds": 0.3} for _ in range(12)])
        process = subprocess.Popen(
            [sys.executable, "-m", "runner", *RUN, "--json", "--progress", "json"],
            cwd=tmp_path,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        await_line(process.stderr, "attempt.closed")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
        status = json.loads(out)
        assert process.returncode == 130
        assert (status["state"], status["reason"]) == ("paused", "interrupted")
        assert status["outcomes"]["in_doubt"] == 0
        assert 0 < status["outcomes"]["succeeded"] < 12
        assert (tmp_path / "leads-defastra-email.csv").exists()
        assert inside(tmp_path, *RUN).returncode == 0
        assert (own.summary()["charged"], own.summary()["charged_twice"]) == (12, 0)


def test_a_second_run_is_refused_and_names_the_first(tmp_path):
    """Exit 7 on the same database, with the pid of the run at work, in text and JSON."""
    with sandbox(tmp_path) as own:
        write_list(tmp_path, *names("busy", 2))
        own.post("next", [{"manner": "hang"}])
        first = subprocess.Popen(
            [sys.executable, "-m", "runner", *RUN, "--progress", "json"],
            cwd=tmp_path,
            env=clean_environment(),
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            await_line(first.stderr, "run.started")
            second = inside(tmp_path, *RUN, "--json")
            assert second.returncode == 7
            assert json.loads(second.stdout)["error"]["code"] == "busy"
            assert str(first.pid) in second.stderr
        finally:
            first.kill()
            first.communicate()


def test_a_screen_that_closes_does_not_end_the_run(folder, provider):
    """stderr closed while it works: everything is sent, stored and written all the same."""
    write_list(folder, *names("epipe", 5))
    line = f"({sys.executable} -m runner {' '.join(RUN)} 2>&1 >/dev/null; echo $? >code) | true"
    subprocess.run(["bash", "-c", line], cwd=folder, env=clean_environment(), check=True, timeout=60)
    assert (folder / "code").read_text() == "0\n"
    assert len(seen(provider, "epipe")) == 5


def on_a_terminal(folder: Path, *arguments: str, answer: bytes) -> tuple[int, str]:
    """The command on a pseudo-terminal: its exit code and everything it showed."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "runner", *arguments],
        cwd=folder,
        env=clean_environment(TERM="xterm", COLUMNS="120"),
        stdin=follower,
        stdout=subprocess.DEVNULL,
        stderr=follower,
    )
    os.close(follower)
    os.write(leader, answer)
    shown = b""
    try:
        while piece := os.read(leader, 4096):
            shown += piece
    except OSError:  # the other end is closed
        pass
    os.close(leader)
    return process.wait(), shown.decode()


def test_a_terminal_is_asked_once_before_the_first_paid_request(folder, provider):
    """No: nothing is sent, exit 5. Yes: it runs with a bar. Later runs of the batch, and --yes, do not ask."""
    write_list(folder, *names("tty", 3))
    code, shown = on_a_terminal(folder, *RUN, "--limit", "1", answer=b"n\n")
    assert code == 5
    assert "about to send 3 requests" in shown
    assert "Send 3 requests to Defastra?" in shown
    assert seen(provider, "tty") == []
    code, shown = on_a_terminal(folder, *RUN, "--limit", "1", answer=b"y\n")
    assert code == 5
    assert "1 of 3" in shown
    code, shown = on_a_terminal(folder, *RUN, answer=b"")
    assert code == 0
    assert "[y/N]" not in shown
    write_list(folder, *names("yes", 1), name="other.csv")
    code, shown = on_a_terminal(folder, "run", "other.csv", "-p", "defastra.email", "--yes", answer=b"")
    assert code == 0
    assert "about to send 1 request" in shown
    assert "[y/N]" not in shown


def test_the_key_is_nowhere(folder):
    """Not on screen, not in the log file, not in the database, not in the export."""
    write_list(folder, *names("canary", 2))
    done = inside(folder, *RUN, "-v", "--log-file", "run.log", "--progress", "json")
    assert done.returncode == 0
    log = (folder / "run.log").read_text()
    assert "attempt.closed" in log
    assert "rule=success" in log
    assert "canary0@" not in log + done.stderr
    assert (folder / "run.log").stat().st_mode & 0o077 == 0
    for file in folder.iterdir():
        if file.is_file():
            assert KEY.encode() not in file.read_bytes(), file.name
    assert KEY not in done.stderr + done.stdout


def test_a_missing_key_is_exit_2_before_anything_is_sent(folder):
    """What, why and the line that gives it; with --json as an object."""
    write_list(folder, *names("nokey", 1))
    done = inside(folder, *RUN, "--json", DEFASTRA_API_KEY="")
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert "DEFASTRA_API_KEY" in error["fix"]


def test_a_list_that_cannot_be_read_is_exit_2(folder):
    """No such file, no operation, no such operation: three parts, nothing created."""
    for arguments in (("run", "none.csv", "-p", "defastra.email"), ("load", "none.csv", "-p", "defastra.email")):
        done = inside(folder, *arguments)
        assert done.returncode == 2, done.stderr
        assert done.stderr.splitlines()[-1].startswith("  fix: ")
    write_list(folder, "x@example.com")
    assert inside(folder, "run", "leads.csv").returncode == 2
    assert inside(folder, "run", "leads.csv", "-p", "defastra.emial").returncode == 2


def test_a_table_is_a_list_too(folder, provider):
    """`--from TABLE --source URL --key COLUMN`, with a name for the batch."""
    with sqlite3.connect(folder / "crm.db") as crm:
        crm.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT)")
        crm.executemany("INSERT INTO people (email) VALUES (?)", [(name,) for name in names("table", 3)])
    crm.close()
    source = ("--from", "people", "--source", "sqlite:///crm.db", "--key", "id", "--batch", "crm")
    done = inside(folder, "run", *source, "-p", "defastra.email", "-o", "crm.csv")
    assert done.returncode == 0, done.stderr
    assert len(seen(provider, "table")) == 3
    assert len((folder / "crm.csv").read_text().splitlines()) == 4


def test_the_database_is_shown_and_copied(folder):
    """`db status|upgrade|backup`; a copy is never written over a file."""
    assert "not there yet" in inside(folder, "db", "status").stdout
    write_list(folder, *names("db", 1))
    assert inside(folder, *RUN).returncode == 0
    shown = inside(folder, "db", "status").stdout
    assert "runner.db" in shown
    assert "the newest" in shown
    assert inside(folder, "db", "upgrade").returncode == 0
    assert inside(folder, "db", "backup", "copy.db").returncode == 0
    assert (folder / "copy.db").stat().st_mode & 0o077 == 0
    assert inside(folder, "db", "backup", "copy.db").returncode == 2
    assert inside(folder, "status", "leads", "--db", "copy.db", "--json").returncode == 0


def test_alone_it_shows_batches_and_the_next_command_and_creates_nothing(folder):
    """`runner`: an empty folder stays empty; later the last batch's next command is there."""
    before = sorted(folder.iterdir())
    first = inside(folder)
    assert first.returncode == 0
    assert "runner demo" in first.stdout
    assert sorted(folder.iterdir()) == before
    write_list(folder, *names("home", 2))
    inside(folder, *RUN, "--limit", "1")
    shown = inside(folder).stdout
    assert "leads-defastra-email" in shown
    assert "runner run leads-defastra-email" in shown

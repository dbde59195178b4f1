"""`run` against a provider on loopback: exit codes, JSON, files, caps, halts, mistakes."""

import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

from tests.cli.place import KEY, RUN, clean_environment, inside, names, runner, sandbox, seen, write_list


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
    assert (status["state"], status["jobs"], status["outcomes"]["succeeded"]) == ("completed", 3, 3)
    assert status["spent"] == {"check": 3}
    assert status["receipt"].pop("run")["sent"] == 3
    status["receipt"]["run"] = None  # `status` speaks of no run
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
    for command, told in (("export leads -o -", ""), ("run leads -o -", "3 rows; requests: 3 succeeded")):
        line = f"{sys.executable} -m runner {command} | true; echo ${{PIPESTATUS[0]}}"
        piped = subprocess.run(
            ["bash", "-c", line], cwd=folder, env=clean_environment(), capture_output=True, text=True, check=True
        )
        assert piped.stdout == "0\n"
        assert told in piped.stderr
        assert "Broken" not in piped.stderr
    plain = inside(folder, "run", "leads")
    assert plain.stdout == "", "stdout is for the one run that was piped"
    assert (folder / "leads-defastra-email.csv").exists()


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
    assert inside(folder, *RUN, "--limit", "1").returncode == 5
    assert len(seen(provider, "lim")) == 1
    assert inside(folder, *RUN, "--max-spend", "3").returncode == 5
    assert len(seen(provider, "lim")) == 3
    for flag, value in (("--rate", "fast"), ("--max-wait", "soon"), ("--max-spend", "lots"), ("--max-failed", "11")):
        wrong = inside(folder, *RUN, flag, value)
        assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 3), wrong.stderr
    assert inside(folder, *RUN, "--max-spend", "5", "--rate", "1000/s", "--in-flight", "1").returncode == 0


def test_a_limit_is_used_in_full(folder, provider):
    """`--limit 2` works on two values, not on fewer."""
    write_list(folder, *names("two", 5))
    assert inside(folder, *RUN, "--limit", "2").returncode == 5
    assert len(seen(provider, "two")) == 2


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
        assert "next      runner run leads   (" in done.stderr
        assert status["next"]["command"] == "runner run leads-defastra-email"
        requests = own.summary()["requests"]
        assert inside(tmp_path, *RUN, "-q").returncode == 4
        assert own.summary()["requests"] == requests + 1
        own.post("top-up", {"units": 100})
        assert inside(tmp_path, *RUN).returncode == 0
        assert (own.summary()["charged"], own.summary()["charged_twice"]) == (8, 0)


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


def test_what_a_scheduler_throws_away_is_no_mistake(folder, provider):
    """`--json -o /dev/null >/dev/null`: where nothing is read, nothing is mixed."""
    write_list(folder, *names("null", 1))
    with Path(os.devnull).open("w") as nowhere:
        done = subprocess.run(
            [sys.executable, "-m", "runner", *RUN, "--json", "-o", os.devnull],
            cwd=folder,
            env=clean_environment(),
            stdout=nowhere,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert inside(folder, "run", "leads").returncode == 0  # it is kept: nothing is written beside the list
    assert [path.name for path in folder.glob("*.csv")] == ["leads.csv"]


def test_a_log_does_not_go_where_the_rows_went(folder, provider):
    """The output of an earlier run, under a name that says nothing."""
    write_list(folder, *names("nolog", 1))
    assert inside(folder, *RUN, "-o", "rows.txt").returncode == 0
    rows = (folder / "rows.txt").read_text()
    done = inside(folder, "run", "leads", "--log-file", "rows.txt")
    assert (done.returncode, (folder / "rows.txt").read_text()) == (2, rows)
    assert "error: the log would be written into rows.txt" in done.stderr

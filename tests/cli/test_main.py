"""The command line itself: help, usage errors, exit codes, what is imported."""

import json
import subprocess
import sys

import pytest

from runner.cli import main as entry
from runner.errors import BusyError, RunnerError
from runner.settings import RunDefaults
from tests.cli.place import clean_environment, inside
from tests.docs.commands import commands

LONG = "a" * 300
"""No file can be called so."""


def test_the_commands_are_those_of_the_design():
    """A command appears with its feature and not before."""
    assert {words for words, _ in commands(entry.build())} == {
        *("demo", "sandbox", "load", "run", "export", "status", "explain", "retry", "pause", "resume", "cancel"),
        *("doubt", "doubt list", "doubt resolve", "providers", "providers list", "providers show", "providers test"),
        *("tune", "providers new", "init", "doctor", "check", "log", "spend", "report"),
        *("config", "config show", "config path", "config schema", "completion"),
        *("db", "db status", "db upgrade", "db backup", "db verify", "db purge", "db erase"),
    }


def test_help_imports_nothing_heavy():
    """`runner --help` and `runner run --help` load no database, HTTP or phone library, and no settings model."""
    code = (
        "import sys; from runner.cli.main import invoke\n"
        "codes = [invoke(['--help']), invoke(['run', '--help'])]\n"
        "heavy = {'sqlalchemy', 'httpx', 'httpx2', 'alembic', 'phonenumbers', 'pydantic', 'jmespath', 'h11', 'anyio'}\n"
        "print(codes, heavy & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[0, 0] set()\n"
    assert "Exit codes" in done.stdout


def test_status_imports_what_it_shows_and_no_more(tmp_path):
    """No HTTP, migration or phone library, no profile, no export, nothing that sends."""
    names = (
        "httpx httpx2 alembic phonenumbers email_validator jmespath h11 aiolimiter runner.exports runner.engine.lane"
    )
    code = (
        "import sys; from runner.cli.main import invoke\n"
        f"code = invoke(['status'])\nprint(code, set({names.split()!r}) & set(sys.modules), file=sys.stderr)"
    )
    environment = clean_environment()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path, env=environment
    )
    assert (done.stdout, done.stderr) == ("no batches here yet\n", "0 set()\n")


@pytest.mark.parametrize(
    ("arguments", "what", "fix"),
    [
        (["nope"], "unknown command: nope", "runner --help"),
        (["doubt", "nope"], "unknown command: nope", "runner doubt --help"),
        (["run", "--nonsense", "7"], "Unknown option: --nonsense", "runner run --help"),
        (["run", "--reused", "30d"], "Unknown option: --reused", "runner run --help"),
        (["load", "a.csv", "b.csv"], "`runner load` was given too much: b.csv", "runner load --help"),
        (["run", "--max-requests", "many"], "--max-requests: not a whole number: 'many'", "--max-requests 500"),
        (["run", "--in-doubt", "many"], 'Invalid value "many" for --in-doubt. Choose', "runner run --help"),
        (["run", "x", "--json", "-o", "-"], "--json and -o - both want stdout", "-o FILE"),
        (["run", "x", "--json", "-o", "/dev/stdout"], "--json and -o - both want stdout", "-o FILE"),
        (["run", "a.csv", "--log-file", "a.csv"], "the log would be written into a.csv", "--log-file runner.log"),
        (["run", LONG], "there is no batch here yet", "runner run leads.csv"),
        (["check", LONG], "there is no batch here yet", "runner run leads.csv"),
        (["run", "a.csv", "--log-file", f"{LONG}.csv"], "the log file cannot be written", "--log-file runner.log"),
        (["status", "--db", LONG], "the database cannot be reached", "--db ANOTHER-FILE"),
        (["status", "--config", LONG], "no settings file", "--config FILE"),
        (["cancel"], "`runner cancel` needs BATCH", "runner cancel --help"),
        (["retry"], "`runner retry` needs BATCH", "runner retry --help"),
        (["export", "x"], "an export goes to a file, or to a table", "-o leads.out.csv"),
        (["doubt", "resolve", "x", "--all"], "`runner doubt resolve` needs --as", "runner doubt resolve --help"),
        (["run", "x", "--rate"], "--rate has no value", "runner run --help"),
        (["run", "nowhere.csv"], "there is no file nowhere.csv, and no batch of that name", "runner status"),
        (["run", "/"], "/ is a folder, and no batch of that name is here", "ls /"),
        (["check", "/"], "/ is a folder, and no batch of that name is here", "ls /"),
        (["doubt", "resolve", "x", "--as", "charged"], "say which requests are meant", "runner doubt list x"),
        (["load"], "nothing to load", "runner load leads.csv"),
        (["run", "x.csv", "--db", "postgresql://me:pw@h/d"], "--db has a password in it", "CRM_URL"),
        (
            ["load", "--from", "t", "--source", "mysql://me:pw@h/d", "--key", "id"],
            "--source has a password in it",
            "CRM_URL",
        ),
        (["load", "--from", "t", "--source", "mysql://h/d?password=pw"], "--source has a password in it", "CRM_URL"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_on_the_command_line_is_exit_2_in_three_parts(arguments, what, fix, capfd, tmp_path, monkeypatch):
    """What is wrong, why, and what to type instead; stdout stays empty and nothing is created."""
    monkeypatch.chdir(tmp_path)
    assert entry.invoke(arguments) == 2
    out, err = capfd.readouterr()
    head, why, mend = err.strip().split("\n", 2)  # a fix may be lines for a file
    assert head.startswith(f"error: {what}")
    assert why.startswith("  why: ")
    assert mend.startswith("  fix: ")
    assert fix in mend
    assert out == "" or json.loads(out)["error"]["code"] == "usage"
    assert "pw" not in err + out
    assert list(tmp_path.iterdir()) == []


def test_a_usage_error_with_json_is_one_object(capfd):
    """`run --json` says on stdout what went wrong."""
    assert entry.invoke(["run", "x", "--json", "--nonsense"]) == 2
    out, _ = capfd.readouterr()
    assert json.loads(out) == {
        "schema": 1,
        "error": {
            "code": "usage",
            "what": "Unknown option: --nonsense",
            "why": "`runner run`: it has no such option",
            "fix": "runner run --help",
        },
    }


def test_a_typed_address_is_shortened_in_the_error(capfd):
    """What was typed may be somebody's."""
    entry.invoke(["jane.doe@example.com"])
    assert "j…@example.com" in capfd.readouterr().err


@pytest.mark.parametrize(("error", "code"), [(BusyError("x"), 7), (RunnerError("x"), 1), (KeyboardInterrupt(), 130)])
def test_errors_have_their_exit_codes(error, code, monkeypatch, capfd):
    """Each branch of the tree has its code; Ctrl-C outside a run is 130."""

    def fail():
        raise error

    monkeypatch.setattr(entry, "build", fail)
    assert entry.invoke(["status"]) == code
    assert capfd.readouterr().out == ""


def test_an_unexpected_error_is_short_and_its_trace_is_kept(monkeypatch, capfd, tmp_path):
    """Exit 1, no trace on screen, a private file that has it; -v shows it instead."""

    def fail():
        raise ExceptionGroup("group", [ZeroDivisionError("boom")])

    monkeypatch.setattr(entry, "build", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert entry.invoke(["run"]) == 1
    err = capfd.readouterr().err
    (kept,) = tmp_path.iterdir()
    assert err.startswith("error: unexpected error: ZeroDivisionError\n")
    assert str(kept) in err
    assert "Traceback" not in err
    assert "boom" in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0
    entry.invoke(["run", "-v"])
    assert "boom" in capfd.readouterr().err


def test_a_trace_holds_no_key_and_no_whole_address(monkeypatch, capfd, tmp_path):
    """An exception may quote what it failed at: keys of the environment go, addresses are shortened, the rest stays."""

    def fail():
        raise ValueError("no such thing: jane.doe@example.com\nX-API-KEY: obviously-fake-key-0000")

    monkeypatch.setattr(entry, "build", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("ACME_API_KEY", "obviously-fake-key-0000")
    entry.invoke(["run"])
    (kept,) = tmp_path.iterdir()
    entry.invoke(["run", "-v"])
    for trace in (kept.read_text(), capfd.readouterr().err):
        assert "j…@example.com\nX-API-KEY: [key]" in trace
        assert "in fail" in trace
        assert "fake-key" not in trace


def test_the_version_is_one_line():
    """`runner --version`, in a process of its own; a reader that is gone is no error."""
    done = subprocess.run([sys.executable, "-m", "runner", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_a_reader_that_goes_away_is_no_error():
    """`runner --help | true` says nothing on stderr."""
    line = f"{sys.executable} -m runner --help | true"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True, check=False)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (["--max-spend-per-day", "5"], "5"),
        (["--max-spend-per-day=5"], "5"),
        (["--max-spend-per-day"], "..."),
        (["--max-spend-per-day", "ada@example.com"], "..."),
    ],
)
def test_an_option_that_is_a_setting_is_told_as_one(tmp_path, words, value):
    """The cap that would be offered in its place is of another kind."""
    done = inside(tmp_path, "run", "x.csv", *words)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: --max-spend-per-day is no option but a setting",
        "  why: it is max_spend_per_day under [run] in runner.toml, or the variable RUNNER_MAX_SPEND_PER_DAY",
        f"  fix: export RUNNER_MAX_SPEND_PER_DAY={value}",
    ]


def test_the_settings_without_an_option_are_known(tmp_path):
    """All others of `[run]` are options of `run` or of every command."""
    for name in RunDefaults.model_fields:
        refused = inside(tmp_path, "run", "x.csv", f"--{name.replace('_', '-')}", "1").stderr
        assert ("is no option but a setting" in refused) == (name in entry._SETTINGS), name
        assert "Unknown option" not in refused

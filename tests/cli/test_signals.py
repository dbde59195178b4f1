"""Signals, closed screens, terminals and a second run: the real command line in processes of its own."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from runner.system import EXIT_BY_SIGNAL
from tests.cli.place import RUN, Provider, clean_environment, names, runner, sandbox, seen, write_list


def await_line(stream: IO[str] | None, word: str) -> None:
    """Read lines until one has this word; an end without it is a failure."""
    assert stream is not None
    read: list[str] = []
    while word not in (line := stream.readline()):
        assert line, f"{word} never came: {read}"
        read.append(line)


def started(folder: Path, *flags: str) -> subprocess.Popen[str]:
    """A run in a process of its own; its lines come on stderr."""
    command = [sys.executable, "-m", "runner", *RUN, *flags]
    return subprocess.Popen(command, cwd=folder, env=clean_environment(), stderr=subprocess.PIPE, text=True)


def at_work(folder: Path, own: Provider, *, requests: int) -> subprocess.Popen[str]:
    """One that has sent this many requests."""
    process = started(folder)
    while own.summary()["requests"] < requests:
        pass
    return process


def test_ctrl_c_drains_saves_and_exports(tmp_path):
    """130; requests on the way are answered and stored; the file is written; the same command finishes."""
    with sandbox(tmp_path) as own:
        write_list(tmp_path, *names("sig", 12))
        own.post("next", [{"delay_seconds": 0.3} for _ in range(12)])
        process = subprocess.Popen(
            [sys.executable, "-m", "runner", *RUN, "--json", "-v"],
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
        assert runner(tmp_path, *RUN).returncode == 0
        assert (own.summary()["charged"], own.summary()["charged_twice"]) == (12, 0)


def test_a_second_signal_ends_it_at_once(tmp_path):
    """The first drains; the second leaves, and says so: what was on the way is found in doubt by the next run."""
    with sandbox(tmp_path) as own:
        write_list(tmp_path, *names("twice", 3))
        own.post("next", [{}, {"manner": "hang"}, {"manner": "hang"}])
        process = at_work(tmp_path, own, requests=3)
        process.send_signal(signal.SIGTERM)
        await_line(process.stderr, "event=stopping")
        process.send_signal(signal.SIGTERM)
        _, shown = process.communicate(timeout=5)
        assert process.returncode == 143
        assert "ended at once: what was still on the way, if anything, is in doubt; the same command goes on" in shown
        done = runner(tmp_path, *RUN, "--json")
        assert done.returncode == 3
        assert json.loads(done.stdout)["outcomes"]["in_doubt"] == 2
        assert own.summary()["requests"] == 3


@pytest.mark.parametrize(
    ("first", "soon", "later"),
    [
        (signal.SIGTERM, signal.SIGINT, ()),
        (signal.SIGHUP, signal.SIGTERM, ()),
        (signal.SIGINT, signal.SIGHUP, (signal.SIGHUP,)),
    ],
)
def test_one_wish_that_is_sent_twice_is_one(tmp_path, first, soon, later):
    """As `timeout` does, and a terminal that closes: what is on the way is answered, nothing is in doubt. Which of two
    that are sent at once comes first is the system's to say."""
    with sandbox(tmp_path) as own:
        write_list(tmp_path, *names("together", 2))
        own.post("next", [{"delay_seconds": 0.5}] * 2)
        process = at_work(tmp_path, own, requests=2)
        process.send_signal(first)
        process.send_signal(soon)
        await_line(process.stderr, "event=stopping")
        for number in later:
            process.send_signal(number)
        _, shown = process.communicate(timeout=20)
        assert process.returncode in {EXIT_BY_SIGNAL[first], EXIT_BY_SIGNAL[soon]}
        assert "ended at once" not in shown
        assert "0 in doubt" in shown
        assert own.summary()["charged"] == 2


def test_a_second_run_is_refused_and_names_the_first(tmp_path):
    """Exit 7 on the same database, with the pid of the run at work, in text and JSON; no list is loaded for it."""
    with sandbox(tmp_path) as own:
        write_list(tmp_path, *names("busy", 2))
        own.post("next", [{"manner": "hang"}])
        first = started(tmp_path, "--progress", "json")
        try:
            await_line(first.stderr, '"event":"start"')
            second = runner(tmp_path, *RUN, "--json")
            assert second.returncode == 7
            assert json.loads(second.stdout)["error"]["code"] == "busy"
            assert str(first.pid) in second.stderr
            (tmp_path / "other.csv").write_text("email\nother@example.com\n")
            assert runner(tmp_path, "run", "other.csv", "-p", "defastra.email").returncode == 7
            assert "other" not in runner(tmp_path, "status").stdout
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
    """No: nothing is sent, exit 5. What ends the run before is told. Yes: it runs with a bar.

    Later runs of the batch, and --yes, do not ask.
    """
    write_list(folder, *names("tty", 3))
    code, shown = on_a_terminal(folder, *RUN, "--limit", "1", answer=b"n\n")
    assert code == 5
    assert "at most 1 of 3 requests to send" in shown
    assert "stops at  --limit 1" in shown
    assert "Send up to 1 request to Defastra?" in shown
    assert shown.count("email <- email") == 1
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
    assert ": 1 request to send" in shown
    assert "[y/N]" not in shown

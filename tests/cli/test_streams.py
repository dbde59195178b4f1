"""Lists on stdin: one command of a pipeline, which needs a name and can be repeated."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys

from tests.cli.place import clean_environment, seen


def piped(folder, data: bytes, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`runner ARGUMENTS < DATA`."""
    done = subprocess.run(
        [sys.executable, "-m", "runner", *arguments],
        cwd=folder,
        input=data,
        capture_output=True,
        env=clean_environment(),
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def test_a_list_on_stdin(folder, provider):
    """Checked, run with its rows on stdout, and continued: nothing is sent twice; without a name it is refused."""
    data = gzip.compress(b"id;email\n1;pipe1@example.com\n2;pipe2@example.com\n")
    nameless = piped(folder, data, "check", "-", "-p", "defastra.email")
    assert nameless.returncode == 2
    assert "fix: --batch NAME" in nameless.stderr
    checked = piped(folder, data, "check", "-", "-p", "defastra.email", "--batch", "piped", "--json")
    assert json.loads(checked.stdout)["requests"] == {"defastra.email": 2}
    command = ("run", "-", "-p", "defastra.email", "--batch", "piped", "-o", "-")
    first = piped(folder, data, *command)
    assert first.returncode == 0, first.stderr
    assert [line.split(";")[:2] for line in first.stdout.splitlines()[1:]] == [
        ["1", "pipe1@example.com"],
        ["2", "pipe2@example.com"],
    ]
    again = piped(folder, data, *command)
    assert (again.returncode, len(seen(provider, "pipe"))) == (0, 2)
    assert again.stdout == first.stdout


def test_stdin_that_is_closed(folder, provider):
    """Said in three parts, without a trace."""
    done = subprocess.run(
        ["bash", "-c", f"exec {sys.executable} -m runner load - -p defastra.email --batch x <&-"],
        cwd=folder,
        capture_output=True,
        text=True,
        env=clean_environment(),
        check=False,
    )
    assert done.returncode == 2
    assert "there is nothing to read on stdin" in done.stderr

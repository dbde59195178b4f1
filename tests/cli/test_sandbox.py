"""`runner sandbox` for providers other than Defastra: what it prints is enough to run against it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from runner.cli.sandbox import FAKE_KEY, fake_key
from tests.cli.place import clean_environment, inside, write_list


@contextmanager
def served(folder, name: str) -> Iterator[str]:
    """`runner sandbox NAME` at work; its stdout as the folder's runner.toml; the command that it says to type."""
    command = [sys.executable, "-m", "runner", "sandbox", name, "--wallet", "4"]
    said = folder / "said.txt"
    with (
        said.open("w") as stderr,
        subprocess.Popen(
            command, cwd=folder, env=clean_environment(), stdout=subprocess.PIPE, stderr=stderr, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(3)]
            (folder / "runner.toml").write_text("".join(lines))
            with urllib.request.urlopen(lines[1].split('"')[1] + "/health", timeout=10):
                pass  # it speaks after it listens
            (typed,) = re.findall(r"^  runner (.*)$", said.read_text(), re.MULTILINE)
            yield typed
        finally:
            process.terminate()


@pytest.mark.parametrize(
    ("flag", "given", "fix"), [("--port", "99999", "65535"), ("--port", "-1", "0"), ("--wallet", "-3", "0")]
)
def test_a_number_that_cannot_be_is_exit_2(tmp_path, flag, given, fix):
    """Not a mistake of the tool's, and no wallet below nothing."""
    done = inside(tmp_path, "sandbox", "defastra", flag, given)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {flag} {given} cannot be\n")
    assert done.stderr.endswith(f"  fix: {flag} {fix}\n")


@pytest.mark.parametrize(("name", "code", "spent"), [("defendis", 0, {"request": 0}), ("dfirlab", 4, {"credit": 3})])
def test_what_it_prints_is_enough_to_run_against_it(tmp_path, name, code, spent):
    """Its lines are a runner.toml, whose key has the provider's shape; a wallet of 4 pays one lookup of DFIR Lab."""
    write_list(tmp_path, "ada@example.com", "grace@example.org")
    with served(tmp_path, name) as typed:
        assert typed == f"run leads.csv -p {name}.email"
        done = inside(tmp_path, *typed.split(), "--json")
    assert done.returncode == code, done.stderr
    assert json.loads(done.stdout)["spent"] == spent


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        (None, FAKE_KEY),
        ("^sk-dfir-", f"sk-dfir-{FAKE_KEY}"),
        ("^mk_", f"mk_{FAKE_KEY}"),
        (r"^sk-[A-Za-z0-9]{32}$", "sk-" + "0" * 32),
        (r"^\d{6}$", "000000"),
        (r"^(live|test)-never$", None),
    ],
)
def test_the_fake_key_has_the_shape_that_is_asked_for(pattern, key):
    """How the pattern begins, then words or zeros; where that does not do, none is invented."""
    assert fake_key(pattern) == key

"""`runner sandbox` for providers other than Defastra: what it prints is enough to run against it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import runner
from runner.cli.sandbox import FAKE_KEY, fake_key, how_to_use, settings_text
from runner.providers.loader import load_file
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
            lines: list[str] = []
            for line in process.stdout:
                lines.append(line)
                if line.startswith("auth = "):
                    break
            (folder / "runner.toml").write_text("".join(lines))
            with urllib.request.urlopen(lines[-2].split('"')[1] + "/health", timeout=10):
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


def test_what_it_prints_for_an_own_profile_is_enough_too(tmp_path):
    """An account of the file's, at the sandbox's address and with a key of its own; the columns keep their name."""
    inside(tmp_path, "providers", "new", "mine", "--from", "dfirlab")
    path = tmp_path / "mine.toml"
    path.write_text(path.read_text().replace("http://127.0.0.1:8765", "https://api.mine.example/v1"))
    write_list(tmp_path, "ada@example.com")
    with served(tmp_path, "./mine.toml") as typed:
        assert typed == "run leads.csv -p mine_sandbox.email"
        done = inside(tmp_path, *typed.split(), "-o", "-", "-q")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("id,email,note,mine_email_")


@pytest.mark.parametrize("key", ["", ', pattern = "^(live|test)-never$"'])
def test_what_it_prints_for_an_own_profile_is_always_a_runner_toml(tmp_path, key, monkeypatch):
    """In whatever folder it is put. A key that cannot be made up has a variable of its own: never the one of the real
    key. Where the profile looks for the sandbox already there is nothing to be said."""
    monkeypatch.chdir(tmp_path)
    name, path = 'my "own"\x7f.toml', tmp_path / 'my "own"\x7f.toml'
    inside(tmp_path, "providers", "new", "mine")
    path.write_text((tmp_path / "mine.toml").read_text().replace('"MINE_API_KEY" }', f'"MINE_API_KEY" }}{key}'))
    profile = load_file(path)
    assert tomllib.loads(settings_text(profile, name, profile.http.base_url)) == {}
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "runner.toml").write_text(settings_text(profile, name, "http://127.0.0.1:1"))
    with runner.open(tmp_path / "runner.db", config=tmp_path / "sub" / "runner.toml") as library:
        made = library.provider("mine_sandbox").http
    assert made.base_url == "http://127.0.0.1:1"
    assert made.auth.secret is not None
    assert (made.auth.secret.env == "MINE_SANDBOX_API_KEY") is bool(key)
    said = "\n".join(how_to_use(profile, name, "http://127.0.0.1:1", shown=False))
    assert "runner run leads.csv -p mine_sandbox." in said
    assert ("export MINE_SANDBOX_API_KEY=KEY   (of the shape ^(live|test)-never$)" in said) is bool(key)


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

"""A key from the environment, a file or a command: used end to end, told in three parts if it fails, shown nowhere."""

import sys
from pathlib import Path

import pytest

from runner.settings import keys as keys_module
from tests.cli.place import RUN, inside, names, runner, write_list
from tests.sandbox.process import sandbox as served

KEY = "secret-key-not-real-5566"
CHATTER = "chatter-not-real-7788"
PRINTS = f"import sys; print({KEY!r}); print('user: me'); print({CHATTER!r}, file=sys.stderr)"


@pytest.fixture(scope="module")
def guarded():
    """A provider that takes one key alone."""
    with served(key=KEY, limits=[(1000, 1.0)]) as world:
        yield world


def settings(folder: Path, url: str, secret: str) -> None:
    """Settings whose key is found as said."""
    (folder / "runner.toml").write_text(
        f'[providers.defastra.http]\nbase_url = "{url}"\nauth = {{ secret = {secret} }}\n'
    )


def python(code: str) -> str:
    """`{ command }` that runs a piece of Python."""
    return f"{{ command = [{sys.executable!r}, '-c', {toml(code)}] }}"


def toml(text: str) -> str:
    """A text as TOML writes it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def everything_written(folder: Path) -> bytes:
    """All files of the folder but the one the key was put into."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "key")


@pytest.mark.parametrize(
    ("secret", "more"),
    [
        ('{ env = "CRM_KEY" }', {"CRM_KEY": f" {KEY}\n"}),
        ('{ file = "key" }', {}),
        (python(PRINTS), {}),
    ],
    ids=["env", "file", "command"],
)
def test_each_kind_of_secret_reaches_the_provider_and_nothing_else(secret, more, guarded, tmp_path):
    """The provider takes it; -v, the log file, the database, the rows, stdout and stderr do not have it."""
    (tmp_path / "key").write_text(f"{KEY}\n")
    settings(tmp_path, guarded.url, secret)
    write_list(tmp_path, *names(f"secret{len(secret)}x", 2))
    done = inside(tmp_path, *RUN, "-v", "--log-file", "run.log", "-o", "-", DEFASTRA_API_KEY="", **more)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run.log").read_text()
    if "command" in secret:
        (tmp_path / "runner.toml").unlink()  # the program itself names the key here, as a password store never would
    told = (done.stdout + done.stderr).encode() + everything_written(tmp_path)
    assert KEY.encode() not in told
    assert CHATTER.encode() not in told


def test_an_env_file_is_read_when_it_is_named(guarded, tmp_path):
    """`--env-file` and `[run] env_file` bring the key; a stray .env does not."""
    (tmp_path / ".env").write_text(f"DEFASTRA_API_KEY={KEY}\n")
    (tmp_path / ".env").chmod(0o600)
    base = f'[providers.defastra.http]\nbase_url = "{guarded.url}"\n'
    (tmp_path / "runner.toml").write_text(base)
    write_list(tmp_path, "envfile0@example.com")
    assert inside(tmp_path, *RUN, DEFASTRA_API_KEY="").returncode == 2
    assert inside(tmp_path, *RUN, "--env-file", ".env", DEFASTRA_API_KEY="").returncode == 0
    (tmp_path / "runner.toml").write_text(f'[run]\nenv_file = ".env"\n{base}')
    write_list(tmp_path, "envfile1@example.com")
    assert inside(tmp_path, *RUN, "--new", DEFASTRA_API_KEY="").returncode == 0


@pytest.mark.parametrize(
    ("secret", "what", "why"),
    [
        ('{ env = "CRM_KEY" }', "the key of Defastra is missing", "CRM_KEY is not set"),
        ('{ file = "nowhere" }', "the key of Defastra cannot be read from", "No such file"),
        ('{ file = "empty" }', "the key of Defastra is missing", "which is empty"),
        (python(f"print({KEY!r}); raise SystemExit(3)"), "the key of Defastra cannot be fetched", "ended with 3"),
        (python("pass"), "the key of Defastra is missing", "which is empty"),
        (python("import sys; sys.stdout.buffer.write(bytes([255]))"), "cannot be fetched", "not UTF-8"),
        (f"{{ command = ['no-such-program-here', '{KEY}'] }}", "cannot be fetched", "could not be started"),
        (python(f"print({KEY!r}, flush=True); import time; time.sleep(60)"), "cannot be fetched", "within 0.2 s"),
    ],
    ids=["unset", "no-file", "empty-file", "fails", "silent", "binary", "not-there", "hangs"],
)
def test_a_key_that_cannot_be_had_is_told_in_three_parts(secret, what, why, guarded, tmp_path, monkeypatch):
    """Exit 2 before anything is sent: what, why and what to do; neither the output nor the arguments are repeated."""
    monkeypatch.setattr(keys_module, "_COMMAND_SECONDS", 0.2 if "sleep" in secret else 30.0)
    (tmp_path / "empty").write_text("\n")
    settings(tmp_path, guarded.url, secret)
    write_list(tmp_path, "nokey@example.com")
    sent = guarded.summary()["requests"]
    done = inside(tmp_path, *RUN, DEFASTRA_API_KEY="")
    assert done.returncode == 2
    error = done.stderr[done.stderr.index("error: ") :].strip().split("\n")
    assert [line[:7] for line in error] == ["error: ", "  why: ", "  fix: "]
    assert what in error[0]
    assert why in error[1]
    assert len(error[2]) > len("  fix: ")
    assert KEY not in done.stderr
    assert guarded.summary()["requests"] == sent


def test_a_wrong_key_costs_one_request_and_is_not_shown(guarded, tmp_path):
    """The provider refuses it: exit 4, one request, nothing charged."""
    wrong = "wrong-key-not-real-1"
    (tmp_path / "key").write_text(wrong)
    settings(tmp_path, guarded.url, '{ file = "key" }')
    write_list(tmp_path, *names("wrongkey", 5))
    before = guarded.summary()
    done = runner(tmp_path, *RUN, "--json")
    assert done.returncode == 4
    assert guarded.summary()["requests"] == before["requests"] + 1
    assert wrong not in done.stdout + done.stderr
    assert wrong.encode() not in everything_written(tmp_path)

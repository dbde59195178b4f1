"""Keys: found in the environment, a named env file, a file or by a command; told when they are missing, never shown."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path

import pytest

from runner.domain.provider import Auth, Http, Provider, SecretRef
from runner.errors import ConfigError
from runner.settings import Keys, Secret, read_settings
from runner.settings.envfile import read_env_file
from tests.app.settings import settings

FAKE_KEY = "fake-key-000000000000"


def provider(ref: SecretRef, *, pattern: str | None = None) -> Provider:
    """A provider whose key is found by `ref`."""
    auth = Auth(kind="header", name="X-API-KEY", secret=ref, pattern=pattern)
    return Provider(name="acme", title="Acme", http=Http(base_url="https://x.test", auth=auth), operations={}, rules=())


def test_only_a_named_env_file_is_read(tmp_path: Path) -> None:
    """A stray .env changes nothing; a named one gives keys, below the environment."""
    (tmp_path / ".env").write_text(f"ACME_KEY={FAKE_KEY}\n")
    acme = provider(SecretRef(env="ACME_KEY"))
    assert settings(tmp_path).keys.present(acme) is not None
    named = settings(tmp_path, env_file=".env")
    key = named.keys.of(acme)
    assert key is not None
    assert key.reveal() == FAKE_KEY
    over = settings(tmp_path, {"ACME_KEY": "other"}, env_file=".env").keys.of(acme)
    assert over is not None
    assert over.reveal() == "other"


def test_env_file_lines(tmp_path: Path) -> None:
    """Quotes, comments, export and blank lines are understood; nothing is interpolated."""
    path = tmp_path / "keys.env"
    path.write_text('# c\n\nexport A=1 # one\nB="x # \\"y\\"" # two\nC=\'$A \\n\'\nD=\nE=a#b\n')
    path.chmod(0o600)
    values, notices = read_env_file(path)
    assert values == {"A": "1", "B": 'x # "y"', "C": "$A \\n", "D": "", "E": "a#b"}
    assert notices == ()


@pytest.mark.parametrize("line", ["no equals", "A='open", 'A="x" y', "1A=2"])
def test_env_file_mistakes_name_the_line_and_not_its_text(tmp_path: Path, line: str) -> None:
    """A broken line may hold a key: only its number is told."""
    path = tmp_path / "keys.env"
    path.write_text(f"OK=1\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        read_env_file(path)
    assert "Line 2" in caught.value.why
    assert line not in str(caught.value) + caught.value.why


def test_env_file_that_others_can_read_is_told(tmp_path: Path) -> None:
    """A key file with group or world access is noted, not refused."""
    path = tmp_path / "keys.env"
    path.write_text("A=1\n")
    path.chmod(0o644)
    assert "chmod 600" in settings(tmp_path, env_file=path).notices[0]


def test_missing_key_has_three_parts_and_guesses_the_misspelling() -> None:
    """What is missing, where it was looked for, and the line to type."""
    keys = Keys({"DEFASTRA_APIKEY": FAKE_KEY}, directory=Path())
    with pytest.raises(ConfigError) as caught:
        keys.of(provider(SecretRef(env="DEFASTRA_API_KEY")))
    assert caught.value.what == "the key of Acme is missing"
    assert "DEFASTRA_APIKEY is set" in caught.value.why
    assert caught.value.fix.endswith("DEFASTRA_API_KEY=...")
    assert FAKE_KEY not in repr(caught.value) + caught.value.why


def test_key_of_the_wrong_shape_is_refused_unseen() -> None:
    """The shape is told, the value is not."""
    keys = Keys({"K": FAKE_KEY}, directory=Path())
    with pytest.raises(ConfigError) as caught:
        keys.of(provider(SecretRef(env="K"), pattern="^sk-"))
    assert FAKE_KEY not in str(caught.value) + caught.value.why + caught.value.fix
    assert keys.of(provider(SecretRef(env="K"), pattern="^fake-")) is not None


def test_a_program_that_fetches_a_key_is_not_handed_another(tmp_path, monkeypatch) -> None:
    """A variable that a key was read from is not in the program's environment; all others are."""
    monkeypatch.setenv("FIRST_API_KEY", FAKE_KEY)
    keys = Keys(os.environ, directory=tmp_path)
    script = "import os; print(os.environ.get('FIRST_API_KEY', 'not there'), 'PATH' in os.environ)"
    assert keys.fetch(SecretRef(env="FIRST_API_KEY"), what="it").reveal() == FAKE_KEY
    fetched = keys.fetch(SecretRef(command=(sys.executable, "-c", script)), what="it").reveal()
    assert fetched == "not there True"


def test_keys_from_file_and_command(tmp_path: Path) -> None:
    """Both are trimmed; a command is run once; a failing one and a missing file say so."""
    (tmp_path / "k").write_text(f"{FAKE_KEY}\n")
    keys = Keys({}, directory=tmp_path)
    assert keys.fetch(SecretRef(file="k"), what="it").reveal() == FAKE_KEY
    echo = (sys.executable, "-c", f"print('{FAKE_KEY}')")
    assert keys.fetch(SecretRef(command=echo), what="it").reveal() == FAKE_KEY
    once = tmp_path / "once"
    asks = (sys.executable, "-c", f"open({str(once)!r}, 'x'); print('{FAKE_KEY}')")
    assert {keys.fetch(SecretRef(command=asks), what="it").reveal() for _ in range(2)} == {FAKE_KEY}
    for ref in (
        SecretRef(file="none"),
        SecretRef(command=(sys.executable, "-c", "raise SystemExit(3)")),
        SecretRef(command=("no-such-program-here",)),
    ):
        with pytest.raises(ConfigError):
            keys.fetch(ref, what="it")


def test_secret_is_never_shown() -> None:
    """Neither its repr, nor its text, nor a pickle, nor the settings around it give it away."""
    secret = Secret(FAKE_KEY)
    assert f"{secret} {secret!r} {[secret]}" == "*** *** [***]"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    found = read_settings(directory=Path(), environ={"K": FAKE_KEY}, user_file=Path("none"))
    assert FAKE_KEY not in repr(found)

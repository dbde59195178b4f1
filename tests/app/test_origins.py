"""Where settings come from, and how one line of an env file is written."""

from __future__ import annotations

import tempfile
from pathlib import Path
from string import printable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.domain.provider import SecretRef
from runner.errors import ConfigError
from runner.settings import Origin, OriginKind, origin_of, read_settings, write_env_file
from runner.settings.envfile import read_env_file, with_variable
from runner.settings.files import _merge
from runner.settings.origins import leaves, of_files

NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,5}", fullmatch=True)
VALUES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=20)
TREES = st.recursive(
    st.integers(0, 3),
    lambda inner: st.dictionaries(st.sampled_from(["a", "b", "url"]), inner, min_size=1, max_size=3),
    max_leaves=6,
)


def test_each_value_names_its_strongest_place(tmp_path: Path) -> None:
    """Flag, variable (the env file's too), the folder's file, the user's file; what nobody set is built in."""
    user = tmp_path / "user.toml"
    user.write_text('[run]\nin_flight = 1\nregion = "FR"\n[providers.defastra]\nconcurrency = { in_flight = 1 }\n')
    own = tmp_path / "runner.toml"
    own.write_text('[run]\nin_flight = 2\nrate = "1/s"\nenv_file = "keys.env"\n[providers.defastra]\npace = "sender"\n')
    (tmp_path / "keys.env").write_text("RUNNER_RATE=2/s\nRUNNER_IN_FLIGHT=9\n")
    settings = read_settings(
        directory=tmp_path, environ={"RUNNER_DB": "x.db", "RUNNER_IN_FLIGHT": ""}, env_file=None, user_file=user
    )

    def at(*keys: str) -> Origin:
        return origin_of(settings.origins, *keys)

    assert at("run", "region") == Origin(kind=OriginKind.USER_FILE, where=str(user), key="run.region")
    assert at("run", "env_file") == Origin(kind=OriginKind.FILE, where=str(own), key="run.env_file")
    assert at("run", "rate") == Origin(kind=OriginKind.ENVIRONMENT, where="RUNNER_RATE")
    assert (settings.run.in_flight, at("run", "in_flight").kind) == (9, OriginKind.ENVIRONMENT)
    assert at("run", "db").describe() == "environment variable RUNNER_DB"
    assert at("run", "max_wait").describe() == "built in"
    assert at("providers", "defastra", "concurrency", "in_flight").kind is OriginKind.USER_FILE
    assert at("providers", "defastra", "pace").kind is OriginKind.FILE
    flagged = read_settings(directory=tmp_path, environ={"RUNNER_DB": "x.db"}, database="y.db", user_file=user)
    assert origin_of(flagged.origins, "run", "db").describe() == "flag --db"


def test_a_named_config_is_the_folders_file(tmp_path: Path) -> None:
    """`--config` replaces both files, and is told as the one that was named."""
    named = tmp_path / "night.toml"
    named.write_text("[run]\nin_flight = 3\n")
    settings = read_settings(directory=tmp_path, environ={}, config=named)
    assert origin_of(settings.origins, "run", "in_flight").describe() == f"{named}: run.in_flight"


@given(st.dictionaries(st.sampled_from("xyz"), TREES), st.dictionaries(st.sampled_from("xyz"), TREES))
def test_origins_agree_with_what_wins(strong: dict, weak: dict) -> None:
    """For every value of the merged tables, the file named as its origin has that very value at that very place."""
    files = {"strong": strong, "weak": weak}
    origins = of_files([(Path(name), OriginKind.FILE, tables) for name, tables in files.items()])
    merged = _merge([strong, weak])
    del merged["run"]

    def look(tables: object, keys: tuple[str, ...]) -> object:
        for key in keys:
            assert isinstance(tables, dict)
            tables = tables[key]
        return tables

    assert set(origins) == set(leaves(merged))
    for keys in leaves(merged):
        assert look(files[origins[keys].where], keys) == look(merged, keys)


def test_a_variable_set_to_nothing_does_not_hide_the_env_files(tmp_path: Path) -> None:
    """`KEY=` in the shell is as good as unset; a value in the shell wins, and its place is told so."""
    (tmp_path / "keys.env").write_text("K=from-the-file\n")

    def found(environ: dict[str, str]) -> tuple[str, str]:
        keys = read_settings(directory=tmp_path, environ=environ, env_file="keys.env").keys
        return keys.fetch(SecretRef(env="K"), what="it").reveal(), keys.whereabouts(SecretRef(env="K"))

    inside = f"environment variable K: set, in {tmp_path / 'keys.env'}"
    assert found({"K": " "}) == found({}) == ("from-the-file", inside)
    assert found({"K": "shell"}) == ("shell", "environment variable K: set")


@given(st.lists(st.tuples(NAMES, VALUES), max_size=4), NAMES, VALUES)
def test_a_written_variable_is_read_again_and_others_stay(lines: list[tuple[str, str]], name: str, value: str) -> None:
    """Whatever the value, it comes back as it was; every other variable keeps its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "keys.env"
        for other, given in lines:
            write_env_file(path, other, given)
        before = read_env_file(path)[0] if lines else {}
        known = write_env_file(path, name, value)
        assert known == (name in before)
        assert read_env_file(path) == ({**before, name: value}, ())
        assert list(Path(folder).iterdir()) == [path]


def test_only_the_line_of_that_name_changes() -> None:
    """Comments, exports and blank lines stay; of a name that is there twice one line is left."""
    text = "# ours\nexport K=1\n\nKK=2\nK = 'old' # once more\nL=3"
    assert with_variable(text, "K", "a b") == ("# ours\nK='a b'\n\nKK=2\nL=3\n", True)
    assert with_variable("", "K", printable.strip()[:5]) == ("K=01234\n", False)


def test_an_env_file_that_cannot_be_read_or_written_is_left_as_it_is(tmp_path: Path) -> None:
    """A line that is no KEY=VALUE, or a folder in its place: ConfigError, and nothing changed; no value is shown."""
    path = tmp_path / "keys.env"
    path.write_text("what is this\n")
    with pytest.raises(ConfigError):
        write_env_file(path, "K", "not-real-123")
    assert path.read_text() == "what is this\n"
    with pytest.raises(ConfigError) as refused:
        write_env_file(tmp_path / "missing" / "keys.env", "K", "not-real-123")
    assert "not-real-123" not in f"{refused.value.what} {refused.value.why} {refused.value.fix}"


def test_a_link_to_an_env_file_stays_a_link(tmp_path: Path) -> None:
    """What it leads to is written, and is private afterwards."""
    real, link = tmp_path / "real.env", tmp_path / "link.env"
    real.write_text("A=1\n")
    link.symlink_to(real)
    write_env_file(link, "B", "2")
    assert link.is_symlink()
    assert real.read_text() == "A=1\nB=2\n"
    assert real.stat().st_mode & 0o777 == 0o600

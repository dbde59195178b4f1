"""Settings in variables: what is wrong is told by the variable's own name, and the fix can be pasted."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from runner.errors import ConfigError
from runner.settings import RunDefaults, Settings, read_settings
from runner.settings.variables import RIGHT, variable_of
from tests.cli.place import RUN, inside, write_list


def read(folder: Path, **environ: str) -> Settings:
    """The settings of a folder and these variables alone."""
    return read_settings(directory=folder, environ=environ, user_file=folder / "none.toml")


def test_a_wrong_variable_is_told_by_its_name(tmp_path: Path) -> None:
    """The message sends nobody to a file that is right, nor to a key that nobody wrote."""
    (tmp_path / "runner.toml").write_text("[run]\nin_flight = 2\n")
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, RUNNER_IN_FLIGHT="many")
    assert caught.value.what == "the environment has a mistake: RUNNER_IN_FLIGHT"
    assert caught.value.why.startswith("RUNNER_IN_FLIGHT: Input should be a valid integer")
    assert caught.value.fix == "export RUNNER_IN_FLIGHT=2   (or: unset RUNNER_IN_FLIGHT)"


def test_all_wrong_variables_are_told_at_once(tmp_path: Path) -> None:
    """Each with its name, what is wrong, and a form that is right."""
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, RUNNER_MAX_REQUESTS="x", RUNNER_WAIT="soon", RUNNER_RATE="1/s")
    assert caught.value.what == "the environment has 2 mistakes: RUNNER_MAX_REQUESTS and RUNNER_WAIT"
    assert [line.partition(":")[0] for line in caught.value.why.splitlines()] == ["RUNNER_MAX_REQUESTS", "RUNNER_WAIT"]
    assert len(caught.value.fix.splitlines()) == 2


def test_a_wrong_variable_of_an_env_file_is_told_with_its_file(tmp_path: Path) -> None:
    """To unset it would change nothing."""
    place = tmp_path / "keys.env"
    place.write_text("RUNNER_MAX_REQUESTS=x\n")
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, RUNNER_ENV_FILE=str(place))
    assert caught.value.what == f"the environment has a mistake: RUNNER_MAX_REQUESTS in {place}"
    assert caught.value.fix == f"put this into {place}:\nRUNNER_MAX_REQUESTS=500"


@pytest.mark.parametrize("key", sorted(set(RunDefaults.model_fields) - {"db", "env_file"}))  # these name files
def test_each_fix_works_when_it_is_pasted(tmp_path: Path, key: str) -> None:
    """A key that not every text is right for has a form that is, and with it the settings are read."""
    name = variable_of(key)
    try:
        read(tmp_path, **{name: "%no such value%" * 20})
    except ConfigError as error:
        _, assigned = shlex.split(error.fix.partition("   (or: ")[0])
        assert assigned == f"{name}={RIGHT[key]}"
        read(tmp_path, **dict([assigned.split("=", 1)]))
    else:
        assert key not in RIGHT


def test_the_command_line_names_the_variable(tmp_path: Path) -> None:
    """In three parts, before anything is made."""
    write_list(tmp_path, "ada@example.com")
    told = inside(tmp_path, *RUN, RUNNER_MAX_REQUESTS="12.5")
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.splitlines()[0] == "error: the environment has a mistake: RUNNER_MAX_REQUESTS"
    assert "  fix: export RUNNER_MAX_REQUESTS=500   (or: unset RUNNER_MAX_REQUESTS)" in told.stderr
    assert not (tmp_path / "runner.db").exists()

"""The next command reaches the same database with the same settings as the one that names it."""

import inspect
import json
import re
from pathlib import Path

import pytest

from runner.cli.main import build
from runner.cli.options import Common, common_in
from runner.work.aim import COMMANDS
from tests.cli.place import Provider, inside, names, write_list


@pytest.fixture
def elsewhere(folder: Path) -> list[str]:
    """Settings, keys and a database that no search finds."""
    (folder / "runner.toml").rename(folder / "ours.toml")
    (folder / "ours.env").write_text("DEFASTRA_API_KEY=test-key-not-real\n")
    (folder / "ours.env").chmod(0o600)
    write_list(folder, *names("kept", 3))
    return ["--config", "ours.toml", "--env-file", "ours.env", "--db", "ours.db"]


def test_every_next_command_says_where(folder: Path, elsewhere: list[str]) -> None:
    """check, run, status, pause and resume: pasted as it is, the command asks the same provider."""
    told = "--db ours.db --config ours.toml --env-file ours.env"
    checked = inside(folder, "check", "leads.csv", "-p", "defastra.email", *elsewhere)
    assert f"runner run leads.csv -p defastra.email {told}" in checked.stderr
    capped = inside(folder, "run", "leads.csv", "-p", "defastra.email", "--max-requests", "1", "--json", *elsewhere)
    command = json.loads(capped.stdout)["next"]["command"]
    assert command == f"runner run leads-defastra-email {told} --max-requests 2"
    again = inside(folder, *command.split()[1:])
    assert again.returncode == 5
    assert f"runner run leads {told} --max-requests 4" in again.stderr
    inside(folder, "pause", "leads", *elsewhere)
    status = json.loads(inside(folder, "status", "leads", "--json", *elsewhere).stdout)
    assert status["next"]["command"] == f"runner resume leads-defastra-email {told}"
    resumed = inside(folder, "resume", "leads", *elsewhere)
    assert f"runner run leads {told}" in resumed.stderr


ASKED = (
    "doubt resolve leads --row 99 --as charged",
    "doubt resolve leads --as charged",
    "doubt list nobody",
    "status nobody",
    "status nobody --json",
    "explain leads 99",
    "explain leads 1",
    "explain leads 2 --json",
    "retry leads --only failed:no-such",
    "resume leads",
    "check leads.csv -p defastra.nothing",
    "providers show nobody",
    "run leads leads",
    "doctor --offline --json",
)


def test_every_command_in_an_answer_says_where(folder: Path, provider: Provider, elsewhere: list[str]) -> None:
    """Fixes, what `explain` proposes, findings, JSON: no proposed command acts on another database."""
    provider.post("next", [{"manner": "drop"}])
    inside(folder, "run", "leads.csv", "-p", "defastra.email", "--in-flight", "1", "--max-requests", "2", *elsewhere)
    seen = 0
    for command in ASKED:
        told = inside(folder, *command.split(), *elsewhere)
        for proposed in re.findall(r"runner (?:doubt |providers )?[a-z]+ [^\n;`(]*", told.stdout + told.stderr):
            seen += 1
            assert [word for word in elsewhere if word not in proposed] == [], f"{command}: {proposed}"
    assert seen > len(ASKED) / 2


def test_all_commands_that_take_the_flags_are_known() -> None:
    """A new command is aimed too."""
    app, takes = build(), set()
    for name in [one for one in app if not one.startswith("-")]:
        inner = [f"{name} {one}" for one in app[name] if not one.startswith("-")]
        for path in inner or [name]:
            leaf = app
            for word in path.split():
                leaf = leaf[word]
            command = leaf.default_command
            assert command is not None
            if "common" in inspect.signature(command).parameters:
                takes.add(path)
    assert {path for path in takes if not re.fullmatch(COMMANDS, path)} == set()


@pytest.mark.parametrize(
    "typed", [["--db=a.db", "--config", "b.toml"], ["--config", "b.toml", "--db", "a.db", "--json"]]
)
def test_flags_of_a_wrong_command_are_read(typed: list[str]) -> None:
    """A command that could not be understood proposes one with its flags all the same."""
    assert common_in(["status", "--bogus", *typed]) == Common(db="a.db", config="b.toml")


def test_a_file_that_begins_like_an_option_is_one_again() -> None:
    """What `--db=-a.db` named is named to the next command so that it is no option there either."""
    common = common_in(["status", "--bogus", "--db=-a.db", "--config", "--env-file=./-a.env"])
    assert common.words() == ["--db", "./-a.db", "--env-file", "./-a.env"]


def test_a_password_is_not_repeated() -> None:
    """A refused URL is not proposed again."""
    assert common_in(["status", "--db", "postgresql://me:secret@host/db"]) == Common()

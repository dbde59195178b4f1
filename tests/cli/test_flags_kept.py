"""The next command reaches the same database with the same settings as the one that names it."""

import json
from pathlib import Path

import pytest

from tests.cli.place import inside, names, write_list


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

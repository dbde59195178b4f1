"""Three peers' odd habits as profiles of one's own, each from its public description, through the real command line."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from runner.providers.examples import check_examples
from runner.providers.loader import load_file
from tests.cli.place import inside, write_list
from tests.sandbox.process import Sandbox, sandbox

PEERS = Path(__file__).parent / "peers"
KEY = "peer-key-not-real-0123456789"


@pytest.fixture(scope="module")
def worlds() -> Iterator[dict[str, Sandbox]]:
    """A sandbox for each peer."""
    with (
        sandbox(PEERS / "neverbounce.toml", key=KEY) as neverbounce,
        sandbox(PEERS / "bounceler.toml", key=KEY) as bounceler,
        sandbox(PEERS / "hunter.toml", key=KEY) as hunter,
    ):
        yield {"neverbounce": neverbounce, "bounceler": bounceler, "hunter": hunter}


def settle(folder: Path, peer: str, world: Sandbox) -> str:
    """The peer's profile in the folder, its address turned to the sandbox; the environment variable of its key."""
    provider = load_file(PEERS / f"{peer}.toml")
    text = (PEERS / f"{peer}.toml").read_text().replace(f'"{provider.http.base_url}"', f'"{world.url}"')
    (folder / f"{peer}.toml").write_text(text)
    secret = provider.http.auth.secret
    assert secret is not None
    assert secret.env is not None
    return secret.env


@pytest.mark.parametrize("path", sorted(PEERS.glob("*.toml")), ids=lambda path: path.stem)
def test_a_peers_profile_is_right(path, tmp_path):
    """It loads, names the public pages its facts are from, and passes its own examples."""
    provider = load_file(path)
    assert all(page.startswith(("https://", "http://")) for page in provider.docs)
    assert provider.checked
    assert all(result.passed for result in check_examples(provider))
    done = inside(tmp_path, "providers", "test", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("each leads to the rule it names\n")


@pytest.mark.parametrize(
    ("peer", "operation", "rule", "exit_code", "state", "actions", "debited"),
    [
        ("neverbounce", "check", "throttled", 0, "succeeded", ["pause", "succeed"], ["no", "yes"]),
        ("neverbounce", "check", "auth-failure", 4, "queued", ["halt"], ["no"]),
        ("neverbounce", "check", "general-failure", 4, "queued", ["halt"], ["no"]),
        ("bounceler", "submit", "no-credits", 4, "queued", ["halt"], ["no"]),
        ("bounceler", "submit", "wrong-key", 4, "queued", ["halt"], ["no"]),
        ("hunter", "verify", "429", 4, "queued", ["halt"], ["no"]),
        ("hunter", "verify", "too-fast", 0, "succeeded", ["pause", "succeed"], ["no", "yes"]),
        ("hunter", "verify", "still-verifying", 0, "succeeded", ["retry", "succeed"], ["no", "yes"]),
        ("hunter", "verify", "may-not-be-processed", 3, "failed", ["fail"], ["no"]),
    ],
)
def test_a_habit_ends_as_its_page_says(
    worlds, tmp_path, peer, operation, rule, exit_code, state, actions, debited
):  # fmt: skip
    """Exit code, state, action, debited and sends, over real HTTP; then the same command goes on and is done."""
    world = worlds[peer]
    variable = settle(tmp_path, peer, world)
    write_list(tmp_path, f"{rule}@example.com")
    seen = len(world.ledger())
    world.next([{"rule": rule}])
    command = ("run", "leads.csv", "-p", f"./{peer}.toml:{operation}")
    done = inside(tmp_path, *command, "--json", "-q", **{variable: KEY})
    assert done.returncode == exit_code, done.stderr
    status = json.loads(done.stdout)
    assert status["outcomes"][state] == 1
    assert len(world.ledger()) - seen == status["attempts"] == len(actions)
    with closing(sqlite3.connect(tmp_path / "runner.db")) as database:
        attempts = database.execute("SELECT action, debited, rule FROM v_attempts ORDER BY attempt").fetchall()
    assert ([one[0] for one in attempts], [one[1] for one in attempts]) == (actions, debited)
    assert attempts[0][2] == rule
    if exit_code == 4:
        halt = status["halt"]
        assert (halt["provider"], halt["reason"]) == (peer, rule)
        assert halt["message"]
        again = inside(tmp_path, *command, "--json", "-q", **{variable: KEY})
        assert (again.returncode, json.loads(again.stdout)["outcomes"]["succeeded"]) == (0, 1)


def test_the_word_for_money_is_the_peers_own(worlds, tmp_path):
    """A wrong key halts with 402, an empty wallet with 405, and the screen says which it was."""
    variable = settle(tmp_path, "bounceler", worlds["bounceler"])
    write_list(tmp_path, "key@example.com")
    done = inside(tmp_path, "run", "leads.csv", "-p", "./bounceler.toml:submit", **{variable: "another-fake-key"})
    assert done.returncode == 4
    assert "wrong key" in done.stderr
    worlds["bounceler"].next([{"rule": "no-credits"}])
    done = inside(tmp_path, "run", "leads.csv", **{variable: KEY})
    assert done.returncode == 4
    assert "Buy credits" in done.stderr

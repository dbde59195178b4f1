"""Numbers that nothing can count: every flag refuses them, or works; none ends in a mistake of runner's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import runner
from runner.errors import BatchError, ConfigError, UsageError
from tests.cli.place import RUN, inside, names, write_list
from tests.cli.test_flag_words import typed

WORDS = ("99999999999999999999", "1e5000", "-1", "99999999999d", "200000000d", "9" * 5000, str(2**63 - 1), "0")
WRITTEN = frozenset({  # numbers that are read by a parser of ours
    *("--poll", "--max-spend", "--rate", "--reuse", "--max-wait", "--wait", "--max-failed", "--max-invalid", "--until"),
    *("--for", "--since", "--older-than", "--faults", "--price", "--row", "ROW"),
})  # fmt: skip
BASES = {
    "check": ("check", "leads.csv", "-p", "defastra.email"),
    "run": (*RUN, "--yes", "-o", "none", "-q"),
    "load": ("load", "leads.csv", "-p", "defastra.email"),
    "explain": ("explain", "old", "1"),
    "doubt resolve": ("doubt", "resolve", "old", "--as", "charged"),
    "export": ("export", "old", "-o", "out.csv", "--overwrite"),
    "init": ("init", "-p", "defastra.email"),
    "log": ("log",),
    "spend": ("spend",),
    "tune": ("tune", "old"),
    "sandbox": ("sandbox", "defastra"),
    "db purge": ("db", "purge", "--yes"),
}
BESIDE = {"run --poll": ("--follow", "--for", "0.01s")}


def is_number(hint: object) -> bool:
    """Whether a flag is declared as a whole number, alone or where it may be left out."""
    return hint is int or int in getattr(hint, "__args__", ())


def numeric() -> list[str]:
    """Every flag of every command behind which a number is typed."""
    found = [(flag, argument) for flag, argument in typed("7")]
    return [flag for flag, argument in found if is_number(argument.hint) or flag.rpartition(" ")[2] in WRITTEN]


@pytest.mark.parametrize("flag", numeric())
def test_a_number_that_nothing_can_count_is_no_mistake_of_runner(folder: Path, flag: str) -> None:
    """Refused in three parts with exit 2, or done: also by the commands that come after, if it was kept."""
    command, _, option = flag.rpartition(" ")
    base = BASES[command]
    write_list(folder, *names("huge", 2))
    write_list(folder, *names("huge", 2), name="old.csv")
    assert inside(folder, "run", "old.csv", "-p", "defastra.email", "--batch", "old", "-o", "none").returncode == 0
    for word in WORDS:
        given = ("explain", "old", word) if option == "ROW" else (*base, *BESIDE.get(flag, ()), f"{option}={word}")
        if command == "sandbox" and word == "0":
            continue  # serves until it is stopped
        told = inside(folder, *given)
        assert told.returncode != 1, (word[:30], told.stderr)
        assert "mistake in runner" not in told.stderr
        if told.returncode == 2:
            assert "fix: " in told.stderr, (word[:30], told.stderr)
    assert inside(folder, "status", "--json").returncode in {0, 2}
    assert inside(folder, "tune", "old", "--max-requests", "50").returncode in {0, 2}


def test_what_cannot_be_counted_is_refused_in_files_the_environment_and_the_library(folder: Path) -> None:
    """The same bounds wherever a number is written."""
    write_list(folder, *names("file", 1))
    assert inside(folder, *RUN).returncode == 0
    for name, word in (
        ("RUNNER_MAX_SPEND", "1e5000"),
        ("RUNNER_MAX_SPEND_PER_DAY", "1e5000"),
        ("RUNNER_MAX_REQUESTS", "9" * 20),
        ("RUNNER_IN_FLIGHT", "9" * 20),
        ("RUNNER_WAIT", "99999999999d"),
        ("RUNNER_MAX_WAIT", "99999999999d"),
    ):
        told = inside(folder, *RUN, **{name: word})
        assert (told.returncode, told.stdout) == (2, ""), name
    written = (folder / "runner.toml").read_text()
    for line in ("max_spend = 1e30", 'wait = "99999999999d"', f"max_requests = {'9' * 19}1", f"max_wait = {10**30}"):
        (folder / "runner.toml").write_text(f"{written}\n[run]\n{line}\n")
        assert inside(folder, *RUN).returncode == 2, line
    (folder / "runner.toml").write_text(written)
    with runner.open(folder / "runner.db", config=folder / "runner.toml") as library:
        with pytest.raises(ConfigError, match="too long"):
            library.purge("99999999999999d")
        with pytest.raises(ConfigError, match="too long"):
            library.purge(10**20)
        with pytest.raises(ConfigError, match="too much"):
            library.tune("leads", max_spend="1e5000")
        with pytest.raises(BatchError):
            library.resolve("leads", "charged", row=10**20)
        for huge in (10**20, 10**5000):
            with pytest.raises(ConfigError, match=r"too much|not an amount"):
                library.tune("leads", max_spend=huge)
            with pytest.raises(ConfigError, match=r"too long|not a duration"):
                library.purge(huge)
            with pytest.raises(UsageError, match="too much"):
                library.tune("leads", max_requests=huge)
            with pytest.raises(UsageError, match="too much"):
                library.log(limit=huge)
            with pytest.raises(UsageError):
                library.explain("leads", huge)


def test_the_most_that_can_be_counted_is_kept_and_shown(folder: Path) -> None:
    """A cap of all that the database holds, and the longest time: a run goes on with them."""
    write_list(folder, *names("most", 1))
    most = ("--max-spend", "9223372036854.775807", "--max-requests", str(2**63 - 1), "--for", "365000d")
    done = inside(folder, *RUN, *most, "--reuse", "365000d", "--wait", "365000d", "--max-wait", "365000d", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["state"] == "completed"
    again = inside(folder, "check", "leads.csv", *most[:4])
    assert again.returncode == 0, again.stderr

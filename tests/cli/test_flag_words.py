"""What is typed behind a flag is never taken for "not given": `none` and `null` are a word, or a mistake."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cyclopts import Argument, CycloptsError, Token

from runner.cli.main import build
from runner.errors import UsageError
from tests.cli.place import inside, write_list
from tests.docs.commands import commands

LOAD = ("load", "leads.csv", "-p", "defastra.email")


def typed(word: str) -> Iterator[tuple[str, Argument]]:
    """Every argument of every command, with this word given to it."""
    for words, app in commands(build()):
        for argument in app.assemble_argument_collection() if app.default_command is not None else ():
            if argument.show:
                name = argument.names[0]
                argument.append(Token(keyword=name if name.startswith("-") else None, value=word))
                yield f"{words} {name}", argument


def taken(argument: Argument, word: str) -> object:
    """What a command is told; the word itself where it is refused."""
    try:
        return argument.convert()
    except (CycloptsError, UsageError):
        return word


@pytest.mark.parametrize("word", ["none", "null", "None", "NULL"])
def test_no_flag_of_any_command_takes_a_word_for_nothing(word):
    """`--max-requests "$(jq .cap x)"` is no run without a cap: each flag hands the word on, or refuses it."""
    seen = {flag: taken(argument, word) for flag, argument in typed(word)}
    assert {"run --max-requests", "run --in-doubt", "run --yes", "log --limit", "sandbox --wallet"} <= set(seen)
    silent = [flag for flag, value in seen.items() if value is None or word.lower() not in str(value).lower()]
    assert silent == []


@pytest.mark.parametrize("word", ["none", "null", "2.7", "0x10", "1e3", "", "many"])
def test_a_cap_that_is_no_whole_number_is_refused(folder, word):
    """In three parts, before anything is read; 2.7 is not rounded to a cap that is higher."""
    write_list(folder, "ada@example.com")
    done = inside(folder, "run", "leads.csv", "-p", "defastra.email", f"--max-requests={word}", "--yes")
    assert done.returncode == 2
    first, why, fix = done.stderr.splitlines()
    assert first == f"error: --max-requests: not a whole number: {word!r}"
    assert why.startswith("  why: ")
    assert fix.startswith("  fix: --max-requests ")
    assert not (folder / "runner.db").exists()


def test_a_cap_is_not_taken_back_by_a_word(folder):
    """`tune --max-requests none` says so and leaves all as it was; what it proposes raises the cap."""
    write_list(folder, "ada@example.com")
    assert inside(folder, *LOAD).returncode == 0
    assert inside(folder, "tune", "leads", "--max-requests", "3").returncode == 0
    refused = inside(folder, "tune", "leads", "--rate", "6/min", "--max-requests", "none")
    assert refused.returncode == 2
    assert "--max-requests: not a whole number: 'none'" in refused.stderr
    assert "it is raised by a higher one, and not taken back" in refused.stderr
    fix = refused.stderr.splitlines()[2].removeprefix("  fix: ")
    raised = inside(folder, "tune", "leads", *fix.split())
    assert f"{fix} (was 3)" in raised.stderr
    assert "--rate" not in raised.stderr


def test_a_personal_value_in_the_wrong_place_is_shortened(folder):
    """Whoever mixes up the words of a command finds no address in a log."""
    done = inside(folder, "export", "leads", "-o", "out.csv", "--limit", "ada.lovelace@example.com")
    assert done.returncode == 2
    assert "not a whole number" in done.stderr
    assert "ada.lovelace" not in done.stderr


def test_a_cap_beyond_what_can_be_counted_is_refused(folder):
    """With the most that there is."""
    done = inside(folder, "log", "--limit", "9" * 20)
    assert done.returncode == 2
    assert done.stderr.splitlines()[:2] == [
        f"error: --limit is too much: {'9' * 20}",
        "  why: 9,223,372,036,854,775,807 is the most.",
    ]

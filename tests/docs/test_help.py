"""`--help`: what is seen first, a sentence for everything, and examples that can be typed."""

import re
import shlex

import pytest

from runner.cli.examples import EXAMPLES
from runner.cli.main import GROUPS, build
from tests.cli.place import inside
from tests.docs.commands import commands
from tests.docs.pages import ROOT

EVERY_DAY = ["check", "run", "status", "explain", "doubt", "export"]
COMMANDS = dict(commands(build()))


def shown(folder, *words: str) -> str:
    """What `runner WORDS --help` prints."""
    done = inside(folder, *words, "--help")
    assert done.returncode == 0
    return done.stdout


def test_the_six_of_every_day_come_first(tmp_path):
    """`runner --help` begins with them, in the order of a day; then every other command by its group."""
    text = shown(tmp_path)
    boxes = re.findall(r"^╭─ (.+?) ─", text, re.MULTILINE)
    assert boxes == [*GROUPS, "Common"]
    assert re.findall(r"^│ ([a-z]+) ", text, re.MULTILINE)[: len(EVERY_DAY)] == EVERY_DAY


def test_the_page_of_commands_begins_with_the_same_groups(tmp_path):
    """Each group of the page's overview has the commands that `--help` has in it, in that order."""
    overview = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8").split("\n## ", 1)[0]
    told = {
        group: list(dict.fromkeys(word.split()[0] for word in re.findall(r"\[`([^`]+)`\]", cells)))
        for group, cells in re.findall(r"^\| (\S.*?) \| (.+) \|$", overview, re.MULTILINE)
        if group != "---"
    }
    parts = re.split(r"^╭─ (.+?) ─.*$", shown(tmp_path), flags=re.MULTILINE)[1:]
    helped = {
        group: re.findall(r"^│ ([a-z]+) ", box, re.MULTILINE) for group, box in zip(*(iter(parts),) * 2, strict=True)
    }
    assert list(told.items()) == [(group, helped[group]) for group in GROUPS]


def test_every_command_and_option_has_a_sentence():
    """`--help` explains each, in a sentence with an end; no switch has a twin that nobody asked for."""
    bare = []
    for words, app in COMMANDS.items():
        if not (app.help or "").partition("\n")[0].endswith("."):
            bare.append(words)
        if app.default_command is None:
            continue
        for argument in app.assemble_argument_collection():
            if argument.show and not (argument.parameter.help or "").strip().endswith("."):
                bare.append(f"{words} {argument.names[0]}")
            bare += [f"{words} {name}" for name in argument.names if name.startswith(("--no-", "--empty-"))]
    assert [one for one in bare if not one.endswith(("--no-guard", "--no-header"))] == []


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_shows_examples_that_parse(words):
    """Its help has at least one; each is a call of that command, or of one behind it, with options that are there."""
    app = COMMANDS[words]
    shown = [line[2:] for line in (app.help or "").splitlines() if line.startswith("$ ")]
    assert shown == list(EXAMPLES[words]) != []
    for example in shown:
        typed, _, _ = example.partition(" > ")
        assert typed.startswith(f"runner {words}")
        command, _, rest, _ = build().parse_known_args(shlex.split(typed)[1:])
        assert (command is None, rest) == (False, [])


def test_no_example_is_of_a_command_that_is_gone():
    """The table of examples has the commands that there are, and no other."""
    assert set(EXAMPLES) == set(COMMANDS)

"""The page of commands against the real command tree: neither can change without the other."""

import re

import pytest

from tests.docs.commands import COMMON, real, sections, slug
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
COMMANDS = real()
SECTIONS = sections(PAGE)
BY_SLUG = {slug(heading): section for heading, section in SECTIONS.items()}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.words)
def test_a_command_has_a_section_with_its_options_and_an_example(command):
    """Headed by its words and arguments; its tables and the groups it refers to are its options; an example is run."""
    assert command.heading in SECTIONS, f"docs/commands.md needs a section: ### `{command.heading}`"
    section = SECTIONS[command.heading]
    told = section.options.union(*(BY_SLUG[anchor].options for anchor in section.shared))
    common = BY_SLUG[COMMON].options
    assert told in (command.options, command.options - common)
    assert (common <= command.options) or not (common & command.options)
    assert any(re.match(rf"runner {command.words}\b", example) for example in section.examples), "no example"


def test_the_page_describes_no_command_that_is_not_there():
    """Sections headed by code are those of real commands."""
    headed = re.findall(r"^### `(.+)`$", PAGE, re.MULTILINE)
    assert sorted(headed) == sorted(command.heading for command in COMMANDS)


def test_the_overview_leads_to_every_command():
    """The table at the top links each command to its section."""
    overview = PAGE.split("\n## ", 1)[0]
    links = dict(re.findall(r"\[`([^`]+)`\]\(#([^)]+)\)", overview))
    assert links == {command.words: slug(command.heading) for command in COMMANDS}


def test_no_option_is_named_that_does_not_exist():
    """Whatever looks like an option, anywhere on the page, is one."""
    options = {option for command in COMMANDS for option in command.options} | {"--help", "--version"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE)) <= options


def test_schedules_start_a_command_that_is_there():
    """Units, cron lines and what keeps a machine awake, which no test can run: each begins a run with real options."""
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    run = next(command for command in COMMANDS if command.words == "run")
    started = re.findall(
        r"(?:^ExecStart=\S*/|/bin/|^systemd-inhibit.* |^caffeinate -i )runner run (.*)$", text, re.MULTILINE
    )
    assert len(started) == 4
    for words in started:
        assert set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", words)) <= run.options

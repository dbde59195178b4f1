"""The command line as it is, and as its page describes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_origin

from cyclopts import App

from runner.cli.main import build
from tests.docs.pages import blocks
from tests.docs.pages import commands as steps

SHARED = ("input", "limits-of-yours", "output")
COMMON = "common"

_HEADING = re.compile(r"^(##+) (.+)$", re.MULTILINE)
_OPTION = re.compile(r"(?<![\w-])(--?[a-z][a-z-]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command: how its section is headed, and the options it takes."""

    words: str  # "doubt list"
    heading: str  # "doubt list [BATCH]"
    options: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the page, without the parts below it."""

    text: str

    @property
    def options(self) -> set[str]:
        """What the first column of its tables names."""
        cells = [line.split(" | ")[0] for line in self.text.splitlines() if line.startswith("| `")]
        return {option for cell in cells for option in _OPTION.findall(cell)}

    @property
    def shared(self) -> list[str]:
        """The groups of shared options that it refers to."""
        return [anchor for anchor in SHARED if f"](#{anchor})" in self.text]

    @property
    def examples(self) -> list[str]:
        """The commands of its console blocks."""
        return [step.command for block in blocks(self.text) if block.kind == "console" for step in steps(block)]


def commands(app: App, words: tuple[str, ...] = ()) -> Iterator[tuple[str, App]]:
    """Every command below `app` by its words."""
    for name in app:
        if not name.startswith("-"):
            yield " ".join((*words, name)), app[name]
            yield from commands(app[name], (*words, name))


def real() -> list[Command]:
    """Every command that does something, as the program has it."""
    found = []
    for words, app in commands(build()):
        if app.default_command is None:
            continue
        shown = [argument for argument in app.assemble_argument_collection() if argument.show]
        given = [
            _given(argument.names[0], argument.hint, required=argument.required)
            for argument in shown
            if not argument.names[0].startswith("-")
        ]
        options = frozenset(argument.names[0] for argument in shown if argument.names[0].startswith("-"))
        found.append(Command(words=words, heading=" ".join([words, *given]), options=options))
    return found


def _given(name: str, hint: object, *, required: bool) -> str:
    many = f"{name} ..." if get_origin(hint) is tuple else name
    return many if required else f"[{many}]"


def sections(page: str) -> dict[str, Section]:
    """The parts of a page by their heading, as written."""
    marks = list(_HEADING.finditer(page))
    ends = [*(mark.start() for mark in marks[1:]), len(page)]
    return {mark[2].strip("`"): Section(text=page[mark.end() : end]) for mark, end in zip(marks, ends, strict=True)}


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")

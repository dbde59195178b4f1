"""A planted bug as text: which words of which file read otherwise. Applied while a child process imports the runner;
no file is changed."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import NamedTuple

ROOT = Path(__file__).parents[3]


class Edit(NamedTuple):
    """`old` stands exactly once in the file; `new` is read in its place."""

    file: str  # "runner/engine/attempt.py"
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One bug: one or several edits that only make sense together."""

    name: str
    breaks: str  # the promise, in a few words
    edits: tuple[Edit, ...]
    rare: bool  # it takes dozens of nights, or more, until one notices


def mutant(name: str, breaks: str, *edits: tuple[str, str, str], rare: bool = False) -> Mutant:
    """For the lists: edits as (file below `runner`, old, new)."""
    read = tuple(Edit(f"runner/{file}", old, new) for file, old, new in edits)
    return Mutant(name=name, breaks=breaks, edits=read, rare=rare)


def patched(edits: Sequence[Edit], root: Path = ROOT) -> dict[str, str]:
    """The changed files' text by path. AssertionError for words that are not there exactly once: the code has moved on
    and the list has to follow."""
    texts: dict[str, str] = {}
    for edit in edits:
        text = texts.get(edit.file) or (root / edit.file).read_text("utf-8")
        found = text.count(edit.old)
        assert found == 1, f"{edit.file} has {found} times {edit.old!r}"
        texts[edit.file] = text.replace(edit.old, edit.new)
    return texts


def plant(mutant: Mutant) -> None:
    """From now on imports read the changed text. AssertionError if a module to be changed was imported before."""
    sources = {module_of(file): (ROOT / file, text) for file, text in patched(mutant.edits).items()}
    early = sources.keys() & sys.modules.keys()
    assert not early, f"imported before the bug was planted: {', '.join(sorted(early))}"
    sys.meta_path.insert(0, _Finder(sources))


def module_of(file: str) -> str:
    """`runner.engine.attempt` of `runner/engine/attempt.py`."""
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, sources: dict[str, tuple[Path, str]]) -> None:
        self._sources = sources

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self._sources:
            return None
        file, text = self._sources[fullname]
        loader = _Loader(fullname, str(file), text)
        return importlib.util.spec_from_file_location(fullname, file, loader=loader)


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles the changed text; never reads or writes cached byte code, which belongs to the real one."""

    def __init__(self, fullname: str, path: str, text: str) -> None:
        super().__init__(fullname, path)
        self._text = text

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self._text.encode(), self.path)

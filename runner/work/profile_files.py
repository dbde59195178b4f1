"""Which profile file is meant by a provider's name: one that `[run] operations` names, a command, or a batch."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from runner.errors import ConfigError, ProfileError, RunnerError
from runner.settings import Settings, at_home
from runner.work.named import is_there

EXTENDS: Final = "extends"
"""The key by which `[providers.NAME]` is a second account."""

OfBatches = Callable[[], Mapping[str, str]]
"""The profile files of the batches that are here, by provider name. StoreError."""


def no_batches() -> Mapping[str, str]:
    """Where no database is looked at."""
    return {}


class ProfileFiles:
    """Looks each file's name up once. What cannot be read has no name, and is told where it is used."""

    def __init__(self, settings: Settings, of_batches: OfBatches) -> None:
        self._settings = settings
        self._of_batches = of_batches
        self._names: dict[str, str] = {}  # by place
        self._learnt: dict[str, str] = {}  # places by name
        self._nameless: dict[str, None] = {}  # places that a command names

    def place(self, path: str) -> str:
        """Where a file is that a command or a setting names."""
        return str(self._settings.directory / at_home(path))

    def of_operations(self) -> list[str]:
        """The files of `[run] operations`, each once, there or not."""
        asked = (text.rpartition(":")[0] for text in self._settings.run.operations)
        return list(dict.fromkeys(self.place(path) for path in asked if path.endswith(".toml")))

    def of_settings(self) -> list[str]:
        """The files that runner.toml names: in `[run] operations`, by `extends`, or as `[providers.NAME]` finds one
        beside it. There or not, and whatever is in them."""
        from runner.providers.loader import looks_like_a_file, shipped_names

        tables = self._settings.providers
        bases = (str(table.get(EXTENDS, "")) for table in tables.values())
        beside = (self.place(f"{name}.toml") for name in tables if name not in shipped_names())
        return [*self.of_operations(), *(base for base in bases if looks_like_a_file(base)), *beside]

    def learn(self, place: str) -> None:
        """A command names this file: its name is no unknown one."""
        if name := self.name(place):
            self._learnt.setdefault(name, place)
        else:
            self._nameless[place] = None

    def find(self, name: str) -> str | None:
        """The file that is called so; of several the one of `[run] operations`, then of the command. The database is
        looked at last: few need it."""
        for place in self.of_operations():
            if self.name(place) == name:
                return place
        if name in self._learnt:
            return self._learnt[name]
        table = self._settings.providers.get(name)
        if table is None:
            return None
        if self.is_itself(name, table):
            return str(table[EXTENDS])
        beside = self.place(f"{name}.toml")  # as `[prices]` finds it
        return beside if self.name(beside) == name else self._of_batches().get(name)

    def trouble(self, name: str) -> ProfileError | None:
        """Why nobody knows this name, where a file that is meant by it may say none: it cannot be read, or is gone."""
        beside = self.place(f"{name}.toml")
        for place in (*self.of_operations(), *self._nameless, *([beside] if is_there(beside) else [])):
            if not self.name(place):
                return _error_of(place)
        return None

    def unknown(self, name: str, known: Collection[str]) -> ConfigError:
        """A table of `[providers]` that is of none of the `known`, nor of any file."""
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean `providers.{near[0]}`?" if near else 'a second account says extends = "..."'
        file = "" if near else ", a profile file of that name is known where [run] operations names it"
        return ConfigError(
            "the settings change a provider that nobody knows",
            why=f"providers.{name}: unknown; {hint}{file}",
            fix=f"edit {self._settings.files[0] if self._settings.files else 'runner.toml'}",
        )

    def is_itself(self, name: str, table: Mapping[str, Any]) -> bool:
        """Whether a table extends the file of its own name without a key of its own: no second account, but what
        changes that profile."""
        from runner.providers.loader import looks_like_a_file

        base, http = table.get(EXTENDS), table.get("http", {})
        if not isinstance(base, str) or not looks_like_a_file(base) or not isinstance(http, Mapping):
            return False
        return "auth" not in http and "base_url" not in http and self.name(base) == name

    def name(self, place: str) -> str:
        """What a file's profile is called; empty: it cannot be read, or says none."""
        if place not in self._names:
            from runner.providers.loader import read_source

            try:
                name = read_source(place).tables.get("name")
            except RunnerError:
                name = None
            self._names[place] = name if isinstance(name, str) else ""
        return self._names[place]


def _error_of(place: str) -> ProfileError | None:
    """What is wrong with a file that says no name."""
    from runner.providers.loader import load_file

    try:
        load_file(place)
    except ProfileError as error:
        return error
    return None

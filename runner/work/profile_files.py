"""Which profile file is meant by a provider's name: one that `[run] operations` names, a command, or a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from runner.errors import RunnerError
from runner.settings import Settings, at_home

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

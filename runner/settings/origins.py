"""Where each setting comes from: the question behind every "but I did set that"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

WHOLE: Final = frozenset({"secret", "url", "max_spend", "webhook", "apprise", "ping_url"})
"""Keys whose tables are one value: `{ env = ... }` of one file and `{ file = ... }` of another do not mix."""

KeyPath = tuple[str, ...]
"""The keys that lead to a value in a settings file: ("run", "max_wait")."""


class OriginKind(StrEnum):
    """The places, the strongest first."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    FILE = "file"  # the nearest runner.toml, or the one that --config names
    USER_FILE = "user-file"
    PROFILE = "profile"
    BUILT_IN = "built-in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One place. `where`: the flag, variable, file (with its `key`) or profile; empty for what is built in."""

    kind: OriginKind
    where: str = ""
    key: str = ""

    def describe(self) -> str:
        """For people: `flag --db`, `environment variable RUNNER_DB`, `runner.toml: run.db`, `built in`."""
        match self.kind:
            case OriginKind.FLAG:
                return f"flag {self.where}"
            case OriginKind.ENVIRONMENT:
                return f"environment variable {self.where}"
            case OriginKind.FILE | OriginKind.USER_FILE:
                return f"{self.where}: {self.key}"
            case OriginKind.PROFILE:
                return f"profile {self.where}"
            case OriginKind.BUILT_IN:
                return "built in"


BUILT_IN: Final = Origin(kind=OriginKind.BUILT_IN)


def of_files(files: Sequence[tuple[Path, OriginKind, Mapping[str, Any]]]) -> dict[KeyPath, Origin]:
    """Which file each value was taken from; the strongest file comes first."""
    origins: dict[KeyPath, Origin] = {}
    for path, kind, tables in reversed(files):
        for keys in leaves(tables):
            _forget(origins, keys)
            origins[keys] = Origin(kind=kind, where=str(path), key=".".join(keys))
    return origins


def leaves(tables: Mapping[str, Any], place: KeyPath = ()) -> Iterable[KeyPath]:
    """The keys of every value that one file can take from another as a whole."""
    for key, value in tables.items():
        if isinstance(value, Mapping) and key not in WHOLE:
            yield from leaves(value, (*place, key))
        else:
            yield (*place, key)


def origin_of(origins: Mapping[KeyPath, Origin], *keys: str, default: Origin = BUILT_IN) -> Origin:
    """The origin of a value, or of the table it lies in, or of the strongest of the values in it."""
    for end in range(len(keys), 0, -1):
        if (found := origins.get(keys[:end])) is not None:
            return found
    inside = [origin for path, origin in origins.items() if path[: len(keys)] == keys]
    order = list(OriginKind)
    return min(inside, key=lambda origin: order.index(origin.kind), default=default)


def _forget(origins: dict[KeyPath, Origin], keys: KeyPath) -> None:
    """A value takes the place of a weaker file's table, and a table that of a weaker file's value."""
    for known in [one for one in origins if one[: len(keys)] == keys or keys[: len(one)] == one]:
        del origins[known]

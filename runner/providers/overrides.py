"""`[providers.NAME]` of runner.toml laid over a profile: tables merge by key, everything else replaces."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from runner.providers.draft import list_at, table_at
from runner.providers.schema import AUTH_KINDS, BODY_KINDS, SECRET_KINDS


def lay_over(tables: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """A profile's tables under overrides. What the profile advises about its key names the place where the overrides
    keep it: a new key that is put where nobody looks mends nothing."""
    merged = apply_overrides(tables, overrides)
    before, after = _key_place(tables), _key_place(merged)
    rules = list_at(tables, "rules")
    if rules and "rules" not in overrides and before and after and before != after:
        there = re.compile(rf"(?<!\w){re.escape(before)}(?!\w)")
        merged["rules"] = [_advising(rule, there, after) for rule in rules]
    return merged


def _key_place(tables: Mapping[str, Any]) -> str | None:
    """Where the key is kept, as advice says it: `DEFASTRA_API_KEY`, `the file the.key`. Of a command its arguments
    stay out: somebody may have written the key there."""
    auth = table_at(table_at(tables, "http") or {}, "auth") or {}
    match auth.get("secret"):
        case {"env": str(name)}:
            return name
        case {"file": str(name)}:
            return f"the file {name}"
        case {"command": [str(program), *_]}:
            return f"the place that the command {program} reads"
        case _:
            return None


def _advising(rule: Any, there: re.Pattern[str], place: str) -> Any:
    match rule:
        case {"advice": str(advice)}:
            return rule | {"advice": there.sub(lambda _: place, advice)}
        case _:
            return rule


def apply_overrides(
    tables: Mapping[str, Any], overrides: Mapping[str, Any], place: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The merged tables; neither argument is changed. Whether the result is a profile is for the loader to say.

    `place` is where in the profile the tables stand. Where a table says one of several keys (a secret's place, the
    kind of auth, the kind of body), the one in the overrides takes the place of the profile's.
    """
    choice = _choice_at(place)
    dropped = choice - overrides.keys() if choice & overrides.keys() else frozenset()
    merged = {key: value for key, value in tables.items() if key not in dropped}
    for key, value in overrides.items():
        below = merged.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[key] = apply_overrides(below, value, (*place, key))
        else:
            merged[key] = value
    return merged


def _choice_at(place: tuple[str, ...]) -> frozenset[str]:
    match place:
        case ("http", "auth"):
            return frozenset(AUTH_KINDS)
        case ("http", "auth", "secret"):
            return frozenset(SECRET_KINDS)
        case ("operations", _):
            return frozenset(BODY_KINDS)
        case _:
            return frozenset()

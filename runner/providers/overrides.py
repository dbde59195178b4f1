"""`[providers.NAME]` of runner.toml laid over a profile: tables merge by key, everything else replaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.providers.schema import AUTH_KINDS, BODY_KINDS, SECRET_KINDS


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

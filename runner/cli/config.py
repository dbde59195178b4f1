"""`config show|path|schema`: what holds here, where it was said, and what could be."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from runner.cli.options import Common, Switch
from runner.cli.render import near, table
from runner.cli.terminal import Screen, json_text
from runner.cli.text import clean, duration

if TYPE_CHECKING:
    from runner.settings import Origin
    from runner.work.config import Place, Setting

_SECONDS = ("run.max_wait", "run.wait", ".timeout")
_SHARES = ("run.max_invalid", "run.max_failed")
_ROLES = {
    "flag": "flags",
    "environment": "variables",
    "file": "this folder",
    "user-file": "yours",
    "env-file": "keys from",
    "database": "database",
}


def show(
    *,
    json: Annotated[Switch, Parameter(help="One JSON object on one line.")] = False,
    common: Common | None = None,
) -> int:
    """Show every setting with its value and where it comes from. Of a key only where it is looked for."""
    screen = Screen()
    with (common or Common()).open() as library:
        settings = library.settings()
    if json:
        screen.json({"schema": 1, "settings": [_as_json(one) for one in settings]})
        return 0
    screen.data(settings_text(settings))
    return 0


def path(
    *,
    json: Annotated[Switch, Parameter(help="One JSON object on one line.")] = False,
    common: Common | None = None,
) -> int:
    """Show where settings are read, the strongest first, and where keys and the database are."""
    screen = Screen()
    with (common or Common()).open() as library:
        found = library.places()
    if json:
        places = [{"role": one.role, "path": one.path or None, "found": one.found} for one in found]
        screen.json({"schema": 1, "places": places})
    else:
        screen.data(table([(_ROLES[one.role], _place_text(one)) for one in found]))
    return 0


def schema(
    *,
    profile: Annotated[Switch, Parameter(help="The schema of a provider profile instead of runner.toml's.")] = False,
) -> int:
    """Print a JSON Schema of runner.toml, with which an editor completes and checks it."""
    from runner.work.schemas import profile_schema, settings_schema

    shown = profile_schema() if profile else settings_schema()
    Screen().data(json_text(shown, sys.stdout, indent=2))
    return 0


def settings_text(settings: Sequence[Setting]) -> str:
    """The settings table by table, as they stand in a file, each with its value and its origin."""
    rows: dict[str, list[tuple[str, str, str]]] = {}
    for one in settings:
        parts = one.name.split(".")
        depth = 2 if parts[0] == "providers" and len(parts) > 2 else 1
        head, key = ".".join(parts[:depth]), ".".join(parts[depth:])
        rows.setdefault(head, []).append((f"  {key}", value_text(one), origin_text(one.origin, one.name)))
    return "\n".join(f"[{head}]\n{table(lines)}" for head, lines in rows.items())


def value_text(setting: Setting) -> str:
    """A value as one would write it: `15m` as `15 min`, lists with commas, what is off as `-`."""
    value = setting.value
    if value is None or value == []:
        return "unknown" if setting.name.endswith(".price") else "-"
    if setting.name.endswith(_SECONDS):
        return duration(value)
    if setting.name in _SHARES:
        return f"{value:.0%}"
    if setting.name.endswith(".limits"):
        return ", ".join(f"{one['at_most']} in {duration(one['per_seconds'])}" for one in value)
    if isinstance(value, list):
        return clean(", ".join(map(str, value)))
    if setting.name in ("run.db", "run.env_file"):
        return near(Path(value))
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return clean(text.replace(f"{Path.cwd()}{os.sep}", ""))  # as one would type it here


def origin_text(origin: Origin, name: str) -> str:
    """Where a value comes from: a file's key is left out where it is the setting's name."""
    if not origin.key:
        return clean(origin.describe())
    file = near(Path(origin.where))
    plain = name.replace('"', "")
    return clean(file if f"{origin.key}.".startswith(f"{plain}.") else f"{file}: {origin.key}")


def _as_json(setting: Setting) -> dict[str, Any]:
    origin = setting.origin
    return {
        "name": setting.name,
        "value": setting.value,
        "origin": {"kind": origin.kind.value, "where": origin.where or None, "key": origin.key or None},
    }


def _place_text(place: Place) -> str:
    if not place.path:
        return "none"
    if place.role in ("flag", "environment"):
        return clean(place.path)
    missing = "" if place.found else "   (not there)"
    return clean(place.path) + missing

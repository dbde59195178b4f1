"""Settings in variables: `RUNNER_MAX_WAIT=15m` is `[run] max_wait`."""

from __future__ import annotations

import difflib
from collections.abc import Container, Mapping
from pathlib import Path
from shlex import quote
from typing import Final

from runner.errors import ConfigError
from runner.settings.tables import RunDefaults, wrong_defaults

PREFIX: Final = "RUNNER_"

RIGHT: Final[Mapping[str, str]] = {
    "region": "US",
    "delimiter": ";",
    "max_invalid": "50%",
    "max_spend": "12.5",
    "max_spend_per_day": "500",
    "max_requests": "500",
    "in_doubt": "hold",
    "rate": "30/min",
    "in_flight": "2",
    "max_wait": "15m",
    "max_failed": "10%",
    "wait": "2h",
    "http": "httpx",
}
"""A value in the form that each key must have, of those that not every text has."""


def variable_of(key: str) -> str:
    """The variable of a key of `[run]`."""
    return f"{PREFIX}{key.upper()}"


def from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """By key of `[run]`. ConfigError: a near miss, as an ignored cap would be an unlimited one."""
    known = {variable_of(name): name for name in RunDefaults.model_fields}
    others = {f"{PREFIX}CONFIG"}
    found: dict[str, str] = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable in others:
            continue
        if variable in known:
            found[known[variable]] = value
            continue
        near = difflib.get_close_matches(variable[len(PREFIX) :], [name[len(PREFIX) :] for name in known], 1, 0.8)
        if near:
            raise ConfigError(
                f"unknown variable {variable}",
                why=f"Did you mean {PREFIX}{near[0]}?",
                fix=f"unset {variable}; export {PREFIX}{near[0]}=...",
            )
    return found


def refuse_wrong(given: Mapping[str, str], *, env_file: Path | None, of_file: Container[str]) -> None:
    """ConfigError with every variable whose value cannot be. `of_file`: those that come from the `env_file`."""
    wrong = {variable_of(key): (key, why) for key, why in wrong_defaults(given).items()}
    if not wrong:
        return
    names = " and ".join(f"{name} in {env_file}" if name in of_file else name for name in wrong)
    noun = "a mistake" if len(wrong) == 1 else f"{len(wrong)} mistakes"
    raise ConfigError(
        f"the environment has {noun}: {names}",
        why="\n".join(f"{name}: {why}" for name, (_, why) in wrong.items()),
        fix="\n".join(
            f"put this into {env_file}:\n{name}={RIGHT[key]}" if name in of_file else _set(name, RIGHT[key])
            for name, (key, _) in wrong.items()
        ),
    )


def _set(name: str, value: str) -> str:
    return f"export {name}={quote(value)}   (or: unset {name})"

"""Where settings are found and which wins: flag, environment (`RUNNER_...`), nearest runner.toml, the user's file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Any

from runner.domain.model import Amount
from runner.domain.typed import PLACE_FLAGS
from runner.errors import ConfigError
from runner.settings.envfile import read_env_file
from runner.settings.home import at_home
from runner.settings.keys import Keys, Secret
from runner.settings.notify import NotifySettings
from runner.settings.origins import WHOLE, KeyPath, Origin, OriginKind, of_files
from runner.settings.quantities import Price, parse_amount
from runner.settings.sources import new_source
from runner.settings.tables import DAILY, RunDefaults, SettingsTable, SourceSettings, check
from runner.settings.variables import PREFIX, from_environment, refuse_wrong, variable_of

FILE_NAME = "runner.toml"
DATABASE_NAME = "runner.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What holds for one Runner. Paths are absolute; no secret is in here, only `keys`, which looks them up."""

    directory: Path
    database: Path
    run: RunDefaults
    sources: Mapping[str, SourceSettings]
    prices: Mapping[str, Price]  # `[prices]`, by "PROVIDER.UNIT"; `runner.work.money` holds them to the profiles
    providers: Mapping[str, Mapping[str, Any]]  # `[providers.NAME]`, merged over the files, for the profile loader
    notify: NotifySettings  # who is told when a batch ended, halted, or waits
    daily: Mapping[str, Amount]  # `max_spend_per_day` of `[providers.NAME]`, in millionths of the provider's unit
    keys: Keys = field(repr=False)
    files: tuple[Path, ...]  # the settings files that were read, the strongest first
    env_file: Path | None  # the named file of variables, if there is one
    origins: Mapping[KeyPath, Origin]  # of what is set anywhere; everything else is built in, or the profile's
    notices: tuple[str, ...]
    flags: tuple[
        str, ...
    ] = ()  # those of the command line that every next command needs too: --db, --config, --env-file

    @property
    def typed(self) -> str:
        """The flags as one types them behind a batch's name: "" or " --db other.db"."""
        return "".join(f" {quote(word)}" for word in self.flags)

    def daily_cap(self, provider: str) -> Amount | None:
        """What an account may spend in a UTC day over all batches, in millionths of its unit; None: without end."""
        if provider in self.daily or self.run.max_spend_per_day is None:
            return self.daily.get(provider)
        return parse_amount(self.run.max_spend_per_day, name=f"[run] {DAILY}")

    def source_url(self, name_or_url: str) -> Secret:
        """The URL of `--source`: of a `[sources.NAME]`, or itself. ConfigError: unknown name."""
        source = self.sources.get(name_or_url)
        if source is None:
            if ":" in name_or_url:
                return Secret(name_or_url)
            raise ConfigError(
                f"no source {name_or_url!r}",
                why=f"The settings know {', '.join(sorted(self.sources)) or 'none'}.",
                fix=new_source(name_or_url, self.sources),
            )
        if isinstance(source.url, str):
            return Secret(source.url)
        return self.keys.fetch(source.url.ref(), what=f"the URL of the source {name_or_url}")


def read_settings(
    *,
    directory: Path,
    environ: Mapping[str, str],
    database: str | Path | None = None,
    config: str | Path | None = None,
    env_file: str | Path | None = None,
    user_file: Path | None = None,
) -> Settings:
    """Read every place and settle which wins. `database`, `config`, `env_file` are flags; `directory` is where to look.

    ConfigError: a file that cannot be read, an unknown key, a wrong value; all mistakes of one file at once.
    """
    directory = directory.absolute()
    flags = dict(zip(PLACE_FLAGS, (database, config, env_file), strict=True))
    nearest = _nearest(directory)
    config = config or environ.get(f"{PREFIX}CONFIG")
    files = _named(directory / at_home(config)) if config else _found(nearest, user_file)
    tables = [_read_toml(path) for path in files]
    merged = _merge(tables)
    named = env_file or environ.get(f"{PREFIX}ENV_FILE") or merged["run"].get("env_file")
    env_path = directory / at_home(named) if named else None
    variables, notices = read_env_file(env_path) if env_path else ({}, ())
    # A variable that is set to nothing is as good as unset: it does not hide the env file's.
    hidden = {name for name in variables if environ.get(name, "").strip()}
    given = {name: value for name, value in variables.items() if name not in hidden}
    if given:  # else the caller's mapping itself: what it says later counts too
        environ = {**environ, **given}
    set_here = from_environment(environ)
    refuse_wrong(set_here, env_file=env_path, of_file=given)
    merged["run"].update(set_here)
    table: SettingsTable = check(SettingsTable, merged, where="the settings")  # each place was checked alone
    chosen = database or table.run.db
    home = nearest.parent if nearest else directory
    place = directory / at_home(chosen) if chosen else home / DATABASE_NAME
    _check_place(place)
    return Settings(
        directory=directory,
        database=place,
        run=table.run,
        sources=table.sources,
        prices=table.prices,
        notify=table.notify,
        providers={name: _without_daily(one) for name, one in table.providers.items()},
        daily={
            name: parse_amount(one[DAILY], name=f"[providers.{name}] {DAILY}")
            for name, one in table.providers.items()
            if DAILY in one
        },
        keys=Keys(environ, directory=home, env_file=env_path, from_env_file=given.keys()),
        files=files,
        env_file=env_path,
        origins=_origins(
            list(zip(files, tables, strict=True)),
            own=nearest if not config else files[0],
            environ=environ,
            flags={"db": database, "env_file": env_file},
        ),
        notices=notices,
        flags=tuple(word for flag, value in flags.items() if value for word in (flag, str(value))),
    )


def _without_daily(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key != DAILY}


def _origins(
    files: list[tuple[Path, dict[str, Any]]],
    *,
    own: Path | None,
    environ: Mapping[str, str],
    flags: Mapping[str, str | Path | None],
) -> dict[KeyPath, Origin]:
    """Where each value comes from; `own` is the file that is not the user's, `flags` are by the key they override."""
    kinds = {path: OriginKind.FILE if path == own else OriginKind.USER_FILE for path, _ in files}
    origins = of_files([(path, kinds[path], tables) for path, tables in files])
    for key in from_environment(environ):
        origins["run", key] = Origin(kind=OriginKind.ENVIRONMENT, where=variable_of(key))
    for key, value in flags.items():
        if value:
            origins["run", key] = Origin(kind=OriginKind.FLAG, where=f"--{key.replace('_', '-')}")
    return origins


def user_settings_file() -> Path:
    """The user's own file, for what holds in every folder."""
    import platformdirs

    return platformdirs.user_config_path("runner", appauthor=False) / FILE_NAME


def _check_place(database: Path) -> None:
    try:
        is_folder = database.is_dir()
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ConfigError(
            "the database cannot be reached", why=f"{database}: {why}.", fix="--db ANOTHER-FILE"
        ) from error
    if is_folder:
        database /= DATABASE_NAME
        raise ConfigError(f"{database.parent} is a folder", why="A database is one file.", fix=f"--db {database}")


def _nearest(directory: Path) -> Path | None:
    candidates = (folder / FILE_NAME for folder in (directory, *directory.parents))
    return next((path for path in candidates if path.is_file()), None)


def _named(path: Path) -> tuple[Path, ...]:
    if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises where a name is too long
        raise ConfigError(
            f"no settings file {path}", why="--config names it.", fix=f"--config FILE, with one of: ls {path.parent}"
        )
    return (path,)


def _found(nearest: Path | None, user_file: Path | None) -> tuple[Path, ...]:
    mine = user_file or user_settings_file()
    return tuple(path for path in (nearest, mine) if path is not None and path.is_file())


def _read_toml(path: Path) -> dict[str, Any]:
    """One file, checked alone so that a mistake is told with its own name; paths inside made absolute."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else f"It is not TOML: {error}."
        raise ConfigError(f"{path} cannot be read", why=why or type(error).__name__, fix=f"edit {path}") from error
    check(SettingsTable, values, where=str(path))
    run = values.get("run", {})
    for key in ("db", "env_file"):
        if key in run:
            run[key] = str(path.parent / at_home(run[key]))
    if program := values.get("notify", {}).get("command"):
        program[0] = _beside(path, program[0])
    for provider in values.get("providers", {}).values():
        base = provider.get("extends")
        if isinstance(base, str):
            provider["extends"] = _beside(path, base)
    return values


def _beside(file: Path, name: str) -> str:
    """A path in a settings file counts from that file; what is no path (a provider, a program) stays as it is."""
    is_path = name.endswith(".toml") or "/" in name or os.sep in name  # `./x` too, which a Path shortens
    return str(file.parent / at_home(name)) if is_path else name


def _merge(tables: list[dict[str, Any]]) -> dict[str, Any]:
    """The strongest table first: tables merge by key, everything else is taken from the strongest that has it."""
    merged: dict[str, Any] = {"run": {}}
    for table in reversed(tables):
        merged = _over(table, merged)
    return merged


def _over(strong: Mapping[str, Any], weak: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(weak)
    for key, value in strong.items():
        below = weak.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping) and key not in WHOLE:
            both[key] = _over(value, below)
        else:
            both[key] = value
    return both

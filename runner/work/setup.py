"""What `init` writes: runner.toml, the key's line in a private .env, and both kept out of version control."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from runner.domain.provider import Operation, Provider, SecretRef
from runner.domain.typed import toml_text
from runner.errors import ConfigError
from runner.settings import FILE_NAME, Price, Secret, write_env_file
from runner.work.money import plural

ENV_FILE: Final = ".env"
PRIVATE: Final = (ENV_FILE, "runner.db*")
"""What must not go into version control: the key, and a database that holds people's addresses."""

_PLAIN: Final = re.compile(r"^\s*base_url\s*=\s*[\"']http://", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a person decided. `key` is written into .env; without one the key is elsewhere, in `key_env` if named."""

    provider: Provider
    operations: tuple[str, ...]  # as `-p` takes them
    key: Secret | None = None
    key_env: str | None = None  # a variable that takes the place of the profile's
    prices: tuple[tuple[str, Price], ...] = ()  # by "PROVIDER.UNIT"
    region: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One file that was written, and what is in it now, for people."""

    path: Path
    text: str


def refuse_existing(folder: Path, *, command: str = "runner init") -> None:
    """ConfigError if the folder has settings already: nothing of anybody's is overwritten. `command`: what was typed,
    for the fix."""
    path = folder / FILE_NAME
    if path.exists() or path.is_symlink():
        begin = f"begin anew: mv {FILE_NAME} {FILE_NAME}.old && {command}"
        if _leads_to_this_machine(path):  # the database beside it holds what a sandbox made up
            begin = f"give your lists a folder of their own: mkdir lists && cd lists && {command}"
        raise ConfigError(
            f"{FILE_NAME} is here already",
            why="init writes a new one and never changes one that is there; `runner config show` says what it sets",
            fix=f"edit {FILE_NAME}, or {begin}",
        )


def _leads_to_this_machine(path: Path) -> bool:
    """Whether an address in the settings is without TLS, which no other machine's may be."""
    try:
        return _PLAIN.search(path.read_text(encoding="utf-8")) is not None
    except (OSError, UnicodeDecodeError):
        return False


def secret_variable(provider: Provider) -> str | None:
    """The environment variable of a provider's key; None where it needs none or finds it by other means."""
    secret = provider.http.auth.secret
    return secret.env if secret is not None else None


def units(operations: Iterable[Operation]) -> list[str]:
    """The units that are paid for, each once; what the profile says is free costs nothing."""
    return list(dict.fromkeys(operation.unit for operation in operations if operation.hold or operation.price is None))


def set_up(setup: Setup, folder: Path) -> list[Change]:
    """Write everything; what was written, in order. ConfigError: runner.toml is there, or a file cannot be written.

    The settings come last: if anything before them fails, the same command can be given again.
    """
    refuse_existing(folder)
    variable = secret_variable(setup.provider)
    changes = _ignore(folder, PRIVATE if setup.key is not None else PRIVATE[1:])
    if setup.key is not None and variable is not None:
        known = write_env_file(folder / ENV_FILE, variable, setup.key.reveal())
        verb = f"{variable} replaced" if known else variable
        changes.append(Change(path=folder / ENV_FILE, text=f"{verb}; only you can read it"))
    path = folder / FILE_NAME
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(settings_text(setup))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written",
            why=error.strerror or type(error).__name__,
            fix="cd to a folder of your own, then: runner init",
        ) from error
    return [*changes, Change(path=path, text=f"asks {', '.join(setup.operations)}")]


def settings_text(setup: Setup) -> str:
    """The text of runner.toml."""
    lines = [
        "# What holds now, and from where: runner config show",
        "",
        "[run]",
        f"operations = [{', '.join(map(toml_text, setup.operations))}]",
    ]
    if setup.key is not None:
        lines.append(_noted(f"env_file = {toml_text(ENV_FILE)}", "the key is in there"))
    if setup.region:
        lines.append(_noted(f"region = {toml_text(setup.region)}", "of phone numbers without a +"))
    lines.append(_noted("# max_requests = 500", "a cap for each batch, over its whole life"))
    if all(operation.hold for operation in setup.provider.operations.values()):
        lines.append(_noted("# max_spend_per_day = 500", f"in {_units(setup.provider)}, over all batches"))
    if setup.prices:
        lines += ["", "[prices]"]
        lines += [
            f"{toml_text(name)} = {toml_text(f'{price.amount} {price.currency}')}" for name, price in setup.prices
        ]
    if setup.key_env and SecretRef(env=setup.key_env) != setup.provider.http.auth.secret:
        lines += ["", f"[providers.{setup.provider.name}.http]"]
        lines += [f"auth = {{ secret = {{ env = {toml_text(setup.key_env)} }} }}"]
    return "\n".join([*lines, ""])


def _units(provider: Provider) -> str:
    return " and ".join(plural(unit, 2) for unit in units(provider.operations.values()))


def _noted(setting: str, note: str) -> str:
    return f"{setting:<32}# {note}"


def _ignore(folder: Path, names: Sequence[str]) -> list[Change]:
    """Add names to .gitignore where a repository, or such a file, is here already."""
    path = folder / ".gitignore"
    root = next((place for place in (folder, *folder.parents) if (place / ".git").exists()), None)
    if root is None and not path.is_file():
        return []
    try:
        known = {line.strip().lstrip("/") for one in {folder, root or folder} for line in _lines(one / ".gitignore")}
        missing = [name for name in names if name not in known]
        if not missing:
            return []
        own = _lines(path)
        with path.open("a", encoding="utf-8") as file:
            file.write("\n" if own and not path.read_bytes().endswith(b"\n") else "")
            file.writelines(f"{name}\n" for name in missing)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be written",
            why=(error.strerror if isinstance(error, OSError) else None) or "it is not UTF-8 text",
            fix=f"add these lines to it yourself, then: runner init   ({' and '.join(names)})",
        ) from error
    return [Change(path=path, text=f"{' and '.join(missing)} added: keys and addresses stay out of the repository")]


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def lists_in(folder: Path) -> list[str]:
    """The names of the CSV files here, sorted."""
    return sorted(path.name for path in folder.iterdir() if path.suffix.lower() == ".csv" and path.is_file())

"""Secrets by name. A value is looked up when it is needed, wrapped so that it cannot be shown, and never stored."""

from __future__ import annotations

import difflib
import os
import re
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NoReturn

from runner.domain.provider import Auth, Provider, SecretRef
from runner.errors import ConfigError
from runner.settings.home import at_home

_COMMAND_SECONDS = 30.0


class Secret:
    """A value that only `reveal()` gives away: not its repr, not its str, not a pickle of it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not copied or stored")


class Keys:
    """Looks secrets up in the environment, in files beside the settings, or by a command."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        directory: Path,
        env_file: Path | None = None,
        from_env_file: Collection[str] = (),
    ) -> None:
        """`environ`: variables, an env file's included; `from_env_file` are the names that `env_file` alone gives.
        `directory`: what a relative `{ file }` starts from."""
        self._environ = environ
        self._directory = directory
        self._env_file = env_file
        self._from_env_file = frozenset(from_env_file)
        self._fetched: dict[SecretRef, Secret] = {}  # a command may ask its user something: it is run once
        self._asked: set[str] = set()  # variables a key was read from: commands that run later are not handed them

    def of(self, provider: Provider) -> Secret | None:
        """The key of a provider; None where it needs none. ConfigError: missing, unreadable or of the wrong shape."""
        auth = provider.http.auth
        if auth.secret is None:
            return None
        value = self._read(auth.secret, f"the key of {provider.title}")
        _check_shape(value, auth, provider)
        return Secret(value)

    def fetch(self, ref: SecretRef, *, what: str) -> Secret:
        """Any secret, such as a source's URL. `what` names it in messages: "the URL of the source crm"."""
        return Secret(self._read(ref, what))

    def present(self, provider: Provider) -> ConfigError | None:
        """Why the key cannot be used, or None when it can."""
        try:
            self.of(provider)
        except ConfigError as error:
            return error
        return None

    def whereabouts(self, ref: SecretRef) -> str:
        """Where a secret is found and whether it is there: `environment variable K: set, in .env`. Runs no command."""
        if ref.env:
            state = "set" if self.is_set(ref.env) else "not set"
            place = f", in {self._env_file}" if ref.env in self._from_env_file else ""
            return f"environment variable {ref.env}: {state}{place}"
        if ref.file:
            path = self.file(ref.file)
            return f"file {path}: {'there' if path.is_file() else 'missing'}"
        return f"command {(ref.command or ('?',))[0]}: asked when it is needed"

    def is_set(self, variable: str) -> bool:
        """Whether an environment variable holds anything, be it from the env file."""
        return bool(self._environ.get(variable, "").strip())

    def environment(self, *, hide: Collection[str]) -> dict[str, str]:
        """This process's variables for another program, without those in `hide` and those a secret was read from."""
        return _environment(self._asked | set(hide))

    def file(self, name: str) -> Path:
        """The path that `{ file = NAME }` means."""
        return self._directory / at_home(name)

    def _read(self, ref: SecretRef, what: str) -> str:
        if ref.env:
            value = self._environ.get(ref.env, "")
            self._asked.add(ref.env)
        elif ref.file:
            value = self._from_file(ref.file, what)
        else:
            if ref not in self._fetched:
                self._fetched[ref] = Secret(_from_command(ref.command or (), what, hide=self._asked))
            value = self._fetched[ref].reveal()
        value = value.strip()
        if not value:
            raise ConfigError(f"{what} is missing", why=self._why_missing(ref), fix=_fix(ref))
        if not value.isprintable():
            raise ConfigError(f"{what} contains control characters", why=f"Read from {ref.describe()}.", fix=_fix(ref))
        return value

    def _from_file(self, name: str, what: str) -> str:
        path = self.file(name)
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "It is not UTF-8 text."
            raise ConfigError(
                f"{what} cannot be read from {path}",
                why=why or type(error).__name__,
                fix=f"ls -l {path.parent}   (is it there, and may you read it?)",
            ) from error

    def _why_missing(self, ref: SecretRef) -> str:
        if ref.env:
            near = difflib.get_close_matches(ref.env, [name for name in self._environ if name != ref.env], 1, 0.85)
            hint = f" {near[0]} is set: a misspelling?" if near else ""
            return f"The environment variable {ref.env} is not set.{hint}"
        return f"It is looked for in {ref.describe()}, which is empty."


def _from_command(command: tuple[str, ...], what: str, *, hide: Collection[str]) -> str:
    if not command:
        raise ConfigError(
            f"{what}: the command is empty",
            why="It is to be the first line that a program prints.",
            fix='secret = { command = ["pass", "show", "defastra"] }',
        )
    try:
        # The command is the user's own, from their settings; it runs without a shell.
        done = subprocess.run(  # noqa: S603
            command,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
            env=_environment(hide),
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError) as error:
        # Not from the error: it holds what the program has printed.
        raise ConfigError(
            f"{what} cannot be fetched", why=f"{command[0]} {_failure(error)}.", fix=_by_hand(command)
        ) from None
    if done.returncode != 0:
        why = f"{command[0]} ended with {done.returncode}."
        raise ConfigError(f"{what} cannot be fetched", why=why, fix=_by_hand(command))
    # Password stores keep more than the key in an entry: its first line is the key.
    return done.stdout.strip().partition("\n")[0]


def _environment(hide: Collection[str]) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in hide}


def _failure(error: OSError | subprocess.TimeoutExpired | UnicodeDecodeError) -> str:
    match error:
        case subprocess.TimeoutExpired():
            return f"did not end within {_COMMAND_SECONDS:g} s"
        case UnicodeDecodeError():
            return "printed something that is not UTF-8 text"
        case _:
            return f"could not be started: {error.strerror or type(error).__name__}"


def _by_hand(command: tuple[str, ...]) -> str:
    # Its arguments are not shown: somebody may have written the key there.
    return f"run {command[0]} by hand with the arguments that the settings name: its first line is to be the key"


def has_shape(value: str, auth: Auth) -> bool:
    """Whether a key looks like one of this provider: printable, and of the shape that its profile says."""
    return value.isprintable() and (auth.pattern is None or re.search(auth.pattern, value) is not None)


def _check_shape(value: str, auth: Auth, provider: Provider) -> None:
    if has_shape(value, auth):
        return
    ref = auth.secret or SecretRef()
    raise ConfigError(
        f"the key of {provider.title} does not look like one",
        why=f"It is read from {ref.describe()} and does not have the shape {auth.pattern}; nothing was sent.",
        fix=_fix(ref),
    )


def _fix(ref: SecretRef) -> str:
    if ref.env:
        return f"set {ref.env}=..." if os.name == "nt" else f"export {ref.env}=..."
    if ref.file:
        return f"write the key into {ref.file}"
    return _by_hand(ref.command or ("the command",))

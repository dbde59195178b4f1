"""Which providers and operations there are here: shipped profiles under the settings' overrides, and profile files."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from shlex import quote
from typing import TYPE_CHECKING, Any

from runner.domain.provider import Operation, Provider
from runner.domain.typed import as_file
from runner.errors import ConfigError, ProfileError, RunnerError, UsageError
from runner.settings import Settings, at_home

if TYPE_CHECKING:
    from runner.providers.trial import Trial


class Profiles:
    """Reads each profile once. ProfileError when one is wrong, ConfigError for overrides of a provider nobody knows."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._read: dict[str, Provider] = {}

    def names(self) -> list[str]:
        """Every provider that can be named without a file, sorted."""
        from runner.providers.loader import shipped_names

        return sorted({*shipped_names(), *self._settings.providers})

    def provider(self, name: str) -> Provider:
        """By name, or by the path of a profile file."""
        if name not in self._read:
            self._read[name] = self._load(name)
        return self._read[name]

    def operations(self, texts: Iterable[str]) -> tuple[dict[str, Operation], dict[str, str]]:
        """The operations of "defastra.email" or "./mine.toml:check", by key and sorted; and the files of those that
        come from one, by provider name. UsageError: none, or no such operation.
        """
        found: dict[str, Operation] = {}
        files: dict[str, str] = {}
        places: dict[str, str] = {}
        for text in texts:
            name, wanted = self._split(text)
            place = str(self._settings.directory / at_home(name)) if name.endswith(".toml") else name
            provider = self.provider(place)
            if places.setdefault(provider.name, place) != place:
                raise UsageError(
                    f"two providers are called {provider.name}",
                    why=f"{provider.source} is not the one named before; columns and accounts go by that name.",
                    fix='edit one of the profiles: name = "another"',
                )
            operation = provider.operations.get(wanted)
            if operation is None:
                near = _near(wanted, provider)
                key = quote(f"{as_file(name)}:{near}") if name.endswith(".toml") else f"{provider.name}.{near}"
                raise _no_operation(provider, wanted, fix=f"-p {key}")
            if name.endswith(".toml"):
                files[provider.name] = place
            found[operation.key] = operation
        return {key: found[key] for key in sorted(found)}, files

    def of_batch(self, operations: Iterable[str], source: Mapping[str, Any]) -> dict[str, Operation]:
        """The operations that a batch was loaded for, in its order; `source` is the batch's, with its profile files."""
        files: Mapping[str, str] = source.get("profiles", {})
        result: dict[str, Operation] = {}
        for key in operations:
            name, _, wanted = key.partition(".")
            provider = self.provider(files.get(name, name))
            if wanted not in provider.operations:
                back = f"edit {files.get(name)}, and put [operations.{wanted}] back"
                fix = back if name in files else f"-p {name}.{_near(wanted, provider)}"
                raise _no_operation(provider, wanted, fix=fix)
            result[key] = provider.operations[wanted]
        return result

    def by_provider(self, operations: Mapping[str, Operation], source: Mapping[str, Any]) -> dict[str, Provider]:
        """The providers of these operations, by name."""
        files: Mapping[str, str] = source.get("profiles", {})
        names = dict.fromkeys(operation.provider for operation in operations.values())
        return {name: self.provider(files.get(name, name)) for name in names}

    def asked_now(self, operations: Mapping[str, Operation], source: Mapping[str, Any]) -> dict[str, str]:
        """What makes the requests of a batch's operations today, by key; see `Provider.request_hash`. `source` is the
        batch's."""
        files: Mapping[str, str] = source.get("profiles", {})
        return {
            key: self.provider(files.get(one.provider, one.provider)).request_hash(one)
            for key, one in operations.items()
        }

    def title(self, name: str, files: Mapping[str, str]) -> str:
        """A provider's title; its name where its profile is gone, or wrong by now. `files`: profile files by name."""
        try:
            return self.provider(files.get(name, name)).title
        except RunnerError:
            return name

    def safe_operations(self, operations: Iterable[str], source: Mapping[str, Any]) -> set[str]:
        """Those of a batch's operations that may be repeated; one whose profile is gone counts as not safe."""
        safe: set[str] = set()
        for key in operations:
            try:
                operation = self.of_batch((key,), source)[key]
            except UsageError:
                continue
            if operation.safe:
                safe.add(key)
        return safe

    def trial(self, name: str) -> Trial:
        """A profile put to its own examples, whether or not it can be used. UsageError: no such provider."""
        from runner.providers.accounts import account_source
        from runner.providers.loader import read_source
        from runner.providers.trial import try_profile, unreadable

        accounts = self._accounts(name)
        table = self._settings.providers.get(name)
        try:
            if table is not None and name in accounts:
                return try_profile(
                    account_source(name, table, accounts=accounts, below=self._settings.providers), name=name
                )
            return try_profile(read_source(at_home(name), table))
        except ProfileError as error:
            return unreadable(name, error)

    def starter(self, name: str, *, base: str | None = None) -> str:
        """The text of a new profile called `name`: one to fill in, or a copy of `base` (a shipped provider, a second
        account's base, a file). ProfileError: `base` cannot be read. UsageError: no name, or it is taken.
        """
        from runner.providers.accounts import account_source
        from runner.providers.loader import read_source
        from runner.providers.starter import copied_text, starter_text

        if name in self.names():
            raise UsageError(
                f"there is a provider called {name} already",
                why="Accounts and columns go by the name: two of one name could not be told apart.",
                fix=f"runner providers new my_{name}",
            )
        if base is None:
            return starter_text(name)
        accounts = self._accounts(base)
        if base in accounts:
            return copied_text(account_source(base, self._settings.providers[base], accounts=accounts).text, name)
        return copied_text(read_source(at_home(base)).text, name)

    def _split(self, text: str) -> tuple[str, str]:
        """("defastra", "email") of "defastra.email"; ("./mine.toml", "check") of "./mine.toml:check". UsageError."""
        path, colon, operation = text.rpartition(":")
        if colon and path.endswith(".toml"):
            return path, operation
        name, dot, operation = text.partition(".")
        file, toml, wanted = text.rpartition(".toml")
        if toml and wanted[:1] in ("", ".") and name not in self.names():
            provider = self.provider(str(self._settings.directory / at_home(file + toml)))
            raise UsageError(
                f"not an operation: {text!r}",
                why=f"One of a profile file is written FILE:OPERATION; this file has {', '.join(provider.operations)}.",
                fix=f"-p {quote(f'{as_file(file + toml)}:{_near(wanted[1:], provider)}')}",
            )
        if not dot or not name or not operation:
            raise UsageError(
                f"not an operation: {text!r}", why="It is written PROVIDER.OPERATION.", fix="-p defastra.email"
            )
        return name, operation

    def _load(self, name: str) -> Provider:
        from runner.providers.accounts import load_account
        from runner.providers.loader import load

        accounts = self._accounts(name)
        if name in accounts:
            return load_account(name, self._settings.providers[name], accounts=accounts, below=self._settings.providers)
        return load(at_home(name), self._settings.providers.get(name))

    def _accounts(self, name: str) -> set[str]:
        """The second accounts of runner.toml. UsageError: `name` is none of them, nor any other provider."""
        from runner.providers.accounts import EXTENDS
        from runner.providers.loader import looks_like_a_file, shipped_names

        accounts = {name for name, table in self._settings.providers.items() if EXTENDS in table}
        self._check_overrides({*shipped_names(), *accounts})
        if not looks_like_a_file(name) and name not in self.names():
            near = difflib.get_close_matches(name, self.names(), 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise UsageError(
                f"no provider {name!r}",
                why=f"Known are {', '.join(self.names())}.{hint}",
                fix="runner providers list",
            )
        return accounts

    def _check_overrides(self, known: Collection[str]) -> None:
        for name in self._settings.providers:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"; did you mean `providers.{near[0]}`?" if near else '; a second account says extends = "..."'
                raise ConfigError(
                    "the settings change a provider that nobody knows",
                    why=f"providers.{name}: unknown{hint}",
                    fix=f"edit {self._settings.files[0] if self._settings.files else 'runner.toml'}",
                )


def _no_operation(provider: Provider, wanted: str, *, fix: str) -> UsageError:
    has = ", ".join(sorted(provider.operations))
    return UsageError(f"{provider.title} has no operation {wanted!r}", why=f"It has {has}.", fix=fix)


def _near(wanted: str, provider: Provider) -> str:
    """The operation that may be meant; the first where none is like it."""
    return (difflib.get_close_matches(wanted, provider.operations, 1) or [*provider.operations])[0]

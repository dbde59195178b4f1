"""Which providers and operations there are here: shipped profiles under the settings' overrides, and profile files."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from runner.domain.provider import Operation, Provider
from runner.domain.typed import as_file
from runner.errors import ProfileError, RunnerError, UsageError
from runner.settings import Settings, at_home
from runner.work.profile_files import EXTENDS, OfBatches, ProfileFiles, no_batches

if TYPE_CHECKING:
    from runner.providers.loader import Source
    from runner.providers.trial import Trial


class Profiles:
    """Reads each profile once. ProfileError when one is wrong, ConfigError for overrides of a provider nobody knows."""

    def __init__(self, settings: Settings, of_batches: OfBatches = no_batches) -> None:
        self._settings = settings
        self._files = ProfileFiles(settings, of_batches)
        self._read: dict[str, Provider] = {}

    def names(self) -> list[str]:
        """Every provider that the settings know, sorted: the shipped ones, those of `[providers]`, and the files of
        `[run] operations` that are there, each by its name (by its path where another has it)."""
        from runner.providers.loader import shipped_names

        there = {self._name_of(place) for place in self._files.of_operations() if Path(place).exists()}
        return sorted({*shipped_names(), *self._settings.providers, *there})

    def asked(self) -> list[str]:
        """The providers of `[run] operations`, in their order, as `names` has them."""
        texts = (text.rpartition(":")[0] or text.partition(".")[0] for text in self._settings.run.operations)
        places = (self._name_of(self._files.place(text)) if text.endswith(".toml") else text for text in texts)
        return list(dict.fromkeys(places))

    def provider(self, name: str) -> Provider:
        """By name, or by the path of a profile file."""
        if name not in self._read:
            self._check_tables(name)
            self._read[name] = self._load(name)
        return self._read[name]

    def usable(self, on_error: Callable[[ProfileError], object]) -> list[Provider]:
        """Those of `names` that can be read; `on_error` is told once of each file or table that cannot. ConfigError."""
        found: list[Provider] = []
        wrong: dict[str, ProfileError] = {}  # one file may be known by several names
        unknown = set(self._unknown_tables())
        names = [name for name in self.names() if name not in unknown]
        looks: list[Callable[[], Provider | None]] = [self._check_tables, *(partial(self._load, one) for one in names)]
        for look in looks:
            try:
                provider = look()
            except ProfileError as trouble:
                wrong.setdefault(f"{trouble.what}: {trouble.why}", trouble)
            else:
                found += [provider] if provider else []
        for error in wrong.values():
            on_error(error)
        return found

    def operations(self, texts: Iterable[str]) -> tuple[dict[str, Operation], dict[str, str]]:
        """The operations of "defastra.email" or "./mine.toml:check", by key and sorted; and the files of those that
        come from one, by provider name. UsageError: none, or no such operation.
        """
        found: dict[str, Operation] = {}
        files: dict[str, str] = {}
        places: dict[str, str] = {}
        for name, wanted in self._split_all(texts):
            place = self._place(name)
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
            if place.endswith(".toml"):
                files[provider.name] = place
            found[operation.key] = operation
        return {key: found[key] for key in sorted(found)}, files

    def of_batch(self, operations: Iterable[str], source: Mapping[str, Any]) -> dict[str, Operation]:
        """The operations that a batch was loaded for, in its order; `source` is the batch's, with its profile files."""
        files: Mapping[str, str] = source.get("profiles", {})
        for file in files.values():
            self._files.learn(file)
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

    def request_hashes(self, operations: Mapping[str, Operation], source: Mapping[str, Any]) -> dict[str, str]:
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
        from runner.providers.trial import try_profile, unreadable

        try:
            self._check_tables(name)
        except ProfileError as error:  # of another file, perhaps: then this one is read all the same
            if name in self._unknown_tables():
                return unreadable(name, error)
        try:
            return try_profile(self._source(name), name=name if name in self._accounts(name) else None)
        except ProfileError as error:
            return unreadable(name, error)

    def starter(self, name: str, *, base: str | None = None) -> str:
        """The text of a new profile called `name`: one to fill in, or a copy of `base` (a shipped provider, a second
        account's base, a file). ProfileError: `base` cannot be read. UsageError: no name, or it is taken.
        """
        from runner.providers.starter import copied_text, starter_text

        if name in self.names():
            raise UsageError(
                f"there is a provider called {name} already",
                why="Accounts and columns go by the name: two of one name could not be told apart.",
                fix=f"runner providers new my_{name}",
            )
        if base is None:
            return starter_text(name)
        self._check_tables(base)
        return copied_text(self._source(base).text, name)

    def _split_all(self, texts: Iterable[str]) -> list[tuple[str, str]]:
        """Each as `_split` has it; all their files are known before the first is read."""
        named = [self._split(text) for text in texts]
        for name, _ in named:
            if name.endswith(".toml"):
                self._files.learn(self._files.place(name))
        return named

    def _split(self, text: str) -> tuple[str, str]:
        """("defastra", "email") of "defastra.email"; ("./mine.toml", "check") of "./mine.toml:check". UsageError."""
        path, colon, operation = text.rpartition(":")
        if colon and path.endswith(".toml"):
            return path, operation
        name, dot, operation = text.partition(".")
        file, toml, wanted = text.rpartition(".toml")
        if toml and wanted[:1] in ("", ".") and name not in self.names():
            provider = self.provider(self._files.place(file + toml))
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

    def _name_of(self, place: str) -> str:
        """A file's name, where nothing else has it; else the file."""
        from runner.providers.loader import shipped_names

        name = self._files.name(place)
        return place if not name or name in shipped_names() or name in self._own_accounts() else name

    def _place(self, name: str) -> str:
        """The path of the file that is named, or called so; else the name."""
        from runner.providers.loader import shipped_names

        if name.endswith(".toml"):
            return self._files.place(name)
        return name if name in shipped_names() or name in self._own_accounts() else self._files.find(name) or name

    def _load(self, name: str) -> Provider:
        from runner.providers.accounts import load_account
        from runner.providers.loader import load_source

        accounts = self._accounts(name)
        if name in accounts:
            return load_account(name, self._settings.providers[name], accounts=accounts, below=self._below(name))
        return load_source(self._source(name))

    def _source(self, name: str) -> Source:
        """A profile under its `[providers.NAME]`, unchecked. ProfileError; UsageError: no such provider."""
        from runner.providers.accounts import account_source
        from runner.providers.loader import looks_like_a_file, read_source

        accounts = self._accounts(name)
        if name in accounts:
            return account_source(name, self._settings.providers[name], accounts=accounts, below=self._below(name))
        place = name if looks_like_a_file(name) else self._place(name)
        if looks_like_a_file(place):
            return self._tuned(read_source(at_home(place)))
        return read_source(place, self._settings.providers.get(place))

    def _tuned(self, source: Source) -> Source:
        """A file with the table of its name. One that is called as a shipped provider, or as an account, has none."""
        from runner.providers.loader import shipped_names

        name = source.tables.get("name")
        table = self._settings.providers.get(name, {}) if isinstance(name, str) else {}
        if name in shipped_names() or name in self._own_accounts():
            return source
        return replace(source, overrides={key: value for key, value in table.items() if key != EXTENDS})

    def _below(self, account: str) -> Mapping[str, Mapping[str, Any]]:
        """The tables under a second account: by shipped name, and that of the file which it extends."""
        from runner.providers.loader import looks_like_a_file, read_source

        base = self._settings.providers[account][EXTENDS]
        if not isinstance(base, str) or not looks_like_a_file(base):
            return self._settings.providers
        return {base: self._tuned(read_source(base)).overrides}

    def _own_accounts(self) -> set[str]:
        """The second accounts of runner.toml."""
        tables = self._settings.providers.items()
        return {name for name, table in tables if EXTENDS in table and not self._files.is_itself(name, table)}

    def _accounts(self, name: str) -> set[str]:
        """The second accounts of runner.toml. UsageError: `name` is none of them, nor any other provider."""
        from runner.providers.loader import looks_like_a_file

        if not looks_like_a_file(name) and name not in self.names() and self._files.find(name) is None:
            near = difflib.get_close_matches(name, self.names(), 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise UsageError(
                f"no provider {name!r}",
                why=f"Known are {', '.join(self.names())}.{hint}",
                fix="runner providers list",
            )
        return self._own_accounts()

    def _check_tables(self, name: str = "") -> None:
        """ConfigError: a table of `[providers]` is of no provider. ProfileError: so it seems, and one of the files that
        it may be of has a mistake. `name`: what a command asks for, a file perhaps."""
        from runner.providers.loader import looks_like_a_file

        if looks_like_a_file(name):
            self._files.learn(name)
        for table in self._unknown_tables():
            raise self._files.trouble(table) or self._files.unknown(table, self._known_tables())

    def _unknown_tables(self) -> Iterator[str]:
        known = self._known_tables()
        return (name for name in self._settings.providers if name not in known and self._files.find(name) is None)

    def _known_tables(self) -> set[str]:
        from runner.providers.loader import shipped_names

        return {*shipped_names(), *self._own_accounts()}


def _no_operation(provider: Provider, wanted: str, *, fix: str) -> UsageError:
    has = ", ".join(sorted(provider.operations))
    return UsageError(f"{provider.title} has no operation {wanted!r}", why=f"It has {has}.", fix=fix)


def _near(wanted: str, provider: Provider) -> str:
    """The operation that may be meant; the first where none is like it."""
    return (difflib.get_close_matches(wanted, provider.operations, 1) or [*provider.operations])[0]

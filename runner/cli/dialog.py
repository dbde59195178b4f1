"""What `init` asks, and how an answer is read: from a flag as it is, from a person until it can be read."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from runner.cli.terminal import Screen
from runner.cli.text import clean, count, listed
from runner.errors import ConfigError, RunnerError, UsageError

if TYPE_CHECKING:
    from runner.app import Runner
    from runner.domain.provider import Operation, Provider
    from runner.settings import Price, Secret
    from runner.work.setup import Setup

T = TypeVar("T")

SHORTEST_KEY = 8
"""Whatever is shorter is a slip of the hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """The options of `init` as they were given."""

    provider: str | None
    operations: tuple[str, ...]
    key_from_stdin: bool
    key_env: str | None
    price: str | None
    region: str | None


class Dialog:
    """Gathers what `init` needs. A flag is taken as it is; what no flag says is asked for where somebody is there."""

    def __init__(self, screen: Screen, library: Runner, flags: Flags, *, asks: bool) -> None:
        self._screen = screen
        self._library = library
        self._flags = flags
        self._asks = asks

    def setup(self) -> Setup:
        """Everything that is to be written. RunnerError: a flag is wrong, or says too little where nobody is asked."""
        from runner.work.setup import Setup

        named, provider = self._provider()
        operations = self._operations(named, provider)
        key, key_env = self._key(provider)
        return Setup(
            provider=provider,
            operations=tuple(f"{named}:{one.name}" if named.endswith(".toml") else one.key for one in operations),
            key=key,
            key_env=key_env,
            prices=self._prices(provider, operations),
            region=self._region(operations),
        )

    def _provider(self) -> tuple[str, Provider]:
        """The provider and how it is named on the command line."""
        given = self._flags.provider or _provider_in(self._flags.operations)
        if given is not None:
            return given, self._library.provider(given)
        known = [one.name for one in self._library.providers()]
        if not self._asks:
            raise UsageError(
                "which provider is meant?",
                why="nobody is here to be asked: stdin or stderr is no terminal",
                fix=f"runner init --provider {known[0]} --key-from-stdin < FILE-WITH-THE-KEY",
            )
        self._screen.say("This writes settings for the lists in this folder. Nothing is sent.\n")

        def read(text: str) -> tuple[str, Provider]:
            if not text.endswith(".toml") and text not in known:
                near = difflib.get_close_matches(text, known, 1)
                why = f"known are {listed(known)}"
                raise UsageError(f"there is no provider {clean(text)!r}", why=why, fix=(near or known)[0])
            return text, self._library.provider(text)

        return self._until(f"Provider ({', '.join(known)}): ", read)

    def _operations(self, named: str, provider: Provider) -> list[Operation]:
        if self._flags.operations:
            wanted = [_operation_in(text, named) for text in self._flags.operations]
        elif self._asks and len(provider.operations) > 1:
            names = list(provider.operations)
            question = f"What to ask, several with commas ({', '.join(names)}) [{names[0]}]: "
            return self._until(
                question, lambda text: _operations_of(provider, [part.strip() for part in text.split(",")]), names[0]
            )
        else:
            wanted = [next(iter(provider.operations))]
        return _operations_of(provider, wanted)

    def _key(self, provider: Provider) -> tuple[Secret | None, str | None]:
        """The key to write, or the variable that has it; neither where the settings find it in some other way."""
        from runner.work.setup import secret_variable

        variable = secret_variable(provider)
        if self._flags.key_env is not None:
            return None, _variable(self._flags.key_env)
        if variable is None:
            self._refuse_needless_key(provider)
            return None, None
        if self._flags.key_from_stdin:
            typed = sys.stdin.isatty()  # whoever types it must not read it on the screen
            text = self._screen.ask_hidden(f"Key of {provider.title}: ") if typed else sys.stdin.readline()
            return _key_of(provider, text), None
        if os.environ.get(variable, "").strip():
            self._screen.say(f"The key is in this shell's {variable}, and is left there.")
            return None, variable
        if not self._asks:
            raise UsageError(
                f"the key of {provider.title} is missing",
                why=f"{variable} is not set, and nobody is here to be asked",
                fix=f"runner init --provider {provider.name} --key-from-stdin < FILE-WITH-THE-KEY",
            )
        question = f"Key of {provider.title} (not shown as you type; Enter: later): "
        key = self._until(question, lambda text: (_key_of(provider, text),) if text else (None,), hidden=True)[0]
        if key is None:
            return None, variable
        self._screen.say(f"  taken: {count(len(key.reveal()), 'character')}")  # nothing else shows a half paste
        return key, None

    def _refuse_needless_key(self, provider: Provider) -> None:
        if self._flags.key_from_stdin:
            secret = provider.http.auth.secret
            where = f"is found in {secret.describe()}" if secret else "is not needed"
            raise UsageError(
                f"no key is written for {provider.title}",
                why=f"its key {where}, as its profile or your own settings say",
                fix=f"runner init --provider {provider.name}",
            )

    def _prices(self, provider: Provider, operations: list[Operation]) -> tuple[tuple[str, Price], ...]:
        from runner.settings import parse_price
        from runner.work.setup import units

        paid = units(operations)
        if self._flags.price is not None:
            if len(paid) != 1:
                raise UsageError(
                    f"--price does not say of what: {provider.name} counts {listed(paid) or 'nothing'}",
                    why="one price is for one unit",
                    fix="put this into runner.toml afterwards:\n"
                    f'[prices]\n"{provider.name}.{(paid or ["check"])[0]}" = "0.02 EUR"',
                )
            return ((f"{provider.name}.{paid[0]}", parse_price(self._flags.price, name="--price")),)
        prices = []
        for unit in paid if self._asks else ():
            question = f"Price of one {unit}, such as 0.02 EUR (Enter: not known): "
            found = self._until(question, lambda text: (_price(text) if text else None,))[0]
            if found is not None:
                prices.append((f"{provider.name}.{unit}", found))
        return tuple(prices)

    def _region(self, operations: list[Operation]) -> str | None:
        from runner.domain.provider import InputKind

        if self._flags.region is not None:
            return _region(self._flags.region, fix="--region US")
        if not self._asks or not any(one.kind is InputKind.PHONE for each in operations for one in each.inputs):
            return None
        question = "Country of phone numbers without a +, such as US (Enter: none): "
        return self._until(question, lambda text: (_region(text) if text else None,))[0]

    def _until(self, question: str, read: Callable[[str], T], default: str = "", *, hidden: bool = False) -> T:
        """Ask until the answer can be read; each refusal is shown with an answer that could."""
        while True:
            answer = self._screen.ask_hidden(question) if hidden else self._screen.ask_text(question)
            try:
                return read(answer or default)
            except RunnerError as error:
                example = "" if hidden else f"; for example: {error.fix}"
                self._screen.say(f"  {error.what}:\n  {error.why}{example}")


def _provider_in(operations: tuple[str, ...]) -> str | None:
    """The provider that the operations name: "defastra" of "defastra.email", "./mine.toml" of "./mine.toml:check"."""
    names = list(dict.fromkeys(_split(text)[0] for text in operations))
    if len(names) > 1:
        raise UsageError(
            f"init sets up one provider, not {listed(names)}",
            why="each has a key of its own",
            fix=f"runner init --provider {names[0]}, then add the others to operations in runner.toml",
        )
    return names[0] if names else None


def _split(text: str) -> tuple[str, str]:
    path, colon, operation = text.rpartition(":")
    if colon and path.endswith(".toml"):
        return path, operation
    name, _, operation = text.partition(".")
    return name, operation


def _operation_in(text: str, named: str) -> str:
    name, operation = _split(text)
    if not operation:  # `email` alone: the provider is named already
        return name
    if name != named:
        raise UsageError(
            f"-p {clean(text)} is not of {clean(named)}",
            why="--provider and -p name different providers",
            fix=f"runner init -p {clean(text)}",
        )
    return operation


def _operations_of(provider: Provider, names: list[str]) -> list[Operation]:
    known = list(provider.operations)
    for name in names:
        if name.removeprefix(f"{provider.name}.") not in known:
            raise UsageError(
                f"{provider.title} has no operation {clean(name)!r}",
                why=f"it has {listed(known)}",
                fix=known[0],
            )
    return [provider.operations[name] for name in dict.fromkeys(one.removeprefix(f"{provider.name}.") for one in names)]


def _key_of(provider: Provider, text: str) -> Secret:
    """The key as it will be sent. ConfigError: it does not look like one; it is not shown."""
    from runner.settings import Secret, has_shape

    value, shape = text.strip(), provider.http.auth.pattern
    if len(value) < SHORTEST_KEY or " " in value or not has_shape(value, provider.http.auth):
        looks = f"its keys have the shape {shape}" if shape else "a key is longer than that, and has no blanks"
        raise ConfigError(
            f"that is no key of {provider.title}",
            why=looks if value else "there was nothing to read",
            fix=f"copy it again from your account at {provider.title}, then: runner init",
        )
    return Secret(value)


def _price(text: str) -> Price:
    from runner.settings import parse_price

    try:
        return parse_price(text, name="price")
    except ConfigError:  # what was typed is not shown again: it may be a key that came one question late
        raise UsageError("that is no price", why="it is a number and three letters", fix="0.02 EUR") from None


def _variable(name: str) -> str:
    if not name.isascii() or not name.isidentifier():
        raise UsageError(
            "--key-env takes the name of a variable",
            why="what was given is no name (and is not shown: it could be the key itself)",
            fix="runner init --key-env DEFASTRA_API_KEY",
        )
    return name


def _region(text: str, *, fix: str = "US") -> str:
    from runner.inputs.phones import known_region

    region = known_region(text)
    if region is None:
        raise UsageError(f"{clean(text)!r} is not a country", why="it is written in two letters", fix=fix)
    return region

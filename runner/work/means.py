"""How somebody who is not there is told: a webhook, a command, Apprise, a dead man's switch. Trouble is an answer."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol
from urllib.parse import urlsplit, urlunsplit

import anyio

from runner.domain.addresses import hook_mistake, shown_url
from runner.domain.provider import SecretRef
from runner.engine.ports import Clock
from runner.errors import ConfigError, RunnerError
from runner.settings import Keys, Secret, SecretTable, Settings
from runner.system import run_program
from runner.work.hiding import Batches, program_environment, secret_names
from runner.work.message import Message, body, title, variables, with_next
from runner.work.profiles import Profiles
from runner.work.tools import Post, Seams

WEBHOOK, COMMAND, APPRISE, PING = "webhook", "command", "apprise", "ping_url"
WAITS_SECONDS: Final = (0.0, 2.0, 8.0)
"""Before each try of a webhook. The body has an `id`: a receiver that is told twice can see it."""

COMMAND_SECONDS: Final = 60.0


class Means(Protocol):
    """One way of telling."""

    @property
    def name(self) -> str:
        """Its key in `[notify]`."""
        ...

    async def tell(self, message: Message) -> str | None:
        """Tell it. Why nobody was told; None: somebody was. Never the address."""
        ...


class Webhook:
    """A POST of the message's JSON object."""

    name = WEBHOOK

    def __init__(self, url: Secret, post: Post, clock: Clock) -> None:
        self._url = url
        self._post = post
        self._clock = clock

    async def tell(self, message: Message) -> str | None:
        """Three tries, but for a refusal that would be repeated."""
        from runner.transport.post import is_passing, refusal

        why: str | None = None
        for seconds in WAITS_SECONDS:
            if seconds:
                await self._clock.sleep_until(self._clock.monotonic() + seconds)
            answer = await self._post(self._url, body(message))
            why = refusal(answer)
            if why is None or not is_passing(answer):
                break
        return why


class Command:
    """A program of the user's own: the object on stdin, the same in short in variables, no shell, no key."""

    name = COMMAND

    def __init__(self, words: Sequence[str], environment: Callable[[], Mapping[str, str]]) -> None:
        self._words = words
        self._environment = environment

    async def tell(self, message: Message) -> str | None:
        """Once. Its arguments are not told of: a token may stand there."""
        try:
            code = await run_program(
                self._words,
                stdin=body(message) + b"\n",
                environment={**self._environment(), **variables(message)},
                seconds=COMMAND_SECONDS,
            )
        except OSError as error:
            return f"{self._words[0]} could not be started: {error.strerror or type(error).__name__}"
        if code is None:
            return f"{self._words[0]} was ended: it took longer than {COMMAND_SECONDS:g} s"
        return f"{self._words[0]} ended with {code}" if code else None


class Apprise:
    """Chats, mails and telephones, by the library of that name; in a process of its own, which can be ended in time."""

    name = APPRISE

    def __init__(self, urls: Secret, environment: Callable[[], Mapping[str, str]]) -> None:
        self._urls = urls
        self._environment = environment

    async def tell(self, message: Message) -> str | None:
        """Once: a title and a sentence with the next command."""
        wish = {"urls": self._urls.reveal(), "title": title(message), "body": with_next(message)}
        code = await run_program(
            [sys.executable, "-m", _PROGRAM],
            stdin=json.dumps(wish).encode(),
            environment=self._environment(),
            seconds=COMMAND_SECONDS,
        )
        match code:
            case 0:
                return None
            case None:
                return f"it took longer than {COMMAND_SECONDS:g} s"
            case 2:
                return "it does not know one of the addresses"
            case _:
                return "somebody could not be told"


_PROGRAM: Final = "runner.transport.apprise_program"


class Switch:
    """A dead man's switch: it is asked while a run is at work, and whoever keeps it speaks up when nobody asks."""

    name = PING

    def __init__(self, url: Secret, post: Post) -> None:
        self._url = url
        self._post = post

    async def tell(self, message: Message) -> str | None:
        """Ask it once, as one of the means: alive."""
        return await self.ping()

    async def ping(self, ending: str = "") -> str | None:
        """GET the address with "start" or "fail" behind its path; with nothing: alive, or ended well."""
        from runner.transport.post import refusal

        return refusal(await self._post(_with_ending(self._url, ending), None))


def _with_ending(url: Secret, ending: str) -> Secret:
    parts = urlsplit(url.reveal())
    return Secret(urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{ending}"))) if ending else url


async def tell_all(means: Iterable[Means], message: Message) -> dict[str, str | None]:
    """Tell it by all of them at once. By name: why nobody was told; None: somebody was."""
    whys = dict[str, str | None]()

    async def tell(one: Means) -> None:
        try:
            whys[one.name] = await one.tell(message)
        except Exception as error:  # the others are on their way
            whys[one.name] = error.what if isinstance(error, RunnerError) else type(error).__name__

    async with anyio.create_task_group() as group:
        for one in means:
            group.start_soon(tell, one)
    return whys


Unusable = tuple[str, RunnerError]
"""A means that is set, by its name, and why nobody is told by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Everybody who is told."""

    means: tuple[Means, ...] = ()
    switch: Switch | None = None
    unusable: tuple[Unusable, ...] = ()  # the run goes on without them

    def __bool__(self) -> bool:
        """Whether there is anybody."""
        return bool(self.means) or self.switch is not None

    @property
    def notices(self) -> tuple[str, ...]:
        """Of the means that cannot be used, for people."""
        return tuple(
            f"nobody is told by {name}: {error.what} ({error.why.rstrip('.')})" for name, error in self.unusable
        )


def told_by(settings: Settings, profiles: Profiles, seams: Seams, *, batches: Batches) -> Told:
    """The means of `[notify]`; each secret is looked up now, before anything is sent."""
    notify, post = settings.notify, seams.posting(settings.run.http)
    means: list[Means] = []
    unusable: list[Unusable] = []
    switch: Switch | None = None
    for name, given in ((WEBHOOK, notify.webhook), (PING, notify.ping_url)):
        if given is None:
            continue
        try:
            url = address(settings.keys.fetch, given, name)
        except RunnerError as error:
            unusable.append((name, error))
            continue
        if name == PING:
            switch = Switch(url, post)
        else:
            means.append(Webhook(url, post, seams.clock))
    programs, not_these = _programs(settings, profiles, batches)
    return Told(means=(*means, *programs), switch=switch, unusable=(*unusable, *not_these))


def _programs(settings: Settings, profiles: Profiles, batches: Batches) -> tuple[list[Means], list[Unusable]]:
    """Those that start a program. Where the database cannot say which variables hold keys, none is started."""
    notify = settings.notify
    named = [name for name, given in ((APPRISE, notify.apprise), (COMMAND, notify.command)) if given]
    try:
        # Looked up now: when somebody is to be told, the database may be what is broken.
        hidden = frozenset(secret_names(settings, profiles, batches)) if named else frozenset[str]()
    except RunnerError as error:
        return [], [(name, error) for name in named]
    environment = partial(program_environment, settings, hidden)
    means: list[Means] = []
    unusable: list[Unusable] = []
    if notify.apprise is not None:
        try:
            means.append(Apprise(apprise_urls(settings.keys.fetch, notify.apprise), environment))
        except RunnerError as error:
            unusable.append((APPRISE, error))
    if notify.command:
        means.append(Command(notify.command, environment))
    return means, unusable


class Fetch(Protocol):
    """`Keys.fetch`."""

    def __call__(self, ref: SecretRef, *, what: str) -> Secret:
        """The secret; ConfigError."""
        ...


def address(fetch: Fetch, given: str | SecretTable, name: str) -> Secret:
    """The URL of a means. ConfigError: it is not there, or nothing may be sent to it."""
    if isinstance(given, str):
        return Secret(given)  # it was looked at when the settings were read
    url = fetch(given.ref(), what=f"the {name} of [notify]")
    mistake = hook_mistake(url.reveal())
    if mistake is not None:
        raise ConfigError(
            f"nothing is sent to the {name} of [notify]",
            why=f"It is read from {given.ref().describe()} and {mistake}.",
            fix="put a whole https address there",
        )
    return url


def apprise_urls(fetch: Fetch, given: SecretTable) -> Secret:
    """One address of Apprise's, or several with spaces between. ConfigError: it is not there, or not installed."""
    if importlib.util.find_spec(APPRISE) is None:
        raise ConfigError(
            "Apprise is not installed",
            why="it is an extra of this package",
            fix="pip install 'bulk-runner[notify]'",
        )
    return fetch(given.ref(), what=f"the {APPRISE} of [notify]")


def whereabouts(keys: Keys, given: str | SecretTable) -> str:
    """Where a means's address is found, or its host: as much of it as may be shown."""
    return shown_url(given) if isinstance(given, str) else keys.whereabouts(given.ref())

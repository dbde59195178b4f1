"""`sandbox`: a provider on this machine, over real HTTP, that charges nothing but keeps books as if it did."""

from __future__ import annotations

import re
import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urljoin, urlsplit

import anyio
from cyclopts import Parameter

from runner.cli.options import Common, whole
from runner.cli.terminal import Screen, is_live
from runner.cli.text import clean
from runner.domain.typed import typed_file
from runner.errors import UsageError

if TYPE_CHECKING:
    from runner.domain.provider import Provider
    from runner.sandbox.world import World

FAKE_KEY = "sandbox-key-not-real"
HIGHEST_PORT = 65_535
MOST_UNITS = 1_000_000_000
_KEY_CHARACTERS = 129


def sandbox(
    provider: Annotated[str, Parameter(help="A provider's name, or a profile file of your own.")],
    /,
    *,
    port: Annotated[
        int | None,
        Parameter(
            help="The port to listen on; 0 takes a free one (default: the profile's own, if it is on this machine).",
            show_default=False,
            converter=whole(0),
        ),
    ] = None,
    wallet: Annotated[
        int | None,
        Parameter(
            help="What can be charged, in the provider's unit (default: no end).",
            show_default=False,
            converter=whole(100),
        ),
    ] = None,
    faults: Annotated[str, Parameter(help="The share of requests that go wrong, e.g. 5%.")] = "0%",
    common: Common | None = None,
) -> int:
    """Serve a provider on this machine until Ctrl-C, with its limits, its errors and a wallet. Any key will do.

    stdout is a runner.toml that uses it. An e-mail like rule-insufficient-funds@example.com (a domain like
    rule-not-found.example.com) brings the error of that rule; /_sandbox/summary and /_sandbox/ledger show its books.
    """
    from runner.sandbox.world import World
    from runner.settings import parse_share
    from runner.system import SystemRandomness

    _check_range("--port", port, HIGHEST_PORT)
    _check_range("--wallet", wallet, MOST_UNITS)
    share = parse_share(faults, name="--faults")
    with (common or Common()).open() as library:
        profile = library.provider(provider)
    world = World(profile, randomness=SystemRandomness(), wallet=wallet, faults=share)
    chosen = own_port(profile) if port is None else port
    problem = anyio.run(partial(_serve, world, provider, chosen))
    if problem is not None:
        raise UsageError(
            f"port {chosen} cannot be used",
            why=problem,
            fix=f"runner sandbox {typed_file(provider)} --port 0   (takes a free one)",
        )
    return 0


def _check_range(flag: str, given: int | None, most: int) -> None:
    if given is not None and not 0 <= given <= most:
        raise UsageError(
            f"{flag} {given} cannot be", why=f"It is between 0 and {most}.", fix=f"{flag} {max(0, min(given, most))}"
        )


async def _serve(world: World, name: str, port: int) -> str | None:
    # The reason is carried out as a value: a task group would wrap an error in a group.
    from runner.engine.stop import StopSignal
    from runner.sandbox.server import serve
    from runner.system import SystemClock, signals

    screen, stop, stopped = Screen(), StopSignal(), anyio.Event()
    stop.listen(stopped.set)
    async with signals(stop):
        try:
            async with serve(world, clock=SystemClock(), port=port) as base_url:
                screen.data(settings_text(world.provider, name, base_url))
                screen.say(f"{world.provider.title} is served at {base_url} until Ctrl-C.")
                for line in how_to_use(world.provider, name, base_url, shown=is_live(sys.stdout)):
                    screen.say(line)
                if world.wallet is not None:
                    screen.say("To put 100 more into its wallet:")
                    screen.say(f"  curl -d '{{\"units\": 100}}' {urljoin(base_url, '/_sandbox/top-up')}")
                await stopped.wait()
        except OSError as error:
            return error.strerror or "it is taken"
    return None


def own_port(profile: Provider) -> int:
    """The port of a profile whose address is on this machine: then nothing needs to be put anywhere. Else 0."""
    parts = urlsplit(profile.http.base_url)
    # The loader lets http pass for this machine alone; https is nothing that the sandbox speaks.
    return parts.port or 0 if parts.scheme == "http" else 0


def settings_text(profile: Provider, name: str, base_url: str) -> str:
    """The lines that send a provider's requests to `base_url`: for runner.toml, or for the profile file itself."""
    if name != profile.name:
        return f'# in {clean(name)}\n[http]\nbase_url = "{base_url}"'
    lines = [f"[providers.{profile.name}.http]", f'base_url = "{base_url}"']
    key = fake_key(profile.http.auth.pattern)
    if key is not None and profile.http.auth.secret is not None:
        # By a command, because no key is ever taken out of a file; so a real one does not go to a sandbox either.
        lines.append(f'auth = {{ secret = {{ command = ["echo", "{key}"] }} }}   # any key will do here')
    return "\n".join(lines)


def how_to_use(profile: Provider, name: str, base_url: str, *, shown: bool) -> list[str]:
    """What a person does next. `shown`: our stdout is on the screen, and not in a file."""
    if base_url == profile.http.base_url:
        return ["That is where the profile looks for it. Any key will do, such as:", f"  {key_text(profile)}"]
    put = "Put the lines above into" if shown else "The lines that lead to it went to stdout, for"
    if name != profile.name:
        return [f"{put} {clean(name)}. Any key will do, such as:", f"  {key_text(profile)}"]
    return [
        f"{put} runner.toml. Then, in another terminal:",
        f"  runner run leads.csv -p {profile.name}.{next(iter(profile.operations))}",
        *([f"with any key, such as: {key_text(profile)}"] if fake_key(profile.http.auth.pattern) is None else []),
    ]


def key_text(profile: Provider) -> str:
    """The shell line that gives a provider's fake key."""
    secret = profile.http.auth.secret
    if secret is None:
        return "(it needs none)"
    key = fake_key(profile.http.auth.pattern) or f"KEY   (of the shape {profile.http.auth.pattern})"
    return f"export {secret.env}={key}" if secret.env else f"{key}   in {secret.describe()}"


def fake_key(pattern: str | None) -> str | None:
    """An obviously fake key of the shape a profile asks for: how its pattern begins, then words or zeros. None: the
    pattern is too clever for that."""
    if pattern is None:
        return FAKE_KEY
    begin = re.match(r"\^?([\w-]*)", pattern)
    ends = [FAKE_KEY, *("0" * count for count in range(_KEY_CHARACTERS))]
    made = ((begin[1] if begin else "") + end for end in ends)
    return next((key for key in made if re.search(pattern, key)), None)

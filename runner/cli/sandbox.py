"""`sandbox`: a provider on this machine, over real HTTP, that charges nothing but keeps books as if it did."""

from __future__ import annotations

import re
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urljoin, urlsplit

import anyio
from cyclopts import Parameter

from runner.cli.options import Common, whole
from runner.cli.terminal import Screen, is_live
from runner.cli.text import clean
from runner.domain.typed import toml_text, typed_file
from runner.errors import UsageError
from runner.settings.home import at_home

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

    stdout is a runner.toml that uses it: of a profile file, an account NAME_sandbox. An e-mail like
    rule-insufficient-funds@example.com (a domain like rule-not-found.example.com) brings the error of that rule;
    /_sandbox/summary and /_sandbox/ledger show its books.
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
    """The runner.toml that sends a provider's requests to `base_url`; a file's by an account of its own, for settings
    change no profile file by its name."""
    if name == profile.name:
        made, key = [f"[providers.{name}.http]", f'base_url = "{base_url}"'], _key_setting(profile)
    elif base_url == profile.http.base_url:
        return f"# {base_url} is where {clean(name)} looks for it: nothing is to be said here"
    else:
        account, at = _account(profile), Path(at_home(name)).absolute()
        base = f"extends = {toml_text(str(at))}"
        made = [f"[providers.{account}]", base, f"[providers.{account}.http]", f'base_url = "{base_url}"']
        key = _key_setting(profile) or f'env = "{_own_variable(profile)}"'
    if key is not None and profile.http.auth.secret is not None:
        made.append(f"auth = {{ secret = {{ {key} }} }}   # any key will do here")
    return "\n".join(made)


def _key_setting(profile: Provider) -> str | None:
    # By a command, because no key is ever taken out of a file; so a real one does not go to a sandbox either.
    key = fake_key(profile.http.auth.pattern)
    return None if key is None else f'command = ["echo", "{key}"]'


def _account(profile: Provider) -> str:
    return f"{profile.name}_sandbox"


def _own_variable(profile: Provider) -> str:
    """Where the key of an account for a sandbox is looked for, if none can be made up: the real one is not there."""
    return f"{_account(profile)}_api_key".upper()


def how_to_use(profile: Provider, name: str, base_url: str, *, shown: bool) -> list[str]:
    """What a person does next. `shown`: our stdout is on the screen, and not in a file."""
    if base_url == profile.http.base_url:
        return ["That is where the profile looks for it. Any key will do, such as:", f"  {key_text(profile)}"]
    put = "Put the lines above into" if shown else "The lines that lead to it went to stdout, for"
    own = name != profile.name
    return [
        f"{put} runner.toml. Then, in another terminal:",
        f"  runner run leads.csv -p {_account(profile) if own else name}.{next(iter(profile.operations))}",
        *(
            [f"with any key, such as: {key_text(profile, own=own)}"]
            if fake_key(profile.http.auth.pattern) is None
            else []
        ),
    ]


def key_text(profile: Provider, *, own: bool = False) -> str:
    """The shell line that gives a provider's fake key; with `own`, that of its account for a sandbox."""
    secret = profile.http.auth.secret
    if secret is None:
        return "(it needs none)"
    key = fake_key(profile.http.auth.pattern) or f"KEY   (of the shape {profile.http.auth.pattern})"
    variable = _own_variable(profile) if own else secret.env
    return f"export {variable}={key}" if variable else f"{key}   in {secret.describe()}"


def fake_key(pattern: str | None) -> str | None:
    """An obviously fake key of the shape a profile asks for: how its pattern begins, then words or zeros. None: the
    pattern is too clever for that."""
    if pattern is None:
        return FAKE_KEY
    begin = re.match(r"\^?([\w-]*)", pattern)
    ends = [FAKE_KEY, *("0" * count for count in range(_KEY_CHARACTERS))]
    made = ((begin[1] if begin else "") + end for end in ends)
    return next((key for key in made if re.search(pattern, key)), None)

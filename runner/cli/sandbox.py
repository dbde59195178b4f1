"""`sandbox`: a provider on this machine, over real HTTP, that charges nothing but keeps books as if it did."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import anyio
from cyclopts import Parameter

from runner.cli.options import Common
from runner.cli.terminal import Screen
from runner.cli.text import clean
from runner.errors import UsageError

if TYPE_CHECKING:
    from runner.domain.provider import Provider
    from runner.sandbox.world import World

FAKE_KEY = "sandbox-key-not-real"


def sandbox(
    provider: Annotated[str, Parameter(help="A provider's name, or a profile file of your own.")],
    /,
    *,
    port: Annotated[int, Parameter(help="The port to listen on; 0 takes a free one.")] = 0,
    wallet: Annotated[
        int | None, Parameter(help="What can be charged, in the provider's unit (default: no end).", show_default=False)
    ] = None,
    faults: Annotated[str, Parameter(help="The share of requests that go wrong, e.g. 5%.")] = "0%",
    common: Common | None = None,
) -> int:
    """Serve a provider on this machine until Ctrl-C, with its limits, its errors and a wallet. Any key will do.

    stdout is a runner.toml that uses it. An e-mail like rule-insufficient-funds@example.com brings the error of that
    rule; /_sandbox/summary and /_sandbox/ledger show its books.
    """
    from runner.sandbox.world import World
    from runner.settings import parse_share
    from runner.system import SystemRandomness

    share = parse_share(faults, name="--faults")
    with (common or Common()).open() as library:
        profile = library.provider(provider)
    world = World(profile, randomness=SystemRandomness(), wallet=wallet, faults=share)
    problem = anyio.run(partial(_serve, world, provider, port))
    if problem is not None:
        raise UsageError(
            f"port {port} cannot be used", why=problem, fix=f"runner sandbox {provider}   (takes a free port)"
        )
    return 0


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
                screen.say("Put the lines above into runner.toml. Any key will do:")
                screen.say(f"  {key_text(world.provider)}")
                if world.wallet is not None:
                    screen.say("To put 100 more into its wallet:")
                    screen.say(f"  curl -d '{{\"units\": 100}}' {base_url}/_sandbox/top-up")
                await stopped.wait()
        except OSError as error:
            return error.strerror or "it is taken"
    return None


def settings_text(profile: Provider, name: str, base_url: str) -> str:
    """The lines that send a provider's requests to `base_url`: for runner.toml, or for the profile file itself."""
    if name != profile.name:
        return f'# in {clean(name)}\n[http]\nbase_url = "{base_url}"'
    return f'[providers.{profile.name}.http]\nbase_url = "{base_url}"'


def key_text(profile: Provider) -> str:
    """The shell line that gives a provider's fake key."""
    secret = profile.http.auth.secret
    if secret is None:
        return "(it needs none)"
    return f"export {secret.env}={FAKE_KEY}" if secret.env else f"{FAKE_KEY}   in {secret.describe()}"

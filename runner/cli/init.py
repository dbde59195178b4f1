"""`init`: from nothing to settings that work. On a terminal it asks; elsewhere flags say everything."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from runner.cli.dialog import Dialog, Flags
from runner.cli.options import Switch, Text, Texts
from runner.cli.terminal import Screen, can_ask
from runner.domain.typed import typed_file
from runner.errors import UsageError

if TYPE_CHECKING:
    from runner.work.setup import Setup

LATER = "YOUR-KEY"


def init(
    *,
    provider: Annotated[Text, Parameter(help="Whom to ask, e.g. defastra, or a profile file of your own.")] = None,
    operations: Annotated[
        Texts, Parameter(name="-p", help="What to ask, e.g. defastra.email; may be given several times.")
    ] = (),
    key_from_stdin: Annotated[Switch, Parameter(help="Read the key from stdin: for scripts.")] = False,
    key_env: Annotated[Text, Parameter(help="The environment variable that holds the key; none is written.")] = None,
    price: Annotated[Text, Parameter(help='What one check costs you, e.g. "0.02 EUR".')] = None,
    region: Annotated[Text, Parameter(help="Country of national phone numbers, e.g. US.")] = None,
) -> int:
    """Write runner.toml, and the key into a .env that only you can read. Sends nothing, overwrites nothing.

    On a terminal it asks for what no option says; the key is not shown while you type it.
    """
    from runner import app
    from runner.work.setup import refuse_existing, set_up

    screen, folder = Screen(), Path.cwd()
    if key_from_stdin and key_env:
        raise UsageError(
            "--key-from-stdin and --key-env exclude each other",
            why="the key is either given now, or is in a variable already",
            fix="runner init --provider defastra --key-env DEFASTRA_API_KEY",
        )
    flags = Flags(
        provider=provider,
        operations=operations,
        key_from_stdin=key_from_stdin,
        key_env=key_env,
        price=price,
        region=region,
    )
    refuse_existing(folder, command=_typed(flags))
    with app.open() as library:
        asks = can_ask() and not key_from_stdin and not key_env
        setup = Dialog(screen, library, flags, asks=asks).setup()
    for change in set_up(setup, folder):
        screen.say(f"wrote {change.path.name}: {change.text}")
    _say_next(screen, setup, folder)
    return 0


def _typed(flags: Flags) -> str:
    """The command with what was given, so that nothing of it has to be said again. A key comes from a file."""
    given = {"--provider": flags.provider, "--key-env": flags.key_env, "--price": flags.price, "--region": flags.region}
    words = [word for operation in flags.operations for word in ("-p", operation)]
    words += [word for flag, value in given.items() if value is not None for word in (flag, value)]
    stdin = " --key-from-stdin < FILE-WITH-THE-KEY" if flags.key_from_stdin else ""
    return shlex.join(["runner", "init", *words]) + stdin


def _say_next(screen: Screen, setup: Setup, folder: Path) -> None:
    from runner.work.setup import lists_in

    lists = lists_in(folder)
    name = typed_file(lists[0]) if len(lists) == 1 else "leads.csv"
    screen.say("\nNext:")
    if setup.key is None and setup.key_env and not os.environ.get(setup.key_env, "").strip():
        screen.say(f"  export {setup.key_env}={LATER}")
    screen.say(f"  runner check {name}   what it would send and cost; sends nothing")
    screen.say(f"  runner run {name}     send it, and write the answers")

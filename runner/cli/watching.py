"""`status --watch`: how batches stand, looked at again and again."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio

from runner.cli.terminal import Screen, is_live
from runner.system import SystemClock

if TYPE_CHECKING:
    from rich.text import Text

    from runner.cli.watch import Look

LOOK_SECONDS = 1.0


def follow(look: Callable[[], Look], screen: Screen, *, json: bool) -> int:
    """Show it until everything is over, or Ctrl-C: on a terminal in place, else whenever something has changed."""
    anyio.run(_in_place if is_live(sys.stdout) and not json else _line_by_line, look, screen, json)
    return 0


async def _line_by_line(look: Callable[[], Look], screen: Screen, json: bool) -> None:
    clock, last = SystemClock(), None
    while True:
        seen = look()
        if seen.fingerprint != last:
            last = seen.fingerprint
            if json:
                screen.json(seen.value)
            else:
                screen.data(seen.text)
        if seen.over:
            return
        await clock.sleep_until(clock.monotonic() + LOOK_SECONDS)


async def _in_place(look: Callable[[], Look], screen: Screen, json: bool) -> None:
    from rich.text import Text

    from runner.cli.screen import Screenful

    clock, seen = SystemClock(), look()

    def draw(width: int, lines: int) -> list[Text]:
        shown = [Text(line, no_wrap=True) for line in seen.text.splitlines()][:lines]
        for line in shown:
            line.truncate(width)
        return shown

    with Screenful(sys.stdout, draw, list, a_second=2):
        while not seen.over:
            await clock.sleep_until(clock.monotonic() + LOOK_SECONDS)
            seen = look()

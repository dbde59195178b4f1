"""`status --watch`: how batches stand, looked at again and again."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import anyio

from runner.cli.terminal import Screen, has_letters, is_live
from runner.engine.stop import StopSignal
from runner.system import signals

if TYPE_CHECKING:
    from rich.text import Text

    from runner.cli.look import Look

LOOK_SECONDS = 1.0


def follow(look: Callable[[], Look], screen: Screen, *, json: bool) -> int:
    """Show it until everything is over, or nobody reads it any more: 0; or until Ctrl-C or another signal: its code. On
    a terminal in place, else whenever something has changed."""
    code = anyio.run(_follow, look, screen, json)
    if code == 130:
        screen.say("interrupted")
    return code


async def _follow(look: Callable[[], Look], screen: Screen, json: bool) -> int:
    # An error is carried out as a value: a task group would wrap it in a group, and the exit code is its own.
    stop, failure = StopSignal(), None
    in_place = is_live(sys.stdout) and not json
    async with signals(stop):
        looks = _looks(look, screen, stop)
        try:
            await (_in_place(looks, screen) if in_place else _line_by_line(looks, screen, json))
        except Exception as error:
            failure = error
    if failure is not None:
        raise failure
    return 0 if stop.reason is None else int(stop.reason.removeprefix("signal:"))


async def _looks(look: Callable[[], Look], screen: Screen, stop: StopSignal) -> AsyncIterator[Look]:
    """One now, then one a second as long as there is a reason to."""
    stopped = anyio.Event()
    stop.listen(stopped.set)
    while stop.reason is None:
        seen = look()
        yield seen
        if seen.over or screen.is_deaf():
            return
        with anyio.move_on_after(LOOK_SECONDS):
            await stopped.wait()


async def _line_by_line(looks: AsyncIterator[Look], screen: Screen, json: bool) -> None:
    last = None
    async for seen in looks:
        if seen.fingerprint != last:
            last = seen.fingerprint
            if json:
                screen.json(seen.value)
            else:
                screen.data(seen.text)


async def _in_place(looks: AsyncIterator[Look], screen: Screen) -> None:
    from runner.cli.picture import FINE, SAFE
    from runner.cli.screen import Screenful

    now, over = await anext(looks), False
    mark = (FINE if has_letters(sys.stdout) else SAFE).cut

    def draw(width: int, lines: int) -> list[Text]:
        return [] if over else fitted(now.text, width, lines, mark)

    try:
        with Screenful(sys.stdout, draw, list, a_second=2):
            try:
                async for seen in looks:
                    now = seen  # drawn by another thread
            finally:
                over = True
    finally:
        screen.data(now.text)  # whole, in place of the last picture: a command in it is to be pasted


def fitted(text: str, width: int, lines: int, mark: str) -> list[Text]:
    """The lines of a text, as many and as wide as there is room for; `mark` stands where something was cut off."""
    from rich.text import Text

    shown = [Text(line, no_wrap=True) for line in text.splitlines()]
    if len(shown) > lines:
        shown[lines - 1 :] = [Text(mark)]
    for line in shown:
        if line.cell_len > width:
            line.truncate(max(0, width - len(mark)))
            line.append(mark)
    return shown

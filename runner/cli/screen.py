"""A few lines that stay at the bottom of a terminal, drawn again and again by a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console, Group
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType
from rich.text import Text

SHOW_CURSOR = Control.show_cursor(True).segment.text
"""For whoever ends the process without leaving."""

_FREE = 3
"""Columns that stay free: a line that fills the last one is two lines to some terminals, and so is one that has no room
for the `^C` of whoever interrupts."""

Draw = Callable[[int, int], list[Text]]
"""The lines, for so many columns and at most so many lines."""


class Screenful(AbstractContextManager["Screenful"]):
    """Draws until it is left, and then once more: that stays. `news`: what is to be printed above, each line once.

    Whoever has news to tell never waits for the terminal. One that goes away takes nothing along but the picture.
    """

    def __init__(self, stream: TextIO, draw: Draw, news: Callable[[], list[str]], *, a_second: int) -> None:
        console = Console(file=stream, highlight=False, markup=False, emoji=False)
        self._live = _Lines(console, draw, news, a_second=a_second)

    def __enter__(self) -> Self:
        """Begin."""
        with suppress(OSError):
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last picture."""
        with suppress(OSError):
            self._live.stop()


class _Lines(Live):
    def __init__(self, console: Console, draw: Draw, news: Callable[[], list[str]], *, a_second: int) -> None:
        self._lines = draw
        self._news = news
        self._widths: list[int] = []  # of the lines as they are drawn next
        self._drawn: list[int] = []  # and as they stand there
        super().__init__(
            console=console,
            refresh_per_second=a_second,
            get_renderable=self._picture,
            vertical_overflow="crop",
            redirect_stdout=False,
        )

    def _picture(self) -> Group:
        size = self.console.size
        shown = self._lines(max(1, size.width - _FREE), max(1, size.height - 1))
        self._widths = [line.cell_len for line in shown]
        return Group(*shown)

    def refresh(self) -> None:
        """Draw; first what is new, above."""
        with suppress(OSError), self._lock:  # OSError: the terminal is gone, the run is not
            self._take_back_wrapped()
            if self.is_started:
                self._tell()
            super().refresh()
            self._drawn = self._widths

    def stop(self) -> None:
        """The rest of the news, and the last picture."""
        with suppress(OSError), self._lock:
            self._tell()
        super().stop()

    def _tell(self) -> None:
        news = self._news()
        if news:
            self.console.print("\n".join(news), soft_wrap=True)

    def _take_back_wrapped(self) -> None:
        """A terminal that was made narrower has wrapped the old lines: there are more of them to be taken back."""
        width = self.console.size.width
        wrapped = sum(max(0, -(-cells // width) - 1) for cells in self._drawn)
        if wrapped and self.console.is_terminal:
            up = ((ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2))
            self.console.control(Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2), *up * wrapped))

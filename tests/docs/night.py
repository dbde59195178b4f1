"""A night in two minutes, recorded for docs/night.md: pictures of the live view in two widths, and both kinds of lines.

    python -m tests.docs.night docs/night.md

The command line is the real one, at the provider's real limits, against the sandbox over HTTP. Only its live view is
replaced by one that draws nothing by itself, is looked at in certain moments, and hands each event on to the writers of
lines.
"""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from rich.console import Console, Group
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from runner.cli import supervise
from runner.cli.generated import fill
from runner.cli.lines import LineProgress, json_line, plain_line
from runner.cli.live import LiveProgress
from runner.cli.main import invoke
from runner.cli.progress import ProgressMode, Tally
from runner.cli.terminal import Screen
from runner.engine.events import Event
from runner.system import SystemClock
from tests.cli.place import Provider, clean_environment, sandbox

ROWS, WALLET = 95, 75
WIDTHS = {80: 36, 200: 30}
"""Columns, and how many lines of such a terminal are shown."""
PICTURES = ("pace", "asked", "slower", "outage", "empty", "topped-up")
SETTINGS = """[prices]
"defastra.check" = "0.02 EUR"

[providers.defastra.http]
base_url = "{url}"
"""
_COLOURS = ("3c3f46", "f07178", "86c66e", "e5c06e", "6eaaf0", "c882dc", "5abec8", "d8dbe2")
_PATIENCE_SECONDS = 60.0


def _colour(text: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(text)
    return red, green, blue


_THEME = TerminalTheme(_colour("181a1f"), _colour("d8dbe2"), [_colour(one) for one in _COLOURS])


class Recorder(LiveProgress):
    """A live view that is drawn when it is asked."""

    def __init__(self, tally: Tally, said: io.StringIO) -> None:
        super().__init__(tally, now_us=SystemClock().now_us)
        self._above: dict[int, list[Text]] = {width: [] for width in WIDTHS}  # what can only scroll any more
        self.plain: list[str] = []
        self.json: list[str] = []
        self._scroll = said
        self._over = False
        copies = (Tally(tally.batch, tally.due), Tally(tally.batch, tally.due))
        self._lines = (
            LineProgress(copies[0], self.plain.append, plain_line),
            LineProgress(copies[1], self.json.append, json_line),
        )

    def __enter__(self) -> Self:
        """Draw nothing."""
        return self

    def __call__(self, event: Event) -> None:
        """Note it, and write its lines."""
        super().__call__(event)
        for lines in self._lines:
            lines(event)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The last picture stays; whatever is said now stands below it."""
        super().__exit__(kind, error, trace)
        for width in WIDTHS:
            self._above[width] = self._shown(width)
        self._scroll.truncate(0)
        self._scroll.seek(0)
        self._over = True

    def _shown(self, width: int) -> list[Text]:
        for news in self.take_news():
            self._scroll.write(f"{news}\n")
        said = self._scroll.getvalue().replace(str(Path.cwd()), "~/leads").splitlines()
        return [*self._above[width], *map(Text, said), *([] if self._over else self.picture(width - 1, 30))]

    def look(self, name: str, folder: Path) -> None:
        """What a terminal shows now, in each width."""
        for width, lines in WIDTHS.items():
            shown = self._shown(width)
            save(folder / f"{name}-{width}.svg", shown, width=width, lines=lines, title="runner run leads.csv")


def save(path: Path, shown: Sequence[Text], *, width: int, lines: int, title: str) -> None:
    """The last lines of a terminal as a picture that loads nothing."""
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    folded = [line for text in shown for line in (text.wrap(console, width) if text.plain else [text])]
    console.print(Group(*folded[-lines:]))
    drawn = console.export_svg(title=title, theme=_THEME, unique_id=path.stem)
    drawn = re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL)
    path.write_text("\n".join(line.rstrip() for line in drawn.splitlines() if line.strip()) + "\n", encoding="utf-8")


class Night:
    """What happens to a run, one thing after the other, and when it is looked at."""

    def __init__(self, provider: Provider, recorder: Callable[[], Recorder | None], folder: Path) -> None:
        self._provider = provider
        self._recorder = recorder
        self._folder = folder

    def happen(self) -> None:
        """The story, in a thread beside the run."""
        self._see("pace", "as fast as its limits allow", after=22)
        self._provider.post("next", [{"manner": "drop", "charged": True}])
        self._await("1 in doubt")
        refusal = {"status": 429, "headers": {"retry-after": "12"}, "body": "Too Many Requests"}
        self._provider.post("next", [{"answer": refusal}])
        self._see("asked", "it asked to")
        self._see("slower", "slower, as it refused", after=30)
        self._provider.post("next", [{"rule": "system-error"}] * 9)
        self._see("outage", ": it fails")

    def _see(self, name: str, words: str, *, after: int = 0) -> None:
        self._await(words, after=after)
        time.sleep(1.0)
        shown = self._recorder()
        assert shown is not None
        shown.look(name, self._folder)

    def _await(self, words: str, *, after: int = 0) -> None:
        ends, text = time.monotonic() + _PATIENCE_SECONDS, ""
        while time.monotonic() < ends:
            shown = self._recorder()
            text = "" if shown is None else "\n".join(line.plain for line in shown.picture(199, 30))
            far = re.search(r"(\d+) of \d+", text)
            if words in text and far is not None and int(far[1]) >= after:
                return
            time.sleep(0.1)
        raise AssertionError(f"{words!r} was never shown, but:\n{text}")


@contextmanager
def surroundings(folder: Path) -> Iterator[None]:
    """The environment and folder of the command, with clocks of UTC."""
    before, here = dict(os.environ), Path.cwd()
    wanted = clean_environment(TZ="UTC", LANG="C.UTF-8")
    os.environ.clear()
    os.environ.update(wanted)
    os.chdir(folder)
    time.tzset()
    try:
        yield
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(before)
        time.tzset()


def record(pictures: Path) -> dict[str, str]:
    """Live through it; the blocks of the page by name."""
    with tempfile.TemporaryDirectory() as place, sandbox(Path(place), "--wallet", str(WALLET)) as provider:
        folder = Path(place)
        (folder / "runner.toml").write_text(SETTINGS.format(url=provider.base_url))
        rows = [f"{number},person{number}@example.com" for number in range(1, ROWS + 1)]
        (folder / "leads.csv").write_text("\n".join(["id,email", *rows, ""]))
        with surroundings(folder):
            first = _run(provider, pictures, "empty", told=True)
            provider.post("top-up", {"units": 100})
            _run(provider, pictures, "topped-up", told=False)
    plain, json = "\n".join(first.plain), "\n".join(first.json)
    return {"plain lines": f"```text\n{plain}\n```", "json lines": f"```jsonl\n{json}\n```"}


def _run(provider: Provider, pictures: Path, last: str, *, told: bool) -> Recorder:
    """One `runner run leads.csv`, and the picture of its end."""
    said, made = io.StringIO(), list[Recorder]()

    def progress(mode: ProgressMode, screen: Screen, tallies: Sequence[Tally]) -> Recorder:
        made.append(Recorder(tallies[0], said))
        return made[0]

    night = Night(provider, lambda: next(iter(made), None), pictures)
    beside = ThreadPoolExecutor(1)
    story = beside.submit(night.happen) if told else None
    try:
        with (
            pytest.MonkeyPatch.context() as patch,
            redirect_stderr(said),
            redirect_stdout(io.StringIO()),
        ):
            patch.setattr(supervise, "progress", progress)
            invoke(["run", "leads.csv", "-p", "defastra.email", "--yes"])
    finally:
        beside.shutdown(wait=False, cancel_futures=True)
    if story is not None:
        story.result(timeout=1.0)
    made[0].look(last, pictures)
    return made[0]


def main(arguments: Sequence[str]) -> int:
    """Record, and put the lines into the page."""
    page = Path(arguments[0]).resolve()
    pictures = page.parent / page.stem
    pictures.mkdir(exist_ok=True)
    blocks = record(pictures)
    page.write_text(fill(page.read_text("utf-8"), blocks), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

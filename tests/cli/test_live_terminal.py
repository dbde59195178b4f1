"""The live lines of the real command line at a real terminal: resized, without colour, beside a log."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.cli.terminal import has_letters
from tests.cli.place import RUN, Provider, names, write_list
from tests.cli.terminal import Terminal
from tests.warm import warm

pytestmark = pytest.mark.usefixtures("utc")

FULL = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "", "NO_COLOR": ""}
"""A terminal that can do all of it."""


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"LANG": "de_DE.UTF-8"}, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, False),
        ({"LANG": "C", "LC_ALL": "C.utf8"}, True),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "C"}, False),
        ({}, False),
    ],
)
def test_a_terminal_is_believed_in_what_it_shows(
    said: dict[str, str], shown: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By its locale, and not by what Python makes of it."""
    for name in ("LANG", "LC_ALL", "LC_CTYPE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    with (tmp_path / "stream").open("w", encoding="utf-8") as stream:
        assert has_letters(stream) is shown
    with (tmp_path / "stream").open("w", encoding="latin-1") as stream:
        assert not has_letters(stream)


def test_a_terminal_that_is_made_narrow_and_wide_again_keeps_one_picture(folder: Path, provider: Provider) -> None:
    """News stand above it, nothing of an earlier picture is left behind, and what stays is how far the batch came."""
    write_list(folder, *names("live", 120))
    provider.post("next", [{"delay_seconds": 0.25}] * 10 + [{}] * 30 + [{"rule": "insufficient-funds"}])
    with Terminal(folder, *RUN, "--yes", size=(100, 30), program=(str(warm().command),), environment=FULL) as terminal:
        terminal.wait_for("charged ")
        for width in (50, 34, 120):
            terminal.resize(width, 30)
            terminal.wait_for("charged ")
        assert terminal.end() == 4
        screen = terminal.screen()
    pictures = [line for line in screen if line.startswith("leads-") and " of 120" in line]
    assert len(pictures) == 1
    assert "halted: insufficient funds" in pictures[0]
    assert not any(line.startswith("charged ") for line in screen)
    assert sum("defastra halted: insufficient funds" in line for line in screen) == 1


@pytest.mark.parametrize("more", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"LANG": "C", "LC_ALL": "C"}])
def test_a_terminal_gets_what_it_can_show(folder: Path, more: dict[str, str]) -> None:
    """No colour, no motion, no characters beyond ASCII, as its owner says."""
    write_list(folder, *names(f"can{''.join(more)}".lower(), 3))
    with Terminal(folder, *RUN, "--yes", program=(str(warm().command),), environment=FULL | more) as terminal:
        assert terminal.end() == 0
        shown = terminal.shown
    assert ("event=start" in shown) is (more.get("TERM") == "dumb")
    assert ("\x1b[32m" in shown) is (more.get("LANG") == "C")
    assert ("━" in shown) is ("NO_COLOR" in more)


def test_a_log_that_is_asked_for_stands_above(folder: Path) -> None:
    """`-v --progress live`: a record of each request, and one picture."""
    write_list(folder, *names("above", 5))
    more = ("--yes", "-v", "--progress", "live")
    with Terminal(folder, *RUN, *more, program=(str(warm().command),), environment=FULL, size=(200, 40)) as terminal:
        assert terminal.end() == 0
        screen = terminal.screen()
    assert sum(" attempt.closed " in line for line in screen) == 5
    assert sum(line.startswith("leads-") and " of 5" in line for line in screen) == 1

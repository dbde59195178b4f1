"""`status --watch`: from another terminal, as long as there is something to be seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from runner.app import Runner
from runner.cli import watching
from runner.cli.look import Look
from runner.cli.terminal import Screen
from runner.work.results import BatchStatus
from tests.cli.place import RUN, inside, names, write_list
from tests.cli.terminal import Terminal
from tests.warm import warm


def looks(*seen: tuple[str, int, bool]) -> Callable[[], Look]:
    """One after the other: text, fingerprint, whether it is over."""
    left: Iterator[tuple[str, int, bool]] = iter(seen)

    def look() -> Look:
        text, fingerprint, over = next(left)
        return Look(text=text, value={"text": text}, fingerprint=fingerprint, over=over)

    return look


def test_without_a_terminal_it_is_written_whenever_it_has_changed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """That time goes by is no change; it ends when everything is over."""
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.0)
    seen = (("a", 1, False), ("a, a second later", 1, False), ("b", 2, False), ("c", 3, True))
    assert watching.follow(looks(*seen), Screen(), json=False) == 0
    assert capsys.readouterr().out == "a\nb\nc\n"
    watching.follow(looks(*seen), Screen(), json=True)
    assert [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()] == ["a", "b", "c"]


def test_a_batch_that_is_over_is_shown_once(folder: Path) -> None:
    """The text of `status`, in place; nothing is asked of anybody, and it ends by itself."""
    write_list(folder, *names("over", 3))
    assert inside(folder, *RUN).returncode == 0
    plain = inside(folder, "status", "leads").stdout
    environment = {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
    program = (str(warm().command),)
    with Terminal(
        folder, "status", "leads", "--watch", size=(160, 40), program=program, environment=environment
    ) as seen:
        assert seen.end() == 0
        assert [line for line in seen.screen() if line] == plain.splitlines()
    assert inside(folder, "status", "--watch").stdout == plain


@pytest.mark.parametrize("state", ["ready", "paused", "halted"])
def test_what_may_still_go_on_is_watched_and_told_once(
    state: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it waits for, until somebody cancels it; that it would be done a second later is no change to write."""
    write_list(folder, *(["rule-insufficient-funds@example.com"] if state == "halted" else names(f"still-{state}", 3)))
    inside(folder, *(RUN if state == "halted" else ("load", *RUN[1:])))
    if state == "paused":
        inside(folder, "pause", "leads")
    asked, looks = Runner.status, count(1)

    def status(library: Runner, batch: str) -> BatchStatus:
        look = next(looks)
        if look == 6:
            library.cancel(batch)
        return replace(asked(library, batch), eta_us=look * 1_000_000)

    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(Runner, "status", status)
    seen = inside(folder, "status", "leads", "--watch", "--json")
    assert [json.loads(line)["state"] for line in seen.stdout.splitlines()] == [state, "cancelled"]


def test_ctrl_c_leaves_one_picture_where_it_has_hardly_room(folder: Path) -> None:
    """The terminal writes `^C` behind the last line, which was cut to fit: that is no line more."""
    write_list(folder, *names("narrow", 3))
    assert inside(folder, "load", "leads.csv", *RUN[2:]).returncode == 0
    watch = ("status", "leads", "--watch")
    environment = {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
    with Terminal(folder, *watch, size=(30, 40), program=(str(warm().command),), environment=environment) as seen:
        seen.wait_for("next ")
        seen.wait_for("…")
        seen.press_ctrl_c()
        assert seen.end() == 130
        assert sum(line.startswith("leads-") for line in seen.screen()) == 1
